"""Paid means in: grants, permit number and mail of a confirmed reservation, in the same transaction."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from booking.fees.lines import frozen_lines, relief_yen_of
from booking.notices import mail
from booking.places.catalogue import catalogue
from booking.places.entries import OfferingEntry
from booking.reservations import postpaid
from booking.reservations.models import Reservation, State
from booking.reservations.states import move
from core.window import Window
from locks import grants
from payments import relief
from payments.states import Method

REPORTS_DUE_AFTER = timedelta(hours=1)
"""How long after the end the worker first asks whether anybody came (a key box waits an hour for its key)."""

_NEXT_NUMBER = sa.text(
    "INSERT INTO permit_counter (municipality_id, last_number) VALUES (:municipality_id, 1) "
    "ON CONFLICT (municipality_id) DO UPDATE SET last_number = permit_counter.last_number + 1 "
    "RETURNING last_number"
)
_NUMBER_IT = (
    sa.update(Reservation.__table__)  # type: ignore[arg-type]
    .where(Reservation.__table__.c.id == sa.bindparam("reservation"))
    .values(permit_number=sa.bindparam("number"))
)


def due_after(ends_at: datetime) -> datetime:
    """When the worker first looks at a confirmed reservation."""
    return ends_at + REPORTS_DUE_AFTER


def confirm(session: Session, reservation: Reservation, *, now: datetime) -> None:
    """Confirm a reservation whose row is locked and whose claims are its own.

    Raises:
        IllegalMove: its state does not lead to confirmed.
    """
    move(reservation, State.CONFIRMED, now=now, due_at=due_after(reservation.ends_at))
    offering = catalogue(session, reservation.municipality_id).offering(reservation.offering_id)
    session.flush()
    give_rights(session, reservation, offering, now=now)


def give_rights(
    session: Session, reservation: Reservation, offering: OfferingEntry, *, now: datetime
) -> None:
    """Grants, mail, waived fees and permit number of a reservation that is confirmed and in the database.

    The counter is taken last: its row stays locked to the end of the transaction, and numbers have no gaps.
    """
    if offering.access_points:
        grants.issue(
            session,
            access_point_ids=offering.access_points,
            courts=offering.courts,
            window=Window(reservation.starts_at, reservation.ends_at),
            holder=reservation.id,
            now=now,
        )
    relief.post_relief(
        session,
        municipality_id=reservation.municipality_id,
        reference=reservation.id,
        relief_yen=relief_yen_of(frozen_lines(reservation.fee_lines)),
        now=now,
    )
    if reservation.pays_by == Method.INVOICE:
        postpaid.charge(session, reservation, now=now)
    mail.tell(session, reservation, "confirmed", now=now)
    if reservation.permit_number is None:
        number = session.scalar(_NEXT_NUMBER, {"municipality_id": reservation.municipality_id})
        session.execute(_NUMBER_IT, {"reservation": reservation.id, "number": number})
        set_committed_value(reservation, "permit_number", number)
