"""When a battery is called low, by its days' lowest voltages."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from locks.battery import EMPTY_MV, BatteryDay, forecast

FIRST = date(2026, 11, 1)


def falling(days: int, *, start_mv: float, per_day: float, temperature_c: int = 20) -> list[BatteryDay]:
    return [
        BatteryDay(FIRST + timedelta(days=day), round(start_mv - per_day * day), temperature_c)
        for day in range(days)
    ]


def test_with_six_days_nothing_is_forecast_and_with_seven_it_is() -> None:
    assert forecast([]) is None
    six, seven = (forecast(falling(days, start_mv=5600, per_day=50)) for days in (6, 7))
    assert six is not None
    assert seven is not None
    assert (six.empty_on, seven.empty_on) == (None, FIRST + timedelta(days=28))


def test_the_lowest_is_that_of_the_last_seven_days() -> None:
    seen = forecast(falling(20, start_mv=5600, per_day=10))
    assert seen is not None
    assert seen.lowest_mv == 5600 - 190
    older = [BatteryDay(FIRST - timedelta(days=9), 4700, 20), *falling(7, start_mv=5500, per_day=0)]
    recent = forecast(older)
    assert recent is not None
    assert recent.lowest_mv == 5500


def test_a_steady_battery_has_no_empty_day() -> None:
    seen = forecast(falling(28, start_mv=5600, per_day=0))
    assert seen is not None
    assert (seen.empty_on, seen.is_low(FIRST + timedelta(days=28))) == (None, False)


@pytest.mark.parametrize("years", [0.25, 0.5, 1, 2, 4])
def test_a_battery_is_called_low_two_weeks_before_it_is_empty_or_earlier(years: float) -> None:
    empty_day, warned_day = years * 365, None
    curve = [(day, _alkaline_mv(day / empty_day)) for day in range(int(empty_day) + 1)]
    for day, _ in curve:
        window = [
            BatteryDay(FIRST + timedelta(days=at), mv, 20) for at, mv in curve[max(0, day - 27) : day + 1]
        ]
        seen = forecast(window)
        if seen is not None and seen.is_low(FIRST + timedelta(days=day)):
            warned_day = day
            break
    empty_at = next(day for day, mv in curve if mv <= EMPTY_MV)
    assert warned_day is not None
    assert empty_at - warned_day >= 14


def test_a_cold_night_does_not_bring_the_empty_day_near_by_itself() -> None:
    warm = falling(20, start_mv=5500, per_day=1)
    cold = [BatteryDay(FIRST + timedelta(days=20 + day), 5480 - 30 * 6 - day, -10) for day in range(5)]
    seen = forecast([*warm, *cold])
    assert seen is not None
    assert not seen.is_low(FIRST + timedelta(days=25))
    unaware = forecast([BatteryDay(day.day, day.lowest_mv, None) for day in [*warm, *cold]])
    assert unaware is not None
    assert unaware.empty_on is not None
    assert seen.empty_on is None or seen.empty_on > unaware.empty_on


def test_a_frost_makes_a_falling_battery_empty_earlier() -> None:
    mild = falling(14, start_mv=5300, per_day=20)
    last = mild[-1]
    frosty = [*mild[:-1], BatteryDay(last.day, last.lowest_mv - 30 * 6, -10)]
    without, with_frost = (forecast(days) for days in (mild, frosty))
    assert without is not None
    assert with_frost is not None
    assert without.empty_on == FIRST + timedelta(days=55)
    assert with_frost.empty_on == without.empty_on - timedelta(days=30 * 6 // 20)


def _alkaline_mv(used: float) -> int:
    """Four alkaline cells over their life: quick at first, long and even, quick at the end."""
    points = ((0.0, 6200), (0.1, 5700), (0.5, 5100), (0.8, 4750), (0.95, 4400), (1.0, 4000))
    for (x0, y0), (x1, y1) in pairwise(points):
        if used <= x1:
            return round(y0 + (y1 - y0) * (used - x0) / (x1 - x0))
    return points[-1][1]
