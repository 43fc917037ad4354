"""A timetable that no lock could search or hold is told from one that it could."""

import json

import pytest

from locks.codes import MAX_REV
from locks.fits import TooRich, require_holdable
from locks.lists import (
    DAY,
    MIN_HORIZON_DAYS,
    MIN_LEASE_DAYS,
    Lists,
    crowd,
    fitted,
    grants_if_all_sold,
    sellable_entries,
)

FIRST = 20_000 * DAY
LATE = 900


def every(step: int, lengths: tuple[int, ...], lanes: int, days: int = 20) -> dict[tuple[int, int], int]:
    """A start every `step` granules on each lane."""
    mask = sum(1 << length for length in lengths)
    starts = range(FIRST, FIRST + days * DAY, step)
    return {(granule, lane): mask for granule in starts for lane in range(lanes)}


def opening_hours(hours: int, days: int = 20) -> dict[tuple[int, int], int]:
    """An hour each in two half courts, so many hours a day from six on."""
    starts = every(2, (2,), 2, days)
    return {start: mask for start, mask in starts.items() if 12 <= start[0] % DAY < 12 + 2 * hours}


def test_an_hour_each_in_two_lanes_fits_from_six_to_midnight() -> None:
    require_holdable(opening_hours(18), late=LATE)


def test_what_is_held_to_fit_is_sent_whole_whatever_is_sold_and_however_often() -> None:
    starts = opening_hours(18, 14)
    sold = tuple((granule, length, lane, MAX_REV) for granule, length, lane, _ in grants_if_all_sold(starts))
    first = 20_834 * DAY
    moved = {(granule - FIRST + first, lane): mask for (granule, lane), mask in starts.items()}
    grants = tuple((granule - FIRST + first, length, lane, rev) for granule, length, lane, rev in sold)
    lists = Lists(first + MIN_HORIZON_DAYS * DAY, first + MIN_LEASE_DAYS * DAY, moved, grants, {})

    def octets(candidate: Lists) -> int:
        soon = {key: mask for key, mask in candidate.starts.items() if key[0] < candidate.horizon}
        rows = [sellable_entries(soon), [list(grant) for grant in candidate.grants]]
        return len(json.dumps(rows, separators=(",", ":"))) + 1500

    assert first > 1_000_000 > FIRST
    assert len(grants) == 14 * 36
    assert fitted(lists, first=first, late=LATE, size_of=octets).shortened == frozenset()


def test_grants_and_what_may_be_sold_count_together_with_the_widest_revs() -> None:
    # Alone, and with revs of one digit, the grants of such a gym have room: 672 times 16 octets.
    with pytest.raises(TooRich, match="octets"):
        require_holdable(every(2, (2,), 2), late=LATE)


def test_too_many_candidates_at_one_instant_are_named() -> None:
    with pytest.raises(TooRich) as refused:
        require_holdable(every(12, (4, 8), 22), late=LATE)
    assert "132 candidates" in str(refused.value)
    assert len(refused.value.singles) == 44
    assert {granule for granule, _, _ in refused.value.singles} == {FIRST}
    # One lane fewer is searchable.
    require_holdable(every(12, (4, 8), 21, days=2), late=LATE)


def test_a_key_box_waits_longer_and_so_has_more_at_one_instant() -> None:
    starts = every(4, (4,), 1)
    assert len(crowd(starts, late=LATE)) == 2
    assert len(crowd(starts, late=3600)) == 2
    assert len(crowd(every(2, (2,), 1), late=3600)) == 3


def test_more_grants_than_a_lock_has_room_for_are_refused_before_they_are_sold() -> None:
    with pytest.raises(TooRich, match="octets"):
        require_holdable(every(2, (2,), 4), late=LATE)
    require_holdable(every(2, (2,), 4, days=3), late=LATE)


def test_the_most_that_can_be_sold_is_the_shortest_windows_one_after_another() -> None:
    starts = {(FIRST, 0): 1 << 2 | 1 << 4, (FIRST + 2, 0): 1 << 2, (FIRST + 3, 0): 1 << 1, (FIRST, 1): 1 << 8}
    sold = grants_if_all_sold(starts)
    assert sold[:2] == [(FIRST, 2, 0, 0), (FIRST, 8, 1, 0)]
    # Two end at one instant: either is the second of its lane.
    assert sold[2:] in ([(FIRST + 2, 2, 0, 0)], [(FIRST + 3, 1, 0, 0)])
