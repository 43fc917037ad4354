"""A timetable that no lock could search or hold is told from one that it could."""

import pytest

from locks.fits import TooRich, require_holdable
from locks.lists import DAY, crowd, grants_if_all_sold

FIRST = 20_000 * DAY
LATE = 900


def every(
    step: int, lengths: tuple[int, ...], lanes: int, days: int = 20, *, first: int = FIRST
) -> dict[tuple[int, int], int]:
    """A start every `step` granules on each lane."""
    mask = sum(1 << length for length in lengths)
    starts = range(first, first + days * DAY, step)
    return {(granule, lane): mask for granule in starts for lane in range(lanes)}


def test_an_hour_each_in_two_lanes_fits() -> None:
    require_holdable(every(2, (2, 4), 2), late=LATE)


def test_what_fits_before_granules_have_seven_digits_fits_after() -> None:
    for first in (FIRST, 20_830 * DAY, 20_900 * DAY):
        require_holdable(every(2, (2, 4), 2, first=first), late=LATE)
        with pytest.raises(TooRich, match="octets"):
            require_holdable(every(2, (2,), 3, first=first), late=LATE)
    assert FIRST < 1_000_000 < 20_900 * DAY


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
