"""The town itself: a gym with gate and door on one code, a hall behind its own lock that wants approval."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from booking.places.models import OfferingAccessPoint
from core.clock import Clock
from core.database import Database
from core.secrets import Keyring
from locks import installation
from locks.installation import Installation
from locks.models import AccessPoint
from tests.integration.booking.town import Town, build_town, group

KEYRING = Keyring(bytes(range(32)))


@dataclass(frozen=True, slots=True)
class Place:
    """One thing to book."""

    offering: int
    courts: tuple[int, ...]
    doors: tuple[str, ...]
    """Names of the doors to pass, outermost first."""


@dataclass(frozen=True, slots=True)
class Places:
    """What can be booked, by whom, and the locks fitted there."""

    town: Town
    groups: tuple[UUID, ...]
    offered: tuple[Place, ...]
    fitted: dict[str, Installation]
    points: dict[str, int]
    """Access points by door name."""
    courts_of: dict[int, tuple[int, ...]]


def build_places(database: Database, clock: Clock) -> Places:
    """A town in an empty, migrated database, its locks provisioned and never yet heard of."""
    town = build_town(database)
    now = clock.now()
    with database.transaction() as session:
        code_group = session.get_one(AccessPoint, town.access_point_id).code_group_id
        gate = installation.add_access_point(
            session,
            municipality_id=town.municipality_id,
            name="校門",
            kind="gate",
            courts=town.courts,
            code_group_id=code_group,
            now=now,
        )
        mat = _courts(session.execute(_COURTS, {"offering": town.hall_whole}).scalars().all())
        hall = installation.add_access_point(
            session,
            municipality_id=town.municipality_id,
            name="武道館",
            kind="door_lock",
            courts=mat,
            now=now,
        )
        gym_offerings = (town.full, town.half_a, town.half_b)
        session.add_all(OfferingAccessPoint(offering_id=one, access_point_id=gate) for one in gym_offerings)
        session.add(OfferingAccessPoint(offering_id=town.hall_whole, access_point_id=hall))
        third = group(session, town.municipality_id, "見本団体03", town.resident)
        points = {"gate": gate, "gym": town.access_point_id, "hall": hall}
        fitted = {
            name: installation.add_lock(session, KEYRING, access_point_id=point, now=now)
            for name, point in points.items()
        }
    first, second = town.courts
    offered = (
        Place(town.full, town.courts, ("gate", "gym")),
        Place(town.half_a, (first,), ("gate", "gym")),
        Place(town.half_b, (second,), ("gate", "gym")),
        Place(town.hall_whole, mat, ("hall",)),
    )
    courts_of = {place.offering: place.courts for place in offered}
    return Places(town, (town.general, third, town.youth), offered, fitted, points, courts_of)


_COURTS = sa.text("SELECT court_id FROM offering_court WHERE offering_id = :offering ORDER BY court_id")


def _courts(rows: object) -> tuple[int, ...]:
    assert isinstance(rows, list)
    return tuple(int(row) for row in rows)
