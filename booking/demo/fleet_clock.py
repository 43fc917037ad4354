"""A town's compressed time as the clock that edges and processes are given."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

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

    def write(self, file: Path) -> None:
        """For other processes of this machine; `read` reads it."""
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps([self.starts_at.isoformat(), self.origin, self.speed]))
        draft.replace(file)

    @classmethod
    def read(cls, file: Path) -> "ScaledClock":
        """What another process has written."""
        starts_at, origin, speed = json.loads(file.read_text())
        return cls(datetime.fromisoformat(starts_at), origin, speed)
