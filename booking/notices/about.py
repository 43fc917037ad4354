"""What a mail says about its reservation, read when it is sent, for a batch at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Group
from booking.places.models import FacilityName, Municipality, Offering, Space
from booking.refunding.policy import Stage, stages_of
from booking.reservations.models import Reservation
from core.clock import civil_day
from payments.states import Method


@dataclass(frozen=True, slots=True)
class Office:
    """Who writes, and whom to ask."""

    name: str
    contact: str


@dataclass(frozen=True, slots=True)
class About:
    """A reservation in words and numbers."""

    to: str
    name: str
    group: str
    place: str
    starts_at: datetime
    ends_at: datetime
    amount_yen: int
    permit_number: int | None
    reveal_from: datetime
    """From when on the door code can be seen."""
    stages: tuple[Stage, ...]
    """What comes back when it is given up, as sold, without deadlines that had passed when it was made."""
    pays_by: Method = Method.STRIPE
    """How it is or was paid, and so how money goes back."""


def offices_of(session: Session, municipality_ids: Collection[int]) -> dict[int, Office]:
    """The office of each municipality."""
    rows = session.execute(
        sa.select(Municipality.id, Municipality.name, Municipality.office_contact)
        .where(Municipality.id.in_(municipality_ids))
        .order_by(Municipality.id)
    )
    return {id_: Office(name, contact) for id_, name, contact in rows}


def about_reservations(session: Session, reservation_ids: Collection[UUID]) -> dict[UUID, About]:
    """Each reservation that exists, in two statements however many they are."""
    rows = session.execute(
        sa.select(
            Reservation,
            Account.mail_address,
            Account.name,
            Group.name,
            Space.facility_id,
            Space.name,
            Offering.name,
            Municipality.reveal_before_start_s,
        )
        .join(Account, Account.id == Reservation.account_id)
        .join(Group, Group.id == Reservation.group_id)
        .join(Offering, Offering.id == Reservation.offering_id)
        .join(Space, Space.id == Offering.space_id)
        .join(Municipality, Municipality.id == Reservation.municipality_id)
        .where(Reservation.id.in_(reservation_ids))
        .order_by(Reservation.id)
    ).all()
    facility_ids = {row[4] for row in rows}
    names: Sequence[FacilityName] = session.scalars(
        sa.select(FacilityName)
        .where(FacilityName.facility_id.in_(facility_ids))
        .order_by(FacilityName.facility_id, FacilityName.valid_from)
    ).all()
    found: dict[UUID, About] = {}
    for reservation, to, name, group, facility_id, space, offering, reveal_s in rows:
        on = civil_day(reservation.starts_at)
        facility = [n.name for n in names if n.facility_id == facility_id and n.valid_from <= on]
        found[reservation.id] = About(
            to=to,
            name=name,
            group=group,
            place=" ".join([*facility[-1:], space, offering]),
            starts_at=reservation.starts_at,
            ends_at=reservation.ends_at,
            amount_yen=reservation.amount_yen,
            permit_number=reservation.permit_number,
            reveal_from=max(
                reservation.state_changed_at, reservation.starts_at - timedelta(seconds=reveal_s)
            ),
            stages=_stages(reservation),
            pays_by=Method(reservation.pays_by),
        )
    return found


def _stages(reservation: Reservation) -> tuple[Stage, ...]:
    every = stages_of(reservation.policy, reservation.amount_yen, reservation.starts_at)
    return tuple(stage for stage in every if stage.until is None or stage.until > reservation.created_at)
