"""What staff and other packages read about money: typed rows, always ordered."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt, as far as one reference is concerned."""

    payment_id: UUID
    reference: UUID
    state: PaymentState
    amount_yen: int
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One refund; `last_error` says why it has not come through."""

    refund_id: UUID
    payment_id: UUID
    reference: UUID
    state: RefundState
    amount_yen: int
    cause: str
    created_at: datetime
    next_due_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Awaited:
    """Money that the payer brings to a till (konbini) by `due_at`; `voucher_url`, if any, says how."""

    due_at: datetime
    voucher_url: str | None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Money that came in other than asked."""

    payment_id: UUID
    asked_yen: int
    captured_amount: int
    captured_currency: str
    settled_at: datetime


def attempts_of(session: Session, *, references: Sequence[UUID]) -> list[AttemptLine]:
    """All attempts for some references, oldest first."""
    rows = session.execute(
        sa.select(
            Payment.id,
            PaymentItem.reference,
            Payment.state,
            PaymentItem.amount_yen,
            Payment.created_at,
            Payment.settled_at,
        )
        .join(PaymentItem)
        .where(PaymentItem.reference.in_(references))
        .order_by(Payment.created_at, Payment.id, PaymentItem.position)
    )
    return [AttemptLine(row[0], row[1], PaymentState(row[2]), row[3], row[4], row[5]) for row in rows.all()]


def awaited_of(session: Session, *, reference: UUID) -> Awaited | None:
    """The money for a reference that is on its way and still wanted."""
    return awaited_among(session, references=[reference]).get(reference)


def awaited_among(session: Session, *, references: Collection[UUID]) -> dict[UUID, Awaited]:
    """The money that is on its way and still wanted, by what it is for."""
    rows = session.execute(
        sa.select(PaymentItem.reference, Payment.funds_due_at, Payment.url)
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(
            PaymentItem.reference.in_(references),
            PaymentItem.is_standing,
            PaymentItem.given_up_at.is_(None),
            Payment.state == PaymentState.PROCESSING,
        )
    )
    return {reference: Awaited(due_at, url) for reference, due_at, url in rows if due_at is not None}


def is_given_up(session: Session, *, payment_id: UUID, reference: UUID) -> bool:
    """Whether the payer gave a reference up while this payment's money was on its way."""
    found = session.scalar(
        sa.select(PaymentItem.given_up_at).where(
            PaymentItem.payment_id == payment_id, PaymentItem.reference == reference
        )
    )
    return found is not None


def has_lapsed(session: Session, *, reference: UUID) -> bool:
    """Whether money for a reference was awaited in vain."""
    return (
        session.scalar(
            sa.select(Payment.id)
            .join(PaymentItem)
            .where(
                PaymentItem.reference == reference,
                Payment.state == PaymentState.EXPIRED,
                Payment.funds_due_at.is_not(None),
            )
            .limit(1)
        )
        is not None
    )


def refunds_of(session: Session, *, references: Sequence[UUID]) -> list[RefundLine]:
    """All refunds of some references, oldest first."""
    return _refunds(session, Refund.reference.in_(references))


def failed_refunds(session: Session, *, municipality_id: int) -> list[RefundLine]:
    """Money that should be back and is not: for staff to look at, oldest first."""
    return _refunds(session, Refund.municipality_id == municipality_id, Refund.state == RefundState.FAILED)


def mismatches(session: Session, *, municipality_id: int) -> list[Mismatch]:
    """Payments with another amount, currency or mode than asked, oldest first."""
    rows = session.scalars(
        sa.select(Payment)
        .where(Payment.municipality_id == municipality_id, Payment.state == PaymentState.MISMATCHED)
        .order_by(Payment.settled_at, Payment.id)
    )
    found = []
    for row in rows:
        assert row.captured_amount is not None
        assert row.captured_currency is not None
        assert row.settled_at is not None
        found.append(
            Mismatch(row.id, row.amount_yen, row.captured_amount, row.captured_currency, row.settled_at)
        )
    return found


def _refunds(session: Session, *where: sa.ColumnElement[bool]) -> list[RefundLine]:
    rows = session.scalars(sa.select(Refund).where(*where).order_by(Refund.created_at, Refund.id))
    return [
        RefundLine(
            row.id,
            row.payment_id,
            row.reference,
            RefundState(row.state),
            row.amount_yen,
            row.cause,
            row.created_at,
            row.next_due_at,
            row.last_error,
        )
        for row in rows
    ]
