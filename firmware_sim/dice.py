"""Chance that can be repeated: every draw comes from a seed and how many were drawn before."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The same draws on every machine for the same seed; two seeds share nothing."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def share(self) -> float:
        """From 0 up to, not including, 1."""
        self._drawn += 1
        octets = hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()
        return int.from_bytes(octets[:6], "big") / (1 << 48)

    def chance(self, share: float) -> bool:
        return self.share() < share

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.number(0, len(choices) - 1)]
