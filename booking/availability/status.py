"""Whether a band can be booked, from granules that are claimed. Pure; shared by the day and the month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from booking.places.entries import Band, OfferingEntry, Rules
from booking.reservations.rules import is_over, is_too_far
from core.window import Window


class BandStatus(StrEnum):
    """What a resident can do with a band now."""

    FREE = "free"
    TAKEN = "taken"
    CLOSED = "closed"
    OVER = "over"
    """Ended, or less left than is sold."""
    NOT_YET = "not_yet"
    """Its booking period has not begun."""


@dataclass(frozen=True, slots=True)
class BandLine:
    """A band with its status. `first` and `length` are granules, as the booking page takes them."""

    window: Window
    status: BandStatus
    first: int
    length: int


Claimed = Mapping[tuple[int, int], bool]
"""(court, granule) → whether a closure has it; nothing for what is free."""


def band_lines(
    rules: Rules, offering: OfferingEntry, bands: Iterable[Band], claimed: Claimed, *, now: datetime
) -> tuple[BandLine, ...]:
    """Each band of an offering with its status."""
    return tuple(
        BandLine(band.window, _status(rules, offering, band, claimed, now=now), band.first, band.length)
        for band in bands
    )


def _status(
    rules: Rules, offering: OfferingEntry, band: Band, claimed: Claimed, *, now: datetime
) -> BandStatus:
    if is_over(rules, band.window, now=now):
        return BandStatus.OVER
    found = [
        claimed[(court, granule)]
        for court in offering.courts
        for granule in band.window.granules
        if (court, granule) in claimed
    ]
    if any(found):
        return BandStatus.CLOSED
    if found:
        return BandStatus.TAKEN
    return BandStatus.NOT_YET if is_too_far(rules, band.window, now=now) else BandStatus.FREE
