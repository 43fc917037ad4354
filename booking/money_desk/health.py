"""Whether money news still arrives: messages from Stripe, attempts under way, refunds on their way back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments.models import Payment, Refund, WebhookEvent
from payments.states import CAN_CAPTURE, PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class Health:
    """What the overview says of the line to Stripe."""

    last_message_at: datetime | None
    parked: int
    """Messages about what we do not know (yet)."""
    oldest_attempt_at: datetime | None
    """Begun and neither paid nor closed; a voucher that waits to be paid is not counted."""
    awaited: int
    awaited_yen: int
    """Vouchers that wait to be paid at a till."""


@dataclass(frozen=True, slots=True)
class Sum:
    """So many, so much."""

    count: int
    yen: int


def of_stripe(session: Session, *, municipality_id: int) -> Health:
    """The age of the last message, the oldest unfinished attempt, what is awaited."""
    # Each by its own index: messages are kept for months.
    parked = sa.select(sa.func.count()).where(WebhookEvent.next_due_at.is_not(None))
    last, waiting = session.execute(
        sa.select(
            sa.select(sa.func.max(WebhookEvent.received_at)).scalar_subquery(), parked.scalar_subquery()
        )
    ).one()
    mine = (Payment.municipality_id == municipality_id, Payment.next_due_at.is_not(None))
    oldest = session.scalar(
        sa.select(sa.func.min(Payment.created_at)).where(
            *mine,
            Payment.method == "stripe",
            Payment.state.in_(CAN_CAPTURE - {PaymentState.PROCESSING}),
        )
    )
    awaited, awaited_yen = session.execute(
        sa.select(sa.func.count(), sa.func.sum(Payment.amount_yen)).where(
            *mine, Payment.state == PaymentState.PROCESSING
        )
    ).one()
    return Health(last, int(waiting), oldest, int(awaited), int(awaited_yen or 0))


def refunds_under_way(session: Session, *, municipality_id: int) -> Mapping[RefundState, Sum]:
    """Refunds that are not through, by state."""
    rows = session.execute(
        sa.select(Refund.state, sa.func.count(), sa.func.sum(Refund.amount_yen))
        .where(Refund.municipality_id == municipality_id, Refund.state != RefundState.SUCCEEDED)
        .group_by(Refund.state)
    )
    found = {RefundState(state): Sum(int(count), int(yen)) for state, count, yen in rows}
    return {state: found[state] for state in RefundState if state in found}
