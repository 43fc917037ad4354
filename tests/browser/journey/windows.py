"""Windows on the real clock: one that runs now and is still sold, and ones after it."""

from datetime import timedelta

from core.clock import TOKYO, SystemClock
from core.window import Window, granule_of

GRANULES_A_DAY = 48


def running() -> tuple[int, int]:
    """(granule, length) of a window that runs now and is still sold: an hour, or two near its end."""
    now = SystemClock().now()
    hour = granule_of(now) // 2 * 2
    if Window.of_granules(hour, 2).ends_at - now > timedelta(minutes=32):
        return hour, 2
    # The day's last hour has no second one after it, but the next day's first lets in ten minutes early.
    return (hour + 2, 2) if now.astimezone(TOKYO).hour == 23 else (hour, 4)


def hours_ahead(hours: int, *, days: int = 0) -> int:
    """The granule of an hour that begins `hours` full hours and `days` days after the present one."""
    return granule_of(SystemClock().now()) // 2 * 2 + 2 * hours + days * GRANULES_A_DAY


def clock_words(start: int, length: int) -> str:
    """The window as a screen names it: `18:00〜19:00`."""
    window = Window.of_granules(start, length)
    ends = f"{window.ends_at.astimezone(TOKYO):%H:%M}"
    return f"{window.starts_at.astimezone(TOKYO):%H:%M}〜{'24:00' if ends == '00:00' else ends}"
