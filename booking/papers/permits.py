"""使用許可書: who may use what when, on which conditions, for which fee."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import long_day
from booking.papers.draft import Draft, NothingToIssue, issuer_words
from booking.papers.issuers import require_issuer
from booking.papers.sold import Sold, fee_lines, sold
from booking.people.models import Group
from booking.reservations.models import State
from core.clock import civil_day
from core.errors import NotThere
from payments.models import Payment, PaymentItem
from payments.states import PaymentState

TAKEN_BACK = (State.CANCELLED, State.REVOKED)


def permit(session: Session, reservation_id: UUID, *, municipality_id: int, now: datetime) -> Draft:
    """The permit of a confirmed reservation.

    Raises:
        NotThere: no such reservation of the municipality.
        NothingToIssue: it was never confirmed, or it was cancelled or revoked.
        NoIssuer: nobody stands on papers yet.
    """
    found = sold(session, municipality_id=municipality_id, reservation_ids=[reservation_id])
    if reservation_id not in found:
        raise NotThere(f"reservation {reservation_id}")
    one = found[reservation_id]
    if one.permit_number is None or one.state in TAKEN_BACK:
        raise NothingToIssue(f"reservation {reservation_id} is {one.state}")
    issuer = require_issuer(session, municipality_id=municipality_id, day=civil_day(now))
    sport = session.scalar(sa.select(Group.sport).where(Group.id == one.group_id))
    content: dict[str, Any] = {
        "issuer": issuer_words(issuer, registration_number=None),
        "group_name": one.group_name,
        "where": one.where,
        "when": one.when,
        "purpose": sport or "",
        "permitted_on": long_day(_permitted_at(session, one)),
        "amount_yen": one.amount_yen,
        "fees": fee_lines(one, one.amount_yen) if one.lines or one.amount_yen else [],
        "conditions": [line.strip() for line in issuer.permit_conditions.splitlines() if line.strip()],
    }
    return Draft(one.group_id, one.group_name, content, number=one.permit_number)


def _permitted_at(session: Session, one: Sold) -> datetime:
    """When it was confirmed: with the first money, by staff, or, free of charge, when it was made."""
    paid_at = session.scalar(
        sa.select(sa.func.min(Payment.settled_at))
        .join(PaymentItem)
        .where(PaymentItem.reference == one.reservation_id, Payment.state == PaymentState.SETTLED)
    )
    if paid_at is not None:
        return paid_at
    return one.state_changed_at if one.state is State.CONFIRMED else one.created_at
