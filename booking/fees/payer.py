"""Who pays: the class of a group, what raises its fees, and the relief it was granted. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce


class Scope(StrEnum):
    """How far a granted application reaches."""

    FULL = "full"
    """全額免除."""
    PERCENT = "percent"
    """So many percent off every item."""
    BASE_ONLY = "base_only"
    """The base fee is free; lighting, heating and cooling are paid."""


@dataclass(frozen=True, slots=True)
class Payer:
    """What of a group its fees go by."""

    category: str
    is_out_of_town: bool = False
    is_commercial: bool = False

    @property
    def factor_kinds(self) -> tuple[str, ...]:
        """The kinds of factor that concern it, in the order in which lines name them."""
        told = (("out_of_town", self.is_out_of_town), ("commercial", self.is_commercial))
        return tuple(kind for kind, concerns in told if concerns)


@dataclass(frozen=True, slots=True)
class Relief:
    """減免 granted on application, in percent off the base fee and off every other item."""

    base_percent: int
    other_percent: int

    @classmethod
    def of_decision(cls, scope: Scope, percent: int | None) -> "Relief":
        """What a decision gives; `percent` counts for `Scope.PERCENT` alone."""
        if scope is Scope.FULL:
            return cls(100, 100)
        if scope is Scope.BASE_ONLY:
            return cls(100, 0)
        return cls(percent or 0, percent or 0)

    def percent_of(self, item: str) -> int:
        """Percent off an item."""
        return self.base_percent if item == "base" else self.other_percent

    def better(self, other: "Relief") -> "Relief":
        """The better of two for the group, item by item."""
        return Relief(
            max(self.base_percent, other.base_percent), max(self.other_percent, other.other_percent)
        )


def best_of(reliefs: Iterable[Relief]) -> Relief | None:
    """What several granted applications give together; None without any."""
    found = list(reliefs)
    return reduce(Relief.better, found) if found else None
