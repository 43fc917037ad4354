"""What pages read of slips (納付書): typed rows, always ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import NotThere
from payments.models import Payment, PaymentItem
from payments.states import Method, PaymentState


@dataclass(frozen=True, slots=True)
class Slip:
    """納付書: one slip as pages show it."""

    payment_id: UUID
    number: int
    state: PaymentState
    amount_yen: int
    issued_at: datetime
    pay_until: datetime
    paid_on: date | None
    items: tuple[tuple[UUID, str, int], ...]
    """(reference, label, yen) of each thing it pays."""


def slip(session: Session, *, municipality_id: int, payment_id: UUID) -> Slip:
    """One slip.

    Raises:
        NotThere: no such slip of the municipality.
    """
    found = session.scalar(
        sa.select(Payment).where(
            Payment.id == payment_id,
            Payment.municipality_id == municipality_id,
            Payment.method == Method.SLIP,
        )
    )
    if found is None:
        raise NotThere(f"slip {payment_id}")
    return _line(found)


def slip_by_number(session: Session, *, municipality_id: int, number: int) -> UUID | None:
    """The slip of a number."""
    return session.scalar(
        sa.select(Payment.id).where(
            Payment.municipality_id == municipality_id,
            Payment.method == Method.SLIP,
            Payment.slip_number == number,
        )
    )


def slips_out(session: Session, *, municipality_id: int, limit: int = 100) -> list[Slip]:
    """Slips that wait for their money, the most urgent first."""
    rows = session.scalars(
        sa.select(Payment)
        .where(
            Payment.municipality_id == municipality_id,
            Payment.method == Method.SLIP,
            Payment.state == PaymentState.OPEN,
        )
        .order_by(Payment.deadline_at, Payment.slip_number)
        .limit(limit)
    )
    return [_line(row) for row in rows]


def slips_of(session: Session, *, references: Sequence[UUID]) -> dict[UUID, Slip]:
    """The slip that is out for each of these references that has one."""
    rows = session.execute(
        sa.select(PaymentItem.reference, Payment)
        .join(Payment)
        .where(
            PaymentItem.reference.in_(references),
            PaymentItem.is_standing,
            Payment.method == Method.SLIP,
            Payment.state == PaymentState.OPEN,
        )
    )
    return {reference: _line(payment) for reference, payment in rows}


def _line(payment: Payment) -> Slip:
    assert payment.slip_number is not None, "a slip has its number from the start"
    return Slip(
        payment_id=payment.id,
        number=payment.slip_number,
        state=PaymentState(payment.state),
        amount_yen=payment.amount_yen,
        issued_at=payment.created_at,
        pay_until=payment.deadline_at,
        paid_on=payment.paid_on,
        items=tuple((item.reference, item.label, item.amount_yen) for item in payment.items),
    )
