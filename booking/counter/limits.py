"""How much a manager pays out alone: up to the municipality's limit, and nothing to a group of one's own."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.signed_in import Actor
from booking.places.models import Municipality
from booking.reservations.models import Reservation
from payments.invoice_models import Invoice


def alone_up_to_yen(session: Session, actor: Actor, references: Sequence[UUID]) -> Mapping[UUID, int]:
    """For each reservation or invoice, what the actor pays out without a second person."""
    limit = session.get_one(Municipality, actor.municipality_id).refund_alone_up_to_yen
    mine = [group.id for group in actor.groups]
    own: set[UUID] = set()
    if mine:
        for key, group in ((Reservation.id, Reservation.group_id), (Invoice.id, Invoice.payer)):
            own |= set(session.scalars(sa.select(key).where(key.in_(references), group.in_(mine))))
    return {reference: 0 if reference in own else limit for reference in references}
