"""Power that goes while flash is written, or at any other moment."""

from firmware_sim.dice import Dice
from firmware_sim.flash import Medium


class PowerCut(Exception):
    """The lock has no power from here on; what RAM held is gone. `clock_kept`: the clock chip ran on."""

    def __init__(self, clock_kept: bool) -> None:
        super().__init__("power cut")
        self.clock_kept = clock_kept


class CuttingMedium:
    """Loses power before a write, after so many bytes of it, or right after it."""

    def __init__(self, inner: Medium, dice: Dice, share: float, clock_lost_share: float) -> None:
        self._inner = inner
        self._dice = dice
        self._share = share
        self._clock_lost_share = clock_lost_share

    def read(self, bank: int) -> bytes:
        return self._inner.read(bank)

    def write(self, bank: int, record: bytes) -> None:
        if not self._dice.chance(self._share):
            self._inner.write(bank, record)
            return
        torn = self._dice.one_of((0, self._dice.number(1, max(1, len(record) - 1)), len(record)))
        if torn:
            self._inner.write(bank, record[:torn] + self._inner.read(bank)[torn:])
        raise PowerCut(not self._dice.chance(self._clock_lost_share))


class Moments:
    """Instants that come again and again: about every so many seconds, never at the same distance."""

    def __init__(self, dice: Dice, every_s: float, mono: float) -> None:
        self._dice = dice
        self._every_s = every_s
        self.next: float | None = mono + self._wait() if every_s else None

    def is_due(self, mono: float) -> bool:
        """Whether the next one has come; then the one after it is drawn."""
        if self.next is None or mono < self.next:
            return False
        self.next = mono + self._wait()
        return True

    def _wait(self) -> float:
        return self._every_s * self._dice.between(0.5, 1.5)
