"""Refunds as residents and staff read them: how far each is, how it goes back, and which one is late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments.disputes import ANSWERED, DISPUTED, by_card_company
from payments.models import Payment, Refund
from payments.states import Method, RefundState

_LATE_AFTER = {RefundState.OWED: timedelta(days=3), RefundState.PENDING: timedelta(days=10)}
"""Longer than sending takes, and longer than banks take."""
_MOST_URGENT = (RefundState.FAILED, RefundState.OWED, RefundState.PENDING, RefundState.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class RefundEntry:
    """One sum on its way back."""

    id: UUID
    reference: UUID
    amount: int
    """In yen; in the smallest unit of `currency` where something else was captured by mistake."""
    currency: str
    cause: str
    method: Method
    state: RefundState
    created_at: datetime
    state_changed_at: datetime
    last_error: str | None

    @property
    def is_by_card_company(self) -> bool:
        """Whether it has reached the payer through a dispute that was lost."""
        return self.state is RefundState.SUCCEEDED and self.last_error == ANSWERED

    @property
    def waits_for_dispute(self) -> bool:
        """Whether the card company has the money until it has decided."""
        return self.state is not RefundState.SUCCEEDED and self.last_error == DISPUTED

    def is_late(self, now: datetime) -> bool:
        """Whether somebody should ask why it is not back yet."""
        waits = _LATE_AFTER.get(self.state)
        is_slow = waits is not None and now - self.state_changed_at > waits
        return self.state is RefundState.FAILED or is_slow


def of_reference(session: Session, *, reference: UUID) -> list[RefundEntry]:
    """All refunds of one reference, oldest first."""
    return _entries(session, Refund.reference == reference, order=(Refund.created_at, Refund.id))


def is_by_card_company(session: Session, *, refund_id: UUID) -> bool:
    """Whether it has reached the payer through a dispute that was lost."""
    answered = sa.select(Refund.id).where(Refund.id == refund_id, by_card_company())
    return session.scalar(answered) is not None


def unfinished(session: Session, *, municipality_id: int, limit: int = 200) -> list[RefundEntry]:
    """What is not back yet: failed ones first, then owed, then under way, each oldest first."""
    return _entries(
        session,
        Refund.municipality_id == municipality_id,
        Refund.state != RefundState.SUCCEEDED,
        order=(_URGENCY, Refund.created_at, Refund.id),
        limit=limit,
    )


def finished(session: Session, *, municipality_id: int, limit: int = 50) -> list[RefundEntry]:
    """What is back, the latest first."""
    return _entries(
        session,
        Refund.municipality_id == municipality_id,
        Refund.state == RefundState.SUCCEEDED,
        order=(Refund.state_changed_at.desc(), Refund.id),
        limit=limit,
    )


_URGENCY = sa.case({state.value: place for place, state in enumerate(_MOST_URGENT)}, value=Refund.state)


def _entries(
    session: Session,
    *where: sa.ColumnElement[bool],
    order: Sequence[Any],
    limit: int | None = None,
) -> list[RefundEntry]:
    rows = session.execute(
        sa.select(Refund, Payment.captured_currency)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(*where)
        .order_by(*order)
        .limit(limit)
    )
    return [
        RefundEntry(
            id=row.id,
            reference=row.reference,
            amount=row.amount_yen,
            currency=currency or "jpy",
            cause=row.cause,
            method=Method(row.method),
            state=RefundState(row.state),
            created_at=row.created_at,
            state_changed_at=row.state_changed_at,
            last_error=row.last_error,
        )
        for row, currency in rows
    ]
