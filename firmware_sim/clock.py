"""The clock chip of a lock, which runs on its own and never quite right."""

import hashlib
from collections.abc import Callable

from firmware_sim.edge import Host

FACTORY_WALL_MS = 946684800000
PIECE_S = 900.0
PIECES = 400
"""A long sleep is counted in pieces, each at its own temperature; not in more than this many."""


class DriftingClock:
    """A lock's clock chip: runs `ppm` too fast (negative: too slow) from where it was last set.

    `ppm_at`: the same for an instant in Unix seconds, where it depends on how warm it is. A chip that lost
    its battery starts in the year 2000, as such chips do.
    """

    def __init__(
        self, ppm: float, host: Host | None = None, ppm_at: Callable[[float], float] | None = None
    ) -> None:
        self.ppm = ppm
        self._host = host or Host()
        self._ppm_at = ppm_at or (lambda _: ppm)
        self._wall_ms = float(FACTORY_WALL_MS)
        self._since = self._host.mono_s()

    def wall_ms(self) -> int:
        now = self._host.mono_s()
        self._wall_ms += self._ran_ms(now - self._since)
        self._since = now
        return int(self._wall_ms)

    def set(self, wall_ms: float) -> None:
        self._wall_ms = float(wall_ms)
        self._since = self._host.mono_s()

    def lose_power(self) -> None:
        self.set(FACTORY_WALL_MS)

    def to_record(self) -> dict[str, int]:
        """What lets `resume` go on in another process as if the chip had been running in between."""
        return {"host_ms": self._host.unix_ms(), "wall_ms": self.wall_ms()}

    def resume(self, record: dict[str, int]) -> None:
        away_ms = max(0, self._host.unix_ms() - record["host_ms"])
        self.set(record["wall_ms"] + self._ran_ms(away_ms / 1000))

    def _ran_ms(self, seconds: float) -> float:
        """What the chip counts while so many seconds pass, which end now."""
        end_s = self._host.unix_ms() / 1000
        piece = max(PIECE_S, seconds / PIECES)
        ran, left = 0.0, seconds
        while left > 0:
            passed = min(piece, left)
            ran += passed * 1000 * (1 + self._ppm_at(end_s - left + passed / 2) / 1_000_000)
            left -= passed
        return ran


def ppm_of(lock: str, most: float) -> float:
    """Each lock's own drift, from its id: up to `most` ppm either way."""
    share = int.from_bytes(hashlib.sha256(lock.encode()).digest()[:4], "big") / 0xFFFFFFFF
    return (2 * share - 1) * most
