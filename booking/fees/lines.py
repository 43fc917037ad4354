"""The lines of a price, as frozen into a reservation and as papers print them. Their sum is the amount."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from booking.fees.payer import Relief
from booking.fees.rounding import rounded

LABELS = {
    "base": "使用料",
    "lighting": "照明使用料",
    "heating": "暖房使用料",
    "cooling": "冷房使用料",
}
TAX = "tax"
_RELIEF = "relief_"
_OLD_TAX_PERCENT = 10
"""Lines frozen before lines knew their rate: everything was sold at this one, included."""


@dataclass(frozen=True, slots=True)
class FeeLine:
    """A line of a price. Relief and added tax have lines of their own; relief's amounts are below zero."""

    item: str
    label: str
    hours: int
    """Hours charged, a begun one counts."""
    yen_per_hour: int
    """Yen for an hour (`unit` band: for a band) as the table has it; zero on lines of relief and tax."""
    amount_yen: int
    quantity: int = 0
    """How many of `unit`."""
    unit: str = "hour"
    """hour | half_hour | band"""
    tax_percent: int = _OLD_TAX_PERCENT
    round_to_yen: int = 1
    """Its amount, and its relief's, is a multiple of it."""

    @classmethod
    def of_json(cls, frozen: Mapping[str, Any]) -> "FeeLine":
        """A line as a reservation keeps it, whenever it was sold."""
        names = cls.__dataclass_fields__
        return cls(**{"quantity": frozen["hours"], **{k: v for k, v in frozen.items() if k in names}})

    def as_json(self) -> dict[str, Any]:
        """As frozen into a reservation."""
        return asdict(self)

    @property
    def is_relief(self) -> bool:
        """Whether it takes something off another line."""
        return self.item.startswith(_RELIEF)

    @property
    def is_charge(self) -> bool:
        """Whether it is neither relief nor added tax."""
        return not self.is_relief and self.item != TAX


@dataclass(frozen=True, slots=True)
class Tax:
    """消費税 of the lines of one rate."""

    percent: int
    net_yen: int
    """Without the tax."""
    tax_yen: int


def tax_of(lines: Iterable[FeeLine]) -> list[Tax]:
    """The tax in these lines by rate, the highest first: one rounding, down, for each rate.

    The nets and taxes sum to the lines; rates without any yen are left out. Tax that was added comes out as
    its line says: it was rounded down when it was added, so taking it out of the sum gives the same yen.
    """
    sums: dict[int, int] = {}
    for line in lines:
        sums[line.tax_percent] = sums.get(line.tax_percent, 0) + line.amount_yen
    found = []
    for percent, total in sorted(sums.items(), reverse=True):
        if total:
            tax = rounded(total * percent, 100 + percent)
            found.append(Tax(percent, total - tax, tax))
    return found


def relief_line(charge: FeeLine, percent: int, *, by_decision: bool) -> FeeLine | None:
    """What `percent` takes off a charge, rounded down to its multiple; None where that is nothing."""
    off = rounded(charge.amount_yen * percent, 100, to_yen=charge.round_to_yen)
    if not off:
        return None
    why = "減免決定" if by_decision else "減免"
    label = f"{why}（{LABELS.get(charge.item, charge.item)} {percent}%）"
    return replace(charge, item=f"{_RELIEF}{charge.item}", label=label, yen_per_hour=0, amount_yen=-off)


def better_line(first: FeeLine | None, second: FeeLine | None) -> FeeLine | None:
    """The relief that takes off more; the first where they are equal."""
    if first is None or second is None:
        return first or second
    return second if second.amount_yen < first.amount_yen else first


def composed(
    charges: Iterable[tuple[FeeLine, FeeLine | None]], *, added_tax_percent: int | None
) -> tuple[FeeLine, ...]:
    """Charges, each with its relief behind it, and the tax where it is added to them."""
    lines = [line for pair in charges for line in pair if line is not None]
    if added_tax_percent:
        total = sum(line.amount_yen for line in lines)
        tax = rounded(total * added_tax_percent, 100)
        if tax:
            label = f"消費税（{added_tax_percent}%）"
            lines.append(FeeLine(TAX, label, 0, 0, tax, tax_percent=added_tax_percent))
    return tuple(lines)


def relieved(lines: Sequence[FeeLine], relief: Relief) -> tuple[FeeLine, ...]:
    """Lines as sold, with a relief that was granted afterwards where it is better for the group.

    Nothing of the table is asked again: what was charged stays as it was sold.
    """
    pairs: list[tuple[FeeLine, FeeLine | None]] = []
    for line in lines:
        if line.is_charge:
            pairs.append((line, relief_line(line, relief.percent_of(line.item), by_decision=True)))
        elif line.is_relief:
            charge, granted = pairs[-1]
            pairs[-1] = (charge, better_line(line, granted))
    added = [line.tax_percent for line in lines if line.item == TAX]
    return composed(pairs, added_tax_percent=added[0] if added else None)


def relief_yen_of(lines: Iterable[FeeLine]) -> int:
    """What relief takes off, positive."""
    return -sum(line.amount_yen for line in lines if line.is_relief)


def gross_yen_of(lines: Iterable[FeeLine]) -> int:
    """What would be charged without relief, before any added tax."""
    return sum(line.amount_yen for line in lines if line.is_charge)


def frozen_lines(fee_lines: Iterable[Mapping[str, Any]]) -> tuple[FeeLine, ...]:
    """The lines of a reservation's `fee_lines`."""
    return tuple(FeeLine.of_json(line) for line in fee_lines)


def taxes_of(lines: Iterable[FeeLine | Mapping[str, Any]]) -> list[Tax]:
    """`tax_of` lines or frozen lines, for pages."""
    return tax_of(_as_line(line) for line in lines)


def _as_line(line: FeeLine | Mapping[str, Any]) -> FeeLine:
    return line if isinstance(line, FeeLine) else FeeLine.of_json(line)


def measure(line: FeeLine | Mapping[str, Any]) -> str:
    """How a charge came about: `300円 × 2時間`, `1,500円 × 1区分`; empty for relief and tax."""
    line = _as_line(line)
    if not line.yen_per_hour:
        return ""
    if line.unit == "band":
        return f"{line.yen_per_hour:,}円 × {line.quantity}区分"
    if line.unit == "half_hour":
        return f"1時間{line.yen_per_hour:,}円 × {line.quantity * 30}分"
    return f"{line.yen_per_hour:,}円 × {line.hours}時間"
