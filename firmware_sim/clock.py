"""The clock chip of a lock, which runs on its own and never quite right."""

import hashlib

from firmware_sim.edge import mono_s, unix_ms

FACTORY_WALL_MS = 946684800000


class DriftingClock:
    """A lock's clock chip: runs `ppm` too fast (negative: too slow) from where it was last set.

    A chip that lost its battery starts in the year 2000, as such chips do.
    """

    def __init__(self, ppm: float) -> None:
        self.ppm = ppm
        self._wall_ms = float(FACTORY_WALL_MS)
        self._since = mono_s()

    def wall_ms(self) -> int:
        elapsed_ms = (mono_s() - self._since) * 1000
        return int(self._wall_ms + elapsed_ms * (1 + self.ppm / 1_000_000))

    def set(self, wall_ms: float) -> None:
        self._wall_ms = float(wall_ms)
        self._since = mono_s()

    def lose_power(self) -> None:
        self.set(FACTORY_WALL_MS)

    def to_record(self) -> dict[str, int]:
        """What lets `resume` go on in another process as if the chip had been running in between."""
        return {"host_ms": unix_ms(), "wall_ms": self.wall_ms()}

    def resume(self, record: dict[str, int]) -> None:
        away_ms = max(0, unix_ms() - record["host_ms"])
        self.set(record["wall_ms"] + away_ms * (1 + self.ppm / 1_000_000))


def ppm_of(lock: str, most: float) -> float:
    """Each lock's own drift, from its id: up to `most` ppm either way."""
    share = int.from_bytes(hashlib.sha256(lock.encode()).digest()[:4], "big") / 0xFFFFFFFF
    return (2 * share - 1) * most
