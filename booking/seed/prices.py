"""Sample fees and bands: made up, since Yonago's own table was not found.

The synthetic table gives yen, months of heating and cooling, the factor and the relief; which hours count as
dark, and that heating and cooling are sold with one sample gym alone and half of it costs half, is ours.

Source: field.md 5 (synthetic demo table, bands).
"""

from typing import NamedTuple

from booking.fees.models import ALL_MONTHS
from booking.places.models import DayKind


def _months(*months: int) -> int:
    return sum(1 << (month - 1) for month in months)


WINTER_LIGHT = _months(10, 11, 12, 1, 2, 3)
SUMMER_LIGHT = ALL_MONTHS ^ WINTER_LIGHT
COOLING = _months(6, 7, 8, 9)
HEATING = _months(12, 1, 2, 3)


class SampleFee(NamedTuple):
    """使用料 an hour."""

    space_kind: str
    size: str
    item: str
    yen: int
    from_minute: int = 0
    until_minute: int = 1440
    months: int = ALL_MONTHS


_LIT = (("gym", "full", 300), ("gym", "half", 150), ("ground", "full", 1000))
_AIRED = (("full", 700), ("half", 350))

FEES: tuple[SampleFee, ...] = (
    SampleFee("gym", "full", "base", 300),
    SampleFee("gym", "half", "base", 150),
    SampleFee("ground", "full", "base", 200),
    SampleFee("martial_arts_room", "full", "base", 150),
    *(SampleFee(kind, size, "lighting", yen, 17 * 60, 1440, WINTER_LIGHT) for kind, size, yen in _LIT),
    *(SampleFee(kind, size, "lighting", yen, 18 * 60, 1440, SUMMER_LIGHT) for kind, size, yen in _LIT),
    *(SampleFee(kind, size, "lighting", yen, 0, 5 * 60) for kind, size, yen in _LIT),
    *(SampleFee("gym", size, "cooling", yen, months=COOLING) for size, yen in _AIRED),
    *(SampleFee("gym", size, "heating", yen, months=HEATING) for size, yen in _AIRED),
)
"""Light is charged for bands that begin in the dark; over midnight by the hours after it."""

FACTORS: tuple[tuple[str, str, int], ...] = tuple(
    ("out_of_town", item, 200) for item in ("base", "lighting", "cooling", "heating")
)
"""(kind, item, percent): out of town, everything costs twice as much."""

RELIEF: tuple[tuple[str, str, int], ...] = (("youth", "base", 100), ("youth", "lighting", 50))
"""(category of group, item, percent off)."""

_EVENING = ((18, 20), (20, 22))
_WHOLE_DAY = ((8, 10), (10, 12), (13, 15), (15, 17), *_EVENING)

BANDS: dict[DayKind, tuple[tuple[int, int], ...]] = {
    DayKind.WEEKDAY: _EVENING,
    DayKind.SATURDAY: _WHOLE_DAY,
    DayKind.HOLIDAY: _WHOLE_DAY,
    DayKind.VACATION: _WHOLE_DAY,
}
"""Hours of the municipality's bands; closed days have none."""

AROUND_THE_CLOCK = tuple((hour, hour + 1) for hour in range(24))
