"""What is owed back: one row for each payment, reference and cause, followed until the money is back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from core.ids import new_id
from payments import invoices, ledger, paying_out
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem, Refund
from payments.states import Method, PaymentState, RefundState


def owe(session: Session, *, reference: UUID, amount_yen: int, cause: str, now: datetime) -> list[Refund]:
    """Write down that money of a reference goes back; the rows, which a loop sends.

    The same reference and cause again gives the same rows and owes nothing more. The amount is taken from the
    settled payments of the reference, the newest first. No yen owe nothing.

    Raises:
        ContractBroken: more than was paid and is not owed back yet.
    """
    if amount_yen < 0:
        raise ContractBroken("a refund is not negative")
    if invoices.is_charged(session, reference=reference):
        # Paid by invoice: the next one is less by it, and no money goes back.
        invoices.credit(session, reference=reference, amount_yen=amount_yen, cause=cause, now=now)
        return []
    payments = _settled(session, reference)
    existing = _refunds(session, reference)
    same_cause = [refund for refund in existing if refund.cause == cause]
    if same_cause or not amount_yen:
        return same_cause
    written, left = [], amount_yen
    for payment in payments:
        paid = next(item.amount_yen for item in payment.items if item.reference == reference)
        gone = sum(refund.amount_yen for refund in existing if refund.payment_id == payment.id)
        part = min(left, paid - gone)
        if part > 0:
            written.append(_write(session, payment, reference, part, cause, now=now))
            left -= part
    if left:
        raise ContractBroken(f"{amount_yen} yen to refund for {reference}, {left} more than is there")
    return written


def owe_rest(session: Session, *, reference: UUID, cause: str, now: datetime) -> int:
    """Write down that all of a reference's money that is not owed back yet goes back; how much that is.

    The same reference and cause again gives the same sum and owes nothing more.
    """
    if invoices.is_charged(session, reference=reference):
        return invoices.credit_rest(session, reference=reference, cause=cause, now=now)
    _settled(session, reference)
    written = [refund.amount_yen for refund in _refunds(session, reference) if refund.cause == cause]
    if written:
        return sum(written)
    left = left_of(session, references=[reference])[reference]
    owe(session, reference=reference, amount_yen=left, cause=cause, now=now)
    return left


def left_of(session: Session, *, references: Sequence[UUID]) -> dict[UUID, int]:
    """What was paid for each reference and is not owed back yet, in yen, what is paid by invoice as well."""
    paid = (
        sa.select(PaymentItem.reference, sa.func.sum(PaymentItem.amount_yen))
        .join(Payment)
        .where(PaymentItem.reference.in_(references), Payment.state == PaymentState.SETTLED)
        .group_by(PaymentItem.reference)
    )
    owed = (
        sa.select(Refund.reference, sa.func.sum(Refund.amount_yen))
        .join(Payment)
        .where(Refund.reference.in_(references), Payment.state == PaymentState.SETTLED)
        .group_by(Refund.reference)
    )
    left = dict.fromkeys(references, 0) | invoices.left_of(session, references=references)
    for reference, amount in session.execute(paid):
        left[reference] += int(amount)
    for reference, amount in session.execute(owed):
        left[reference] -= int(amount)
    return left


def _settled(session: Session, reference: UUID) -> Sequence[Payment]:
    """Locked, so that two causes at once cannot owe the same yen."""
    of_this = sa.select(PaymentItem.payment_id).where(PaymentItem.reference == reference)
    return session.scalars(
        sa.select(Payment)
        .where(Payment.id.in_(of_this), Payment.state == PaymentState.SETTLED)
        .order_by(Payment.settled_at.desc(), Payment.id.desc())
        .with_for_update()
    ).all()


def _refunds(session: Session, reference: UUID) -> Sequence[Refund]:
    return session.scalars(
        sa.select(Refund)
        .join(Payment)
        .where(Refund.reference == reference, Payment.state == PaymentState.SETTLED)
        .order_by(Refund.created_at, Refund.id)
    ).all()


def _write(
    session: Session, payment: Payment, reference: UUID, amount_yen: int, cause: str, *, now: datetime
) -> Refund:
    refund = Refund(
        id=new_id(now),
        municipality_id=payment.municipality_id,
        payment_id=payment.id,
        reference=reference,
        amount_yen=amount_yen,
        cause=cause,
        state=RefundState.OWED,
        method=payment.method,
        created_at=now,
        state_changed_at=now,
        next_due_at=now,
    )
    session.add(refund)
    session.flush()
    ledger.post(
        session,
        municipality_id=payment.municipality_id,
        set_key=f"owe:{refund.id}",
        lines=[
            Line(_against(payment, reference), amount_yen, reference),
            Line(Account.REFUNDS_PAYABLE, -amount_yen, reference),
        ],
        payment_id=payment.id,
        refund_id=refund.id,
        now=now,
    )
    if payment.method != Method.STRIPE:
        paying_out.open_case(session, refund, now=now)
    return refund


def _against(payment: Payment, reference: UUID) -> Account:
    """The account that this reference's money had been booked against."""
    return next(Account(item.account) for item in payment.items if item.reference == reference)
