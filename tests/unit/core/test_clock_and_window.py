"""Civil days, fiscal years, the grid."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SystemClock, civil_day, fiscal_year, start_of_day
from core.window import GRANULE, Window, granule_of, granule_start

T0 = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def test_midnight_in_tokyo_begins_the_day() -> None:
    assert civil_day(T0) == date(2026, 11, 22)
    assert civil_day(T0 - timedelta(microseconds=1)) == date(2026, 11, 21)
    assert start_of_day(date(2026, 11, 22)) == T0


@pytest.mark.parametrize(
    "day, year",
    [
        (date(2026, 3, 31), 2025),
        (date(2026, 4, 1), 2026),
        (date(2026, 12, 31), 2026),
        (date(2027, 1, 1), 2026),
        (date(2028, 2, 29), 2027),
    ],
)
def test_the_fiscal_year_begins_in_april(day: date, year: int) -> None:
    assert fiscal_year(day) == year


def test_the_machines_clock_is_aware_and_never_steps_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_a_window_covers_every_granule_it_touches() -> None:
    first = granule_of(T0)
    assert list(Window(T0, T0 + 2 * GRANULE).granules) == [first, first + 1]
    inside = Window(T0 + timedelta(minutes=1), T0 + timedelta(minutes=31))
    assert list(inside.granules) == [first, first + 1]
    assert not inside.is_aligned


def test_a_window_needs_aware_instants_and_a_length() -> None:
    with pytest.raises(ValueError, match="ends after"):
        Window(T0, T0)
    with pytest.raises(ValueError, match="aware"):
        Window(T0.replace(tzinfo=None), T0.replace(tzinfo=None) + GRANULE)


@settings(deadline=None)
@given(st.integers(0, 1 << 22), st.integers(1, 48))
def test_a_window_of_granules_reads_back(first: int, length: int) -> None:
    window = Window.of_granules(first, length)
    assert window.is_aligned
    assert window.granules == range(first, first + length)
    assert granule_of(granule_start(first)) == first
