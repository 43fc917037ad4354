"""Consumption tax of what was sold: per rate of a whole document, rounded once. Pure.

Source: 消費税法 57条の4, 適格請求書に記載する消費税額等の端数処理 (one rounding per invoice and rate).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from booking.fees.lines import frozen_lines
from booking.fees.rounding import rounded

DEFAULT_PERCENT = 10
"""Of amounts that no line explains; tax was included in them."""


@dataclass(frozen=True, slots=True)
class RateSum:
    """What a document has at one rate. Zero per cent is not taxed."""

    percent: int
    gross_yen: int
    tax_yen: int
    """Included in `gross_yen`."""

    @property
    def net_yen(self) -> int:
        """Without tax."""
        return self.gross_yen - self.tax_yen

    def as_json(self) -> dict[str, int]:
        """As frozen into a paper."""
        return {
            "percent": self.percent,
            "gross_yen": self.gross_yen,
            "net_yen": self.net_yen,
            "tax_yen": self.tax_yen,
        }


def gross_by_rate(lines: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Yen with tax per rate of some frozen fee lines; relief counts below zero, added tax to its rate."""
    found: dict[int, int] = {}
    for line in frozen_lines(lines):
        found[line.tax_percent] = found.get(line.tax_percent, 0) + line.amount_yen
    return found


def part_by_rate(lines: Sequence[Mapping[str, Any]], amount_yen: int) -> dict[int, int]:
    """An amount of money (a refund, an item paid) spread over the rates of what it was for, to the yen.

    Rates get their share rounded down; the yen left over go to the highest rate.
    """
    whole = {percent: yen for percent, yen in gross_by_rate(lines).items() if yen > 0}
    total = sum(whole.values())
    if not total:
        return {DEFAULT_PERCENT: amount_yen}
    parts = {percent: amount_yen * yen // total for percent, yen in whole.items()}
    parts[max(parts)] += amount_yen - sum(parts.values())
    return parts


def rate_sums(gross: Iterable[Mapping[int, int]]) -> list[RateSum]:
    """Sums of a document from the parts of its items, highest rate first; each rate is rounded once, down."""
    sums: dict[int, int] = {}
    for part in gross:
        for percent, yen in part.items():
            sums[percent] = sums.get(percent, 0) + yen
    return [
        RateSum(percent, yen, included_tax(yen, percent))
        for percent, yen in sorted(sums.items(), reverse=True)
        if yen
    ]


def included_tax(gross_yen: int, percent: int) -> int:
    """The tax inside an amount, rounded towards zero."""
    tax = rounded(abs(gross_yen) * percent, 100 + percent)
    return tax if gross_yen >= 0 else -tax
