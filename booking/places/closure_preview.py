"""Whom a closure would hit, before anybody decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.states import OPEN
from core.clock import civil_day
from core.errors import NotThere
from core.window import Window

_NO_MORE_THAN = 500


@dataclass(frozen=True, slots=True)
class Affected:
    """A reservation that the closure would revoke."""

    id: UUID
    group_name: str
    offering_name: str
    window: Window
    state: State
    refund_yen: int


def affected_by(
    session: Session, *, actor: Actor, facility_id: int, space_id: int | None, window: Window
) -> list[Affected]:
    """What closing a space (None: the whole facility) for a window would revoke now, by start.

    Raises:
        NotThere: no such facility or space of the actor's municipality.
    """
    places = catalogue(session, actor.municipality_id, version=actor.catalogue_version)
    spaces = [
        space
        for space in places.facility(facility_id, on=civil_day(window.starts_at)).spaces
        if space_id is None or space.id == space_id
    ]
    if not spaces:
        raise NotThere(f"space {space_id}")
    courts = [court.id for space in spaces for court in space.courts]
    owners = _owners(actor.municipality_id, courts, window)
    rows = session.execute(
        sa.select(
            Reservation.id,
            Group.name,
            Reservation.offering_id,
            Reservation.starts_at,
            Reservation.ends_at,
            Reservation.state,
            Reservation.amount_yen,
        )
        .join(Group, Group.id == Reservation.group_id)
        .where(Reservation.id.in_(owners), Reservation.state.in_(OPEN))
        .order_by(Reservation.starts_at, Reservation.id)
        .limit(_NO_MORE_THAN)
    )
    found = []
    for id_, group, offering_id, starts_at, ends_at, state, amount_yen in rows:
        offering = places.offering(offering_id)
        found.append(
            Affected(
                id=id_,
                group_name=group,
                offering_name=f"{offering.space_name} {offering.name}",
                window=Window(starts_at, ends_at),
                state=State(state),
                refund_yen=amount_yen if state == State.CONFIRMED else 0,
            )
        )
    return found


def _owners(municipality_id: int, courts: Sequence[int], window: Window) -> sa.Select[UUID | None]:
    return sa.select(Claim.reservation_id).where(
        Claim.municipality_id == municipality_id,
        Claim.court_id.in_(courts),
        Claim.granule >= window.granules.start,
        Claim.granule < window.granules.stop,
        Claim.reservation_id.is_not(None),
    )
