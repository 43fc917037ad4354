"""What is owed back: one row for each payment, reference and cause, followed until the money is back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from core.ids import new_id
from payments import ledger
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class RefundStanding:
    """How far the refunds of one reference are."""

    owed_yen: int
    """Not back yet: owed, under way or failed."""
    refunded_yen: int
    state: RefundState
    """The one that most needs attention: failed, owed, pending, succeeded."""


_MOST_URGENT = (RefundState.FAILED, RefundState.OWED, RefundState.PENDING, RefundState.SUCCEEDED)


def owe(session: Session, *, reference: UUID, amount_yen: int, cause: str, now: datetime) -> list[Refund]:
    """Write down that money of a reference goes back; the rows, which a loop sends.

    The same reference and cause again gives the same rows and owes nothing more. The amount is taken from the
    settled payments of the reference, the newest first. No yen owe nothing.

    Raises:
        ContractBroken: more than was paid and is not owed back yet.
    """
    if amount_yen < 0:
        raise ContractBroken("a refund is not negative")
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


def standing_of(session: Session, *, references: Sequence[UUID]) -> dict[UUID, RefundStanding]:
    """How far refunds are, for those of the references that have any; one query."""
    rows = session.execute(
        sa.select(Refund.reference, Refund.state, sa.func.sum(Refund.amount_yen))
        .where(Refund.reference.in_(references))
        .group_by(Refund.reference, Refund.state)
    )
    found: dict[UUID, dict[RefundState, int]] = {}
    for reference, state, amount in rows:
        found.setdefault(reference, {})[RefundState(state)] = int(amount)
    return {reference: _standing(sums) for reference, sums in found.items()}


def _standing(sums: dict[RefundState, int]) -> RefundStanding:
    back = sums.get(RefundState.SUCCEEDED, 0)
    return RefundStanding(
        owed_yen=sum(sums.values()) - back,
        refunded_yen=back,
        state=next(state for state in _MOST_URGENT if state in sums),
    )


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
            Line(Account.USAGE_FEES, amount_yen, reference),
            Line(Account.REFUNDS_PAYABLE, -amount_yen, reference),
        ],
        payment_id=payment.id,
        refund_id=refund.id,
        now=now,
    )
    return refund
