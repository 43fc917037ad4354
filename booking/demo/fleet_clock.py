"""A town's compressed time as the clock that edges and processes are given."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import Clock, SystemClock

_MACHINE = SystemClock()


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """`starts_at` at the machine's monotonic second `origin`, then `speed` seconds a second.

    Every process of one machine that is given the same three reads the same time.
    """

    starts_at: datetime
    origin: float
    speed: float
    machine: Clock = _MACHINE

    def now(self) -> datetime:
        """The town's present instant."""
        return self.starts_at + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Town seconds since the origin."""
        return (self.machine.monotonic() - self.origin) * self.speed

    def options(self) -> list[str]:
        """For the command line of another process; `parsed` reads them."""
        return [
            *("--starts-at", self.starts_at.isoformat()),
            *("--origin", repr(self.origin)),
            *("--speed", repr(self.speed)),
        ]
