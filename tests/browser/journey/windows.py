"""Windows on the real clock: one that runs now and is still sold, and ones after it."""

from datetime import timedelta

from core.clock import TOKYO, SystemClock
from core.window import Window, granule_of

GRANULES_A_DAY = 48


def running() -> tuple[int, int]:
    """(granule, length) of a window that runs now and is still sold: an hour, or two near its end."""
    now = SystemClock().now()
    hour = granule_of(now) // 2 * 2
    is_long_enough = Window.of_granules(hour, 2).ends_at - now > timedelta(minutes=32)
    return hour, 2 if is_long_enough else 4


def hours_ahead(hours: int, *, days: int = 0) -> int:
    """The granule of an hour that begins `hours` full hours and `days` days after the present one."""
    return granule_of(SystemClock().now()) // 2 * 2 + 2 * hours + days * GRANULES_A_DAY


def clock_words(start: int) -> str:
    """How a screen begins to name the window: `18:00〜`."""
    return f"{Window.of_granules(start, 1).starts_at.astimezone(TOKYO):%H:%M}〜"
