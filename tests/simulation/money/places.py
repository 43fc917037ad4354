"""Many gyms kept by staff, and many groups: room enough for ten thousand paid reservations in some weeks."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group, Member, Role
from booking.people.signed_in import Actor, GroupOfActor
from booking.places.models import (
    Court,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingCourt,
    Space,
    SpaceKind,
)
from booking.refunding.policy_models import RefundPolicy
from core.database import Database
from core.ids import new_id
from tests.integration.booking.town import NOW, Town, build_town

_GROUPS = 24
_FIRST, _LAST = 2026, 2030


@dataclass(frozen=True, slots=True)
class Gyms:
    """Who books what, with whom at the counter."""

    town: Town
    groups: tuple[UUID, ...]
    offerings: tuple[int, ...]
    actor: Actor
    staff: Actor
    second: Actor


def build_gyms(database: Database, gyms: int) -> Gyms:
    """A town in an empty, migrated database; konbini is offered, refunds go by stages in half of the gyms."""
    town = build_town(database)
    with database.transaction() as session:
        place = session.get_one(Municipality, town.municipality_id)
        place.delayed_methods, place.delayed_pays_within_s = ["konbini"], 3 * 86400
        offerings = [one for number in range(gyms) for one in _gym(session, town.municipality_id, number)]
        groups = [_group(session, town, number) for number in range(_GROUPS)]
        version = session.scalars(sa.select(Municipality.catalogue_version)).one()
    actor = Actor(
        account_id=town.resident,
        municipality_id=town.municipality_id,
        role=Role.RESIDENT,
        name="見本 利用者",
        mail_address="mihon@example.jp",
        groups=tuple(groups),
        catalogue_version=version,
    )
    return Gyms(
        town,
        tuple(one.id for one in groups),
        tuple(offerings),
        actor,
        town.actor(role=Role.MANAGER),
        town.actor(role=Role.MANAGER),
    )


def _gym(session: Session, municipality_id: int, number: int) -> list[int]:
    facility = Facility(municipality_id=municipality_id, slug=f"gym-{number}", stage="sample")
    session.add(facility)
    session.flush()
    if number % 2:
        session.add(
            RefundPolicy(
                municipality_id=municipality_id,
                facility_id=facility.id,
                stages=[
                    {"before_s": 14 * 86400, "percent": 100},
                    {"before_s": 5 * 86400, "percent": 70},
                    {"before_s": 86400, "percent": 30},
                ],
                kept_yen=50,
                valid_from=date(2020, 4, 1),
            )
        )
    session.add(
        FacilityName(facility_id=facility.id, valid_from=date(2020, 4, 1), name=f"見本体育館{number}")
    )
    space = Space(municipality_id=municipality_id, facility_id=facility.id, kind=SpaceKind.GYM, name="体育館")
    session.add(space)
    session.flush()
    courts = []
    for name in ("半面A", "半面B"):
        court = Court(municipality_id=municipality_id, space_id=space.id, name=name, share=0.5)
        session.add(court)
        session.flush()
        courts.append(court.id)
    return [
        _offering(session, municipality_id, space.id, "全面", "full", courts),
        _offering(session, municipality_id, space.id, "半面A", "half", courts[:1]),
        _offering(session, municipality_id, space.id, "半面B", "half", courts[1:]),
    ]


def _offering(
    session: Session, municipality_id: int, space_id: int, name: str, size: str, courts: list[int]
) -> int:
    made = Offering(municipality_id=municipality_id, space_id=space_id, name=name, size=size, sports=[])
    session.add(made)
    session.flush()
    session.add_all(OfferingCourt(offering_id=made.id, court_id=court) for court in courts)
    session.flush()
    return made.id


def _group(session: Session, town: Town, number: int) -> GroupOfActor:
    """Every fourth is a youth group: it pays for evening light only, and half of that."""
    category = "general" if number % 4 else "youth"
    made = Group(
        id=new_id(NOW),
        municipality_id=town.municipality_id,
        name=f"見本団体{number + 10}",
        category=category,
        approved_from_year=_FIRST,
        approved_until_year=_LAST,
    )
    session.add(made)
    session.flush()
    session.add(Member(group_id=made.id, account_id=town.resident, is_representative=True))
    session.flush()
    return GroupOfActor(made.id, made.name, category, _FIRST, _LAST)
