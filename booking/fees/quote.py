"""What a window of an offering costs a group. Pure: asks the catalogue, never the database.

Everything counts as of the day of use, on which the window begins (in Tokyo): its rates, seasons, factors,
relief, rounding and tax, whenever it is booked. What was sold is frozen in the reservation, so a table that
changes afterwards changes nothing that was sold before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from booking.fees.lines import (
    LABELS,
    FeeLine,
    better_line,
    composed,
    gross_yen_of,
    relief_line,
    relief_yen_of,
    tax_of,
)
from booking.fees.payer import Payer, Relief
from booking.fees.rounding import rounded
from booking.fees.tables import percent_on, rate_at, rates_on, terms_on
from booking.places.entries import Band, Catalogue, FeeRateEntry, TermsEntry
from core.clock import TOKYO, civil_day
from core.window import Window

_FACTOR_WORDS = {"out_of_town": "市外", "commercial": "営利"}
_AIR = frozenset({"heating", "cooling"})


@dataclass(frozen=True, slots=True)
class Quote:
    """Lines and their sum, whole yen, never below zero."""

    lines: tuple[FeeLine, ...]
    amount_yen: int

    @classmethod
    def of_lines(cls, lines: tuple[FeeLine, ...]) -> "Quote":
        """The price that lines make."""
        return cls(lines, sum(line.amount_yen for line in lines))

    @property
    def relief_yen(self) -> int:
        """What relief takes off."""
        return relief_yen_of(self.lines)

    @property
    def gross_yen(self) -> int:
        """What would be charged without relief, before any added tax."""
        return gross_yen_of(self.lines)

    @property
    def tax_yen(self) -> int:
        """The tax in the amount, included or added."""
        return sum(tax.tax_yen for tax in tax_of(self.lines))


def quote(
    catalogue: Catalogue, *, offering_id: int, window: Window, payer: Payer, relief: Relief | None = None
) -> Quote:
    """The price of a window for a payer, with a relief it was granted on application.

    Each band is charged by the rate of an item that covers the minute of the day at which it begins. Parts of
    an hour count by the rate's step, together for all bands of one rate. Factors multiply; a line is rounded
    once. Of the relief by class and the one granted, the better counts, item by item. A kind of space without
    a rate is free. Heating and cooling are charged only where the space has them.

    Source: field.md 2 (fees), 5 (synthetic table).
    """
    offering = catalogue.offering(offering_id)
    day = civil_day(window.starts_at)
    bands = [
        band
        for band in catalogue.bands_from(offering_id, day)
        if window.starts_at <= band.window.starts_at and band.window.ends_at <= window.ends_at
    ]
    terms = terms_on(catalogue.fee_terms, day)
    rates = rates_on(catalogue.fee_rates.get((offering.space_kind, offering.size), ()), day)
    priced = []
    for rate, charged in _by_rate(rates, bands):
        if rate.item in _AIR and not offering.has_hvac:
            continue
        charge = _charge(rate, charged, _factors(catalogue, payer, rate.item, day), terms)
        if charge.amount_yen:
            by_class = percent_on(
                catalogue.relief_rates.get((payer.category, rate.item), ()), day, otherwise=0
            )
            priced.append((charge, _best_relief(charge, by_class, relief)))
    added = None if terms.is_tax_included else terms.tax_percent
    return Quote.of_lines(composed(priced, added_tax_percent=added))


def _by_rate(rates: Sequence[FeeRateEntry], bands: Sequence[Band]) -> list[tuple[FeeRateEntry, list[Band]]]:
    """Each rate with the bands that it is charged for, in the table's order; rates without any left out."""
    found: dict[int, list[Band]] = {number: [] for number in range(len(rates))}
    for item in dict.fromkeys(rate.item for rate in rates):
        for band in bands:
            rate = rate_at(rates, item, _starts_minute(band))
            if rate is not None:
                found[rates.index(rate)].append(band)
    return [(rates[number], charged) for number, charged in found.items() if charged]


def _factors(catalogue: Catalogue, payer: Payer, item: str, day: date) -> list[tuple[str, int]]:
    """The factors on an item that change anything, as (kind, percent)."""
    found = [
        (kind, percent_on(catalogue.fee_factors.get((kind, item), ()), day, otherwise=100))
        for kind in payer.factor_kinds
    ]
    return [(kind, percent) for kind, percent in found if percent != 100]


def _charge(
    rate: FeeRateEntry, bands: Sequence[Band], factors: Sequence[tuple[str, int]], terms: TermsEntry
) -> FeeLine:
    minutes = sum(band.length for band in bands) * 30
    steps = -(-minutes // rate.step_minutes)
    quantity, unit, per_unit = steps, "hour" if rate.step_minutes == 60 else "half_hour", rate.step_minutes
    if rate.unit == "band":
        quantity, unit, per_unit = len(bands), "band", 60
    numerator, denominator = quantity * per_unit * rate.yen_per_hour, 60
    for _, percent in factors:
        numerator, denominator = numerator * percent, denominator * 100
    words = "・".join(f"{_FACTOR_WORDS[kind]}{_times(percent)}倍" for kind, percent in factors)
    label = LABELS.get(rate.item, rate.item)
    return FeeLine(
        item=rate.item,
        label=f"{label}（{words}）" if words else label,
        hours=-(-minutes // 60),
        yen_per_hour=rate.yen_per_hour,
        amount_yen=rounded(numerator, denominator, to_yen=terms.round_to_yen, mode=terms.rounding),
        quantity=quantity,
        unit=unit,
        tax_percent=terms.tax_percent,
        round_to_yen=terms.round_to_yen,
    )


def _best_relief(charge: FeeLine, class_percent: int, relief: Relief | None) -> FeeLine | None:
    by_class = relief_line(charge, class_percent, by_decision=False)
    if relief is None:
        return by_class
    return better_line(by_class, relief_line(charge, relief.percent_of(charge.item), by_decision=True))


def _times(percent: int) -> str:
    """150 percent is 1.5 times."""
    whole, part = divmod(percent, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".")


def _starts_minute(band: Band) -> int:
    local = band.window.starts_at.astimezone(TOKYO)
    return local.hour * 60 + local.minute
