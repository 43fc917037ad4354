"""The only place that reads the machine's clock."""

import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")


class Clock(Protocol):
    """What edges, processes and timers are given instead of a clock of their own."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never step back, from an arbitrary origin."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def civil_day(instant: datetime) -> date:
    """The day in Asia/Tokyo that holds an aware instant."""
    return instant.astimezone(TOKYO).date()


def start_of_day(day: date) -> datetime:
    """Midnight in Asia/Tokyo at the start of a civil day, as UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=TOKYO).astimezone(UTC)


def fiscal_year(day: date) -> int:
    """The Japanese fiscal year (April to March) that holds a civil day."""
    return day.year if day.month >= 4 else day.year - 1
