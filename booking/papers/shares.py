"""Whose money a payment was: one payment may be for several groups, and each has a receipt of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import Kind, id_in, subject_of
from booking.reservations.models import Reservation
from core.errors import NotThere
from payments.invoice_models import Invoice
from payments.models import PaymentItem, Refund


@dataclass(frozen=True, slots=True)
class Share:
    """What one payment paid for one group."""

    payment_id: UUID
    group_id: UUID
    subject: str
    """Of its receipt: `payment:<id>` for the first item's group, `payment:<id>:<position>` for others."""
    references: tuple[UUID, ...]
    amount_yen: int
    labels: tuple[str, ...]
    """What the card page called the items."""


def payment_in(subject: str) -> UUID:
    """The payment that a receipt's subject names.

    Raises:
        NotThere: it names none.
    """
    return id_in(Kind.RECEIPT, ":".join(subject.split(":")[:2]))


def shares_of(session: Session, *, municipality_id: int, payment_ids: Sequence[UUID]) -> list[Share]:
    """The shares of some payments, each payment's in the order of its items."""
    items = session.execute(
        sa.select(
            PaymentItem.payment_id,
            PaymentItem.position,
            PaymentItem.reference,
            PaymentItem.amount_yen,
            PaymentItem.label,
        )
        .where(PaymentItem.payment_id.in_(payment_ids))
        .order_by(PaymentItem.payment_id, PaymentItem.position)
    ).all()
    groups = _groups(session, municipality_id, [item.reference for item in items])
    found: dict[tuple[UUID, UUID], Share] = {}
    seen: set[UUID] = set()
    for item in items:
        group_id = groups.get(item.reference)
        if group_id is None:
            continue
        key = (item.payment_id, group_id)
        if key not in found:
            plain = subject_of(Kind.RECEIPT, item.payment_id)
            subject = f"{plain}:{item.position}" if item.payment_id in seen else plain
            found[key] = Share(item.payment_id, group_id, subject, (), 0, ())
            seen.add(item.payment_id)
        share = found[key]
        found[key] = Share(
            share.payment_id,
            group_id,
            share.subject,
            (*share.references, item.reference),
            share.amount_yen + item.amount_yen,
            (*share.labels, item.label),
        )
    return list(found.values())


def share_of(session: Session, *, municipality_id: int, subject: str) -> Share:
    """The share that a receipt's subject names.

    Raises:
        NotThere: it names none of the municipality.
    """
    shares = shares_of(session, municipality_id=municipality_id, payment_ids=[payment_in(subject)])
    for share in shares:
        if share.subject == subject:
            return share
    raise NotThere(subject)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What of a share went back or is owed back; `last_at` is when that was last written down."""

    yen: int
    last_at: datetime | None


def given_back(session: Session, shares: Sequence[Share]) -> dict[str, GivenBack]:
    """{subject: what of it went back}; sent or not: it is owed for sure."""
    rows = session.execute(
        sa.select(
            Refund.payment_id,
            Refund.reference,
            sa.func.sum(Refund.amount_yen),
            sa.func.max(Refund.created_at),
        )
        .where(Refund.payment_id.in_([share.payment_id for share in shares]))
        .group_by(Refund.payment_id, Refund.reference)
    )
    sums = {(payment_id, reference): (int(yen), at) for payment_id, reference, yen, at in rows}
    found = {}
    for share in shares:
        parts = [sums[share.payment_id, one] for one in share.references if (share.payment_id, one) in sums]
        last_at = max((at for _, at in parts), default=None)
        found[share.subject] = GivenBack(sum(yen for yen, _ in parts), last_at)
    return found


def _groups(session: Session, municipality_id: int, references: Sequence[UUID]) -> dict[UUID, UUID]:
    """{reservation or invoice: its group}."""
    rows = session.execute(
        sa.union_all(
            sa.select(Reservation.id, Reservation.group_id).where(
                Reservation.id.in_(references), Reservation.municipality_id == municipality_id
            ),
            sa.select(Invoice.id, Invoice.payer).where(
                Invoice.id.in_(references), Invoice.municipality_id == municipality_id
            ),
        )
    )
    return {row[0]: row[1] for row in rows}
