"""The sandbox's clock and entropy: the only file in this folder that reads either."""

from __future__ import annotations

import secrets
import threading
import time


class Clock:
    """Seconds since the epoch as the sandbox sees them: the machine's clock plus what it was told to skip."""

    def __init__(self, offset_s: int = 0) -> None:
        self._offset_s = offset_s
        self._lock = threading.Lock()

    @property
    def offset_s(self) -> int:
        """Seconds this clock is ahead of the machine's."""
        return self._offset_s

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return wall_now() + self._offset_s

    def advance(self, seconds: int) -> int:
        """Move forward by `seconds`; the new reading.

        Raises:
            ValueError: backwards, which would revive expired sessions.
        """
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        with self._lock:
            self._offset_s += seconds
        return self.now()


def wall_now() -> int:
    """The machine's clock. Signatures carry it, because a receiver compares them with its own clock."""
    return int(time.time())


def hold(seconds: float) -> None:
    """Keep a caller waiting in real time: a slow answer is about the wire, not about our clock."""
    if seconds > 0:
        time.sleep(seconds)


def fresh_seed() -> str:
    """Entropy for object ids where no `--seed` asks for the same ids in every run."""
    return secrets.token_hex(16)
