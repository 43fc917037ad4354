"""What a history asks of the server half, whichever half it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol

from core.window import Window
from locks.callbacks import Sellable

LANES = {1: 0, 2: 1}
"""Court to lane: left, right."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a history's lock was provisioned with."""

    lock: str
    root: bytes
    code_root: bytes

    @classmethod
    def of(cls, seed: int) -> "Secrets":
        """From the seed."""
        random = Random(f"secrets {seed}")
        return cls(random.randbytes(8).hex(), random.randbytes(32), random.randbytes(32))


@dataclass(frozen=True, slots=True)
class Sold:
    """A right that was issued; `rights` are (granule, length, lane, rev) and digits of each grant."""

    holder: object
    credential: tuple[int, int, int, int]
    code: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to a hello."""

    welcome: str
    desired: str | None


class Offers(Protocol):
    """What is on offer."""

    def windows(self, *, first: int, last: int, now: datetime) -> Iterable[Sellable]:
        """Every start from `first` to before `last` that may be sold."""


class ServerHalf(Protocol):
    """Grants, desired states and contacts of one lock."""

    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        """The selling rule."""

    def issue(self, window: Window, courts: frozenset[int], *, now: datetime) -> Sold | None:
        """A new right; None where the start has used up its revs."""

    def withdraw(self, holder: object, *, now: datetime) -> None:
        """Take it back."""

    def offer_changed(self, *, now: datetime) -> None:
        """What may be sold has changed."""

    def roll(self, *, now: datetime) -> None:
        """The daily turn of the horizon."""

    def publications(self, *, now: datetime) -> list[str]:
        """What a gateway publishes now."""

    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        """A contact; None where nobody is answered."""
