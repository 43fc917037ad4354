"""Flash that wears out, and flash that is too small."""

import errno

from firmware_sim.dice import Dice
from firmware_sim.flash import Medium


class WornMedium:
    """Some banks do not keep what is written: one bit of it comes out wrong, and nobody says so."""

    def __init__(self, inner: Medium, dice: Dice, share: float, banks: int) -> None:
        self._inner = inner
        self._dice = dice
        self._share = share
        self._banks = banks

    def read(self, bank: int) -> bytes:
        return self._inner.read(bank)

    def write(self, bank: int, record: bytes) -> None:
        if record and bank < self._banks and self._dice.chance(self._share):
            at = self._dice.number(0, len(record) - 1)
            record = record[:at] + bytes([record[at] ^ 1 << self._dice.number(0, 7)]) + record[at + 1 :]
        self._inner.write(bank, record)


class SmallMedium:
    """Banks of a size; a longer record does not go in."""

    def __init__(self, inner: Medium, room: int) -> None:
        self._inner = inner
        self._room = room

    def read(self, bank: int) -> bytes:
        return self._inner.read(bank)

    def write(self, bank: int, record: bytes) -> None:
        if len(record) > self._room:
            raise OSError(errno.ENOSPC, "the image is longer than a bank")
        self._inner.write(bank, record)
