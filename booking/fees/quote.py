"""What a window of an offering costs a category of group. Pure: asks the catalogue, never the database."""

from dataclasses import dataclass
from typing import Any

from booking.places.entries import Band, Catalogue, FeeRateEntry
from core.clock import TOKYO, civil_day
from core.window import Window

_LABELS = {"base": "使用料", "lighting": "照明使用料"}


@dataclass(frozen=True, slots=True)
class FeeLine:
    """A line of a quote. Relief has lines of its own, with amounts below zero."""

    item: str
    label: str
    hours: int
    yen_per_hour: int
    amount_yen: int

    def as_json(self) -> dict[str, Any]:
        """As frozen into a reservation."""
        return {
            "item": self.item,
            "label": self.label,
            "hours": self.hours,
            "yen_per_hour": self.yen_per_hour,
            "amount_yen": self.amount_yen,
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """Lines and their sum, whole yen, never below zero."""

    lines: tuple[FeeLine, ...]
    amount_yen: int


def quote(catalogue: Catalogue, *, offering_id: int, window: Window, category: str) -> Quote:
    """The price of a window. An item is charged for bands that start at or after its minute of the day.

    Part hours count as whole ones, an item at a time. A kind of space without a rate is free.

    Source: field.md 2 (fees), 5 (synthetic table).
    """
    offering = catalogue.offering(offering_id)
    day = civil_day(window.starts_at)
    bands = [
        band
        for band in catalogue.bands_from(offering_id, day)
        if window.starts_at <= band.window.starts_at and band.window.ends_at <= window.ends_at
    ]
    rates = catalogue.fee_rates.get((offering.space_kind, offering.size), ())
    lines: list[FeeLine] = []
    for item in dict.fromkeys(rate.item for rate in rates):
        in_force = [rate for rate in rates if rate.item == item and rate.valid_from <= day]
        if in_force:
            newest = max(in_force, key=lambda rate: rate.valid_from)
            lines += _lines_of(newest, bands, catalogue.relief_percent.get((category, item), 0))
    return Quote(tuple(lines), sum(line.amount_yen for line in lines))


def _lines_of(rate: FeeRateEntry, bands: list[Band], percent: int) -> list[FeeLine]:
    minutes = sum(band.length * 30 for band in bands if _starts_minute(band) >= rate.from_minute)
    hours = -(-minutes // 60)
    amount = hours * rate.yen_per_hour
    if not amount:
        return []
    label = _LABELS.get(rate.item, rate.item)
    lines = [FeeLine(rate.item, label, hours, rate.yen_per_hour, amount)]
    relieved = amount * percent // 100
    if relieved:
        lines.append(FeeLine(f"relief_{rate.item}", f"減免（{label} {percent}%）", hours, 0, -relieved))
    return lines


def _starts_minute(band: Band) -> int:
    local = band.window.starts_at.astimezone(TOKYO)
    return local.hour * 60 + local.minute
