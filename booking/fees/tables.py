"""Which of the effective-dated values count on a day. Pure."""

from collections.abc import Sequence
from datetime import date

from booking.places.entries import FeeRateEntry, PercentEntry, TermsEntry

FIRST_TERMS = TermsEntry(valid_from=date.min)
"""Where a municipality has said nothing: whole yen, rounded down, 10 % tax included."""


def is_in_force(rate: FeeRateEntry, day: date) -> bool:
    """Whether a rate counts on a day: begun, not ended, and in its season."""
    if day < rate.valid_from or (rate.valid_until is not None and day >= rate.valid_until):
        return False
    return bool(rate.months >> (day.month - 1) & 1)


def rates_on(rates: Sequence[FeeRateEntry], day: date) -> tuple[FeeRateEntry, ...]:
    """The rates that count on a day: for each item, of those in force the ones that began last.

    Several that began on one day stand beside each other, for different hours of the day.
    """
    in_force = [rate for rate in rates if is_in_force(rate, day)]
    newest: dict[str, date] = {}
    for rate in in_force:
        newest[rate.item] = max(rate.valid_from, newest.get(rate.item, rate.valid_from))
    return tuple(rate for rate in in_force if rate.valid_from == newest[rate.item])


def rate_at(rates: Sequence[FeeRateEntry], item: str, minute: int) -> FeeRateEntry | None:
    """The rate of an item for what begins at a minute of the day; of several, the one written last."""
    matching = [
        rate for rate in rates if rate.item == item and rate.from_minute <= minute < rate.until_minute
    ]
    return matching[-1] if matching else None


def percent_on(entries: Sequence[PercentEntry], day: date, *, otherwise: int) -> int:
    """The newest percentage in force on a day."""
    begun = [entry for entry in entries if entry.valid_from <= day]
    return max(begun, key=lambda entry: entry.valid_from).percent if begun else otherwise


def terms_on(entries: Sequence[TermsEntry], day: date) -> TermsEntry:
    """The newest terms in force on a day."""
    begun = [entry for entry in entries if entry.valid_from <= day]
    return max(begun, key=lambda entry: entry.valid_from) if begun else FIRST_TERMS
