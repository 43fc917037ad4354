"""Whether a band can be booked, from granules that are claimed. Pure; shared by the day and the month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from booking.places.entries import Band, OfferingEntry, Rules
from booking.reservations.rules import is_over, is_too_far
from core.window import Window
from locks.errors import WhyNot
from locks.reliance import Reliance


class BandStatus(StrEnum):
    """What a resident can do with a band now."""

    FREE = "free"
    TAKEN = "taken"
    CLOSED = "closed"
    OVER = "over"
    """Ended, or less left than is sold."""
    NOT_YET = "not_yet"
    """Its booking period has not begun."""
    PAUSED = "paused"
    """A lock could not be relied on to open for it; `BandLine.why` says in which way."""


@dataclass(frozen=True, slots=True)
class BandLine:
    """A band with its status. `first` and `length` are granules, as the booking page takes them."""

    window: Window
    status: BandStatus
    first: int
    length: int
    why: WhyNot | None = None
    """Of a paused band."""


Claimed = Mapping[tuple[int, int], bool]
"""(court, granule) → whether a closure has it; nothing for what is free."""


def band_lines(
    rules: Rules,
    offering: OfferingEntry,
    bands: Iterable[Band],
    claimed: Claimed,
    locks: Reliance,
    *,
    now: datetime,
) -> tuple[BandLine, ...]:
    """Each band of an offering on one day with its status."""
    lines, too_far = [], None
    for band in bands:
        if too_far is None:
            # All of them begin on one civil day.
            too_far = is_too_far(rules, band.window, now=now)
        status = _status(offering, band, claimed, is_too_far=too_far)
        if is_over(rules, band.window, now=now):
            status = BandStatus.OVER
        why = None
        if status is BandStatus.FREE:
            why = locks.why_not(offering.access_points, offering.courts, band.first, band.length)
            status = BandStatus.PAUSED if why is not None else status
        lines.append(BandLine(band.window, status, band.first, band.length, why))
    return tuple(lines)


def _status(offering: OfferingEntry, band: Band, claimed: Claimed, *, is_too_far: bool) -> BandStatus:
    status = BandStatus.NOT_YET if is_too_far else BandStatus.FREE
    for court in offering.courts:
        for granule in range(band.first, band.first + band.length):
            is_closed = claimed.get((court, granule))
            if is_closed:
                return BandStatus.CLOSED
            if is_closed is not None:
                status = BandStatus.TAKEN
    return status
