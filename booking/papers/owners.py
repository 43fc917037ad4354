"""Which group a paper would belong to, asked before anything about it is told."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import Kind, group_and_month_in, id_in
from booking.papers.shares import share_of
from booking.people.models import Group
from booking.reservations.models import Reservation
from core.errors import NotThere
from payments.invoice_models import Invoice
from payments.models import Refund


def owner_of(session: Session, *, municipality_id: int, kind: Kind, subject: str) -> UUID:
    """The group that used, paid or is billed.

    Raises:
        NotThere: the subject names nothing of the municipality.
    """
    if kind is Kind.STATEMENT:
        group_id, _ = group_and_month_in(subject)
        owner = session.scalar(
            sa.select(Group.id).where(Group.id == group_id, Group.municipality_id == municipality_id)
        )
    elif kind is Kind.RECEIPT:
        return share_of(session, municipality_id=municipality_id, subject=subject).group_id
    else:
        reference = _reference(session, municipality_id, kind, id_in(kind, subject))
        owner = _group_of(session, municipality_id, reference) if reference is not None else None
    if owner is None:
        raise NotThere(subject)
    return owner


def _reference(session: Session, municipality_id: int, kind: Kind, of: UUID) -> UUID | None:
    """The reservation or invoice that it is about."""
    if kind is Kind.REFUND_NOTICE:
        return session.scalar(
            sa.select(Refund.reference).where(Refund.id == of, Refund.municipality_id == municipality_id)
        )
    return of


def _group_of(session: Session, municipality_id: int, reference: UUID) -> UUID | None:
    owner = session.scalar(
        sa.select(Reservation.group_id).where(
            Reservation.id == reference, Reservation.municipality_id == municipality_id
        )
    )
    if owner is not None:
        return owner
    return session.scalar(
        sa.select(Invoice.payer).where(Invoice.id == reference, Invoice.municipality_id == municipality_id)
    )
