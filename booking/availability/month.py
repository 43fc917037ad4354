"""One offering over many days: four statements."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.availability.status import BandLine, BandStatus, Claimed, band_lines
from booking.places.catalogue import catalogue
from booking.places.entries import GRANULES_A_DAY, FacilityEntry, OfferingEntry
from booking.places.models import DayKind
from booking.reservations.models import Claim
from core.clock import start_of_day
from core.window import granule_of
from locks.reliance import reliance


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day of the month."""

    day: date
    kind: DayKind
    name: str | None
    bands: tuple[BandLine, ...]

    @property
    def free_count(self) -> int:
        """How many of its bands can be booked."""
        return sum(band.status is BandStatus.FREE for band in self.bands)

    @property
    def paused(self) -> list[BandLine]:
        """Those that a lock keeps from being sold now, by start."""
        return [band for band in self.bands if band.status is BandStatus.PAUSED]


@dataclass(frozen=True, slots=True)
class MonthAvailability:
    """An offering, its facility under the name of the first day, and each day in order."""

    offering: OfferingEntry
    facility: FacilityEntry
    days: tuple[DayLine, ...]

    @property
    def paused(self) -> list[BandLine]:
        """The bands that a lock keeps from being sold now, by start."""
        return [band for line in self.days for band in line.paused]


def of_month(
    session: Session,
    *,
    municipality_id: int,
    offering_id: int,
    first: date,
    days: int,
    now: datetime,
    version: int | None = None,
) -> MonthAvailability:
    """`days` days of an offering from `first` on.

    Raises:
        NotThere: no such offering in this municipality.
    """
    places = catalogue(session, municipality_id, version=version)
    offering = places.offering(offering_id)
    begin = granule_of(start_of_day(first))
    rows = session.execute(
        sa.select(Claim.court_id, Claim.granule, Claim.closure_id.is_not(None)).where(
            Claim.municipality_id == municipality_id,
            Claim.court_id.in_(offering.courts),
            Claim.granule >= begin,
            Claim.granule < begin + days * GRANULES_A_DAY,
        )
    )
    claimed: Claimed = {(court, granule): closed for court, granule, closed in rows}
    last = begin + days * GRANULES_A_DAY
    locks = reliance(session, access_point_ids=offering.access_points, first=begin, last=last, now=now)
    listed = [first + timedelta(days=number) for number in range(days)]
    return MonthAvailability(
        offering=offering,
        facility=places.facility(offering.facility_id, on=first),
        days=tuple(
            DayLine(
                day,
                places.day_kind(day),
                places.day_name(day),
                band_lines(places.rules, offering, places.bands(offering_id, day), claimed, locks, now=now),
            )
            for day in listed
        ),
    )
