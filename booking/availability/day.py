"""One day over all facilities: four statements, however many rows."""

from dataclasses import dataclass
from datetime import date, datetime

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
class OfferingDay:
    """An offering and its bands of the day."""

    offering: OfferingEntry
    bands: tuple[BandLine, ...]

    @property
    def free_count(self) -> int:
        """How many of its bands can be booked."""
        return sum(band.status is BandStatus.FREE for band in self.bands)


@dataclass(frozen=True, slots=True)
class FacilityDay:
    """A facility, under its name of the day, and its offerings."""

    facility: FacilityEntry
    offerings: tuple[OfferingDay, ...]

    @property
    def free_count(self) -> int:
        """How many bands can be booked, over its offerings."""
        return sum(offering.free_count for offering in self.offerings)

    @property
    def paused(self) -> list[BandLine]:
        """The bands that a lock keeps from being sold now."""
        return [band for line in self.offerings for band in line.bands if band.status is BandStatus.PAUSED]


@dataclass(frozen=True, slots=True)
class DayAvailability:
    """A day: what kind it is, what the calendar calls it, and every facility in order."""

    day: date
    kind: DayKind
    name: str | None
    facilities: tuple[FacilityDay, ...]


def of_day(
    session: Session,
    *,
    municipality_id: int,
    day: date,
    now: datetime,
    facility_id: int | None = None,
    version: int | None = None,
) -> DayAvailability:
    """Every facility of a municipality (or one of them) on a day.

    Raises:
        NotThere: no such facility.
    """
    places = catalogue(session, municipality_id, version=version)
    facilities = places.facilities(day) if facility_id is None else [places.facility(facility_id, on=day)]
    first = granule_of(start_of_day(day))
    statement = sa.select(Claim.court_id, Claim.granule, Claim.closure_id.is_not(None)).where(
        Claim.municipality_id == municipality_id,
        Claim.granule >= first,
        Claim.granule < first + GRANULES_A_DAY,
    )
    if facility_id is not None:
        courts = [court.id for space in facilities[0].spaces for court in space.courts]
        statement = statement.where(Claim.court_id.in_(courts))
    claimed: Claimed = {(court, granule): closed for court, granule, closed in session.execute(statement)}
    asked = {point for entry in facilities for o in entry.offerings for point in o.access_points}
    locks = reliance(session, access_point_ids=asked, first=first, last=first + GRANULES_A_DAY, now=now)
    return DayAvailability(
        day=day,
        kind=places.day_kind(day),
        name=places.day_name(day),
        facilities=tuple(
            FacilityDay(
                facility,
                tuple(
                    OfferingDay(
                        offering,
                        band_lines(
                            places.rules,
                            offering,
                            places.bands(offering.id, day),
                            claimed,
                            locks,
                            now=now,
                        ),
                    )
                    for offering in facility.offerings
                ),
            )
            for facility in facilities
        ),
    )
