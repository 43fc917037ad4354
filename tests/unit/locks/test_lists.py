"""A desired state fits the lock: candidates, octets, and what is left out when it does not."""

from locks.lists import (
    DAY,
    MAX_CANDIDATES,
    MAX_OCTETS,
    Lists,
    candidates_at_most,
    fitted,
    floors_of,
    sellable_entries,
)

FIRST = 1_000_000
LATE = 900


def lists(starts: dict[tuple[int, int], int], grants: tuple[tuple[int, int, int, int], ...] = ()) -> Lists:
    return Lists(FIRST + 14 * DAY, FIRST + 45 * DAY, starts, grants, {})


def size(candidate: Lists) -> int:
    entries = sellable_entries(candidate.starts)
    return len(str([entries, [list(grant) for grant in candidate.grants]]).replace(" ", ""))


def test_what_fits_is_left_alone() -> None:
    given = lists({(FIRST + 4, 0): 1 << 4, (FIRST + 4, 1): 1 << 4})
    assert fitted(given, first=FIRST, late=LATE, size_of=size) == given


def test_lanes_with_the_same_lengths_share_an_entry_and_others_do_not() -> None:
    starts = {(FIRST, 0): 1 << 4 | 1 << 8, (FIRST, 1): 1 << 4, (FIRST, 2): 1 << 4}
    assert sellable_entries(starts) == [[FIRST, [4], 6], [FIRST, [4, 8], 1]]


def test_no_instant_has_more_candidates_than_a_lock_can_compute() -> None:
    crowded = {(FIRST + granule, lane): 0b111110 for granule in range(3 * DAY) for lane in range(8)}
    # The control: unfitted it is far too much.
    assert candidates_at_most(crowded, late=LATE) > MAX_CANDIDATES
    kept = fitted(lists(crowded), first=FIRST, late=LATE, size_of=lambda _: 0)
    assert 0 < candidates_at_most(kept.starts, late=LATE) <= MAX_CANDIDATES
    assert kept.shortened == {"omitted"}


def test_a_crowd_beyond_three_days_shortens_the_horizon_to_before_it() -> None:
    calm = {(FIRST + granule, 0): 1 << 2 for granule in range(0, 4 * DAY, 2)}
    crowd = {(FIRST + 4 * DAY, lane): 0b111110 for lane in range(16)}
    kept = fitted(lists(calm | crowd), first=FIRST, late=LATE, size_of=lambda _: 0)
    assert kept.horizon == FIRST + 4 * DAY
    assert kept.starts == calm
    assert kept.shortened == {"horizon"}


def test_too_many_octets_shorten_the_horizon_first_then_the_lease_and_no_further() -> None:
    starts = {
        (FIRST + granule, lane): 0b10101 << 2 * lane for granule in range(14 * DAY) for lane in range(2)
    }
    grants = tuple((FIRST + granule, 2, 0, 0) for granule in range(0, 45 * DAY, 2))
    short = fitted(lists(starts), first=FIRST, late=LATE, size_of=size)
    assert size(short) <= MAX_OCTETS
    assert FIRST + 3 * DAY <= short.horizon < FIRST + 14 * DAY
    assert short.grants_until == FIRST + 45 * DAY
    assert all(granule < short.horizon for granule, _ in short.starts)
    both = fitted(lists(starts, grants), first=FIRST, late=LATE, size_of=size)
    assert size(both) <= MAX_OCTETS
    assert both.horizon == FIRST + 3 * DAY
    assert FIRST + 14 * DAY <= both.grants_until < FIRST + 45 * DAY
    assert all(grant[0] < both.grants_until for grant in both.grants)


def test_what_fits_in_no_way_leaves_the_latest_starts_out() -> None:
    starts = {(FIRST + granule, lane): 1 << 2 + lane for granule in range(DAY) for lane in range(4)}
    kept = fitted(lists(starts), first=FIRST, late=LATE, size_of=lambda some: 300 * len(some.starts))
    assert 0 < len(kept.starts) * 300 <= MAX_OCTETS
    assert "omitted" in kept.shortened
    assert max(kept.starts) < max(starts)


def sold_out(floors: bool = True) -> Lists:
    """Both halves sold every hour for 45 days, each cancelled and sold again before."""
    grants = tuple((FIRST + granule, 2, lane, 12) for granule in range(0, 45 * DAY, 2) for lane in range(2))
    starts = {(granule, lane): 1 << 2 for granule, _, lane, _ in grants if granule < FIRST + 14 * DAY}
    again = {(granule, lane): rev for granule, _, lane, rev in grants} if floors else {}
    return Lists(FIRST + 14 * DAY, FIRST + 45 * DAY, starts, grants, again)


def whole_size(candidate: Lists) -> int:
    return size(candidate) + len(str(floors_of(candidate)).replace(" ", ""))


def test_a_lock_is_never_sent_more_than_it_holds_however_much_is_sold() -> None:
    # The control: at the shortest lease the grants alone are too many.
    least = [grant for grant in sold_out().grants if grant[0] < FIRST + 14 * DAY]
    assert whole_size(Lists(FIRST, FIRST, {}, tuple(least), sold_out().floors)) > MAX_OCTETS
    kept = fitted(sold_out(), first=FIRST, late=LATE, size_of=whole_size)
    assert whole_size(kept) <= MAX_OCTETS
    assert "short_lease" in kept.shortened
    assert FIRST < kept.grants_until < FIRST + 14 * DAY
    # Whoever is inside the lease is listed, nobody is half listed, and nothing is sold that is not listed.
    assert kept.grants == tuple(grant for grant in sold_out().grants if grant[0] < kept.grants_until)
    assert kept.floors.keys() == {(granule, lane) for granule, _, lane, _ in kept.grants}
    assert kept.starts == {}
    assert kept.horizon == FIRST + 3 * DAY


def test_starts_are_left_out_before_the_lease_goes_below_14_days() -> None:
    kept = fitted(sold_out(floors=False), first=FIRST, late=LATE, size_of=size)
    assert size(kept) <= MAX_OCTETS
    assert kept.shortened == {"horizon", "lease", "omitted"}
    assert kept.grants_until == FIRST + 14 * DAY


def test_a_floor_stays_where_its_start_may_still_be_sold() -> None:
    starts = {(FIRST + granule, 0): 1 << 2 for granule in range(0, 14 * DAY, 2)}
    late_floors = {(FIRST + 44 * DAY, 0): 1, (FIRST + 2 * DAY, 0): 2}
    grants = tuple((FIRST + granule, 2, 0, 0) for granule in range(0, 45 * DAY, 2))
    lists = Lists(FIRST + 14 * DAY, FIRST + 45 * DAY, starts, grants, late_floors)
    kept = fitted(lists, first=FIRST, late=LATE, size_of=lambda some: size(some) + 5_000)
    assert "lease" in kept.shortened
    assert dict(kept.floors) == {(FIRST + 2 * DAY, 0): 2}
