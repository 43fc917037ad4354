"""Sample fees and bands: made up, since Yonago's own table was not found.

Source: field.md 5 (synthetic demo table, bands).
"""

from booking.places.models import DayKind

LIGHTING_FROM_MINUTE = 17 * 60

FEES: tuple[tuple[str, str, str, int, int], ...] = (
    ("gym", "full", "base", 300, 0),
    ("gym", "half", "base", 150, 0),
    ("gym", "full", "lighting", 300, LIGHTING_FROM_MINUTE),
    ("gym", "half", "lighting", 150, LIGHTING_FROM_MINUTE),
    ("ground", "full", "base", 200, 0),
    ("ground", "full", "lighting", 1000, LIGHTING_FROM_MINUTE),
    ("martial_arts_room", "full", "base", 150, 0),
)
"""(kind of space, size, item, yen an hour, from minute of the day)."""

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
