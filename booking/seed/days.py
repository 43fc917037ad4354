"""Which days are no ordinary weekdays: public holidays, school vacations, the year's end."""

from collections.abc import Iterable
from datetime import date, timedelta

import holidays

from booking.places.models import DayKind

# Sample dates of ours, in the usual span of schools in the region.
_VACATIONS = (
    ("春休み", (3, 25), (4, 6)),
    ("夏休み", (7, 21), (8, 25)),
    ("冬休み", (12, 24), (1, 7)),
)
_CLOSED_NAME = "年末年始"


def calendar_days(years: Iterable[int]) -> dict[date, tuple[DayKind, str]]:
    """Every day of these years whose kind does not follow from its weekday, in order.

    The year's end goes before a holiday, a holiday before a vacation; a vacation's weekends stay weekends.
    """
    wanted = sorted(years)
    named = holidays.country_holidays("JP", years=wanted, language="ja")
    found: dict[date, tuple[DayKind, str]] = {}
    day, end = date(wanted[0], 1, 1), date(wanted[-1], 12, 31)
    while day <= end:
        vacation = _vacation(day)
        if (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3):
            found[day] = (DayKind.CLOSED, _CLOSED_NAME)
        elif day in named:
            found[day] = (DayKind.HOLIDAY, str(named[day]))
        elif vacation is not None and day.weekday() < 5:
            found[day] = (DayKind.VACATION, vacation)
        day += timedelta(days=1)
    return found


def _vacation(day: date) -> str | None:
    at = (day.month, day.day)
    for name, first, last in _VACATIONS:
        if first <= last and first <= at <= last:
            return name
        if first > last and (at >= first or at <= last):
            return name
    return None
