"""Shelter openings as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from booking.people.models import Account
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.closure_preview import affected_by
from booking.shelter.models import ShelterFacility, ShelterOpening, ShelterState
from core.clock import civil_day
from core.errors import NotThere
from core.window import Window, granule_of, granule_start
from locks.modes.orders import Why
from locks.modes.progress import DoorProgress, progress_of


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening, with the names of who did what."""

    id: UUID
    state: ShelterState
    reason: str
    closes_until: datetime
    facility_ids: tuple[int, ...]
    facility_names: tuple[str, ...]
    requested_by: UUID
    requested_by_name: str
    requested_at: datetime
    decided_by_name: str | None
    decided_at: datetime | None
    ended_by_name: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hit:
    """What an opening would take from residents at one facility."""

    facility_name: str
    reservations: int
    refund_yen: int


def of_municipality(session: Session, *, actor: Actor, limit: int = 50) -> list[Opening]:
    """The newest openings: what waits for a decision and what is open come first."""
    rank = sa.case({ShelterState.REQUESTED: 0, ShelterState.OPEN: 1}, value=ShelterOpening.state, else_=2)
    return _openings(
        session,
        actor,
        _statement(actor).order_by(rank, ShelterOpening.requested_at.desc(), ShelterOpening.id).limit(limit),
    )


def one(session: Session, *, actor: Actor, opening_id: UUID) -> Opening:
    """An opening of the actor's municipality.

    Raises:
        NotThere: there is none of that id.
    """
    found = _openings(session, actor, _statement(actor).where(ShelterOpening.id == opening_id))
    if not found:
        raise NotThere(f"shelter {opening_id}")
    return found[0]


def hits(
    session: Session, *, actor: Actor, facility_ids: tuple[int, ...], closes_until: datetime, now: datetime
) -> list[Hit]:
    """Which reservations closing these facilities from now on would revoke, by facility."""
    if closes_until <= now:
        return []
    window = Window(granule_start(granule_of(now)), closes_until)
    places = catalogue(session, actor.municipality_id, version=actor.catalogue_version)
    found = []
    for facility_id in facility_ids:
        lines = affected_by(session, actor=actor, facility_id=facility_id, space_id=None, window=window)
        found.append(
            Hit(
                facility_name=places.facility_name(facility_id, on=civil_day(now)),
                reservations=len(lines),
                refund_yen=sum(line.refund_yen for line in lines),
            )
        )
    return found


def doors(session: Session, *, actor: Actor, opening: Opening, now: datetime) -> list[DoorProgress]:
    """Every access point of an opening, with what its lock has confirmed."""
    return progress_of(
        session, municipality_id=actor.municipality_id, why=Why.SHELTER, subject=str(opening.id), now=now
    )


def _statement(actor: Actor) -> sa.Select[ShelterOpening, str, str | None, str | None]:
    asked, decided, ended = aliased(Account), aliased(Account), aliased(Account)
    return (
        sa.select(ShelterOpening, asked.name, decided.name, ended.name)
        .join(asked, asked.id == ShelterOpening.requested_by)
        .outerjoin(decided, decided.id == ShelterOpening.decided_by)
        .outerjoin(ended, ended.id == ShelterOpening.ended_by)
        .where(ShelterOpening.municipality_id == actor.municipality_id)
    )


def _openings(
    session: Session, actor: Actor, statement: sa.Select[ShelterOpening, str, str | None, str | None]
) -> list[Opening]:
    rows = session.execute(statement).all()
    places = catalogue(session, actor.municipality_id, version=actor.catalogue_version)
    facilities: dict[UUID, list[int]] = {}
    for opening_id, facility_id in session.execute(
        sa.select(ShelterFacility.shelter_opening_id, ShelterFacility.facility_id)
        .where(ShelterFacility.shelter_opening_id.in_([row[0].id for row in rows]))
        .order_by(ShelterFacility.facility_id)
    ):
        facilities.setdefault(opening_id, []).append(facility_id)
    return [
        Opening(
            id=opening.id,
            state=ShelterState(opening.state),
            reason=opening.reason,
            closes_until=opening.closes_until,
            facility_ids=tuple(facilities.get(opening.id, ())),
            facility_names=tuple(
                places.facility_name(facility_id, on=civil_day(opening.requested_at))
                for facility_id in facilities.get(opening.id, ())
            ),
            requested_by=opening.requested_by,
            requested_by_name=asked,
            requested_at=opening.requested_at,
            decided_by_name=decided,
            decided_at=opening.decided_at,
            ended_by_name=ended,
            ended_at=opening.ended_at,
        )
        for opening, asked, decided, ended in rows
    ]
