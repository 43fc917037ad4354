"""Where Stripe's messages come in: verified, stored once, turned into "look now" on the row they are about.

Nothing in a message is believed. It says which object is worth re-reading; the loops read it and decide.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, Response, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from core.clock import Clock
from core.database import Database, insert_into, retrying
from payments.callbacks import Callbacks
from payments.case_models import Dispute
from payments.cases import About, CaseKind, open_case
from payments.metrics import WEBHOOKS
from payments.models import Payment, Refund, WebhookEvent
from payments.parked import FIRST_LOOK_AFTER, is_about_a_dispute, is_worth_parking
from payments.remote import StripeApi
from payments.states import CAN_CAPTURE, PaymentState, RefundState
from payments.stripe_port import BadSignature, signed_at

MAX_BODY = 256 * 1024
TOLERANCE_S = 300
"""How far the signature's time may be from ours, before or after."""
_LONGEST_ID = 255
_KEPT_FOR = timedelta(days=120)
"""Four times as long as Stripe keeps an event and can be asked to send it again."""


class Unreadable(ValueError):
    """Signed, and still not an event as Stripe writes them."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a message says happened: names of objects only."""

    id: str
    type: str
    is_live: bool
    object_id: str | None
    payment_id: UUID | None
    refund_id: UUID | None
    payment_intent_id: str | None


def blueprint(
    database: Database,
    stripe: StripeApi,
    callbacks: Callbacks,  # noqa: ARG001 - messages settle nothing; the loops call back
    clock: Clock,
    secrets: Sequence[str],
    municipality_id: Callable[[], int] | None = None,
) -> Blueprint:
    """`POST /stripe/webhook`, guard `stripe_signature`, no CSRF. Several secrets while one is replaced.

    `municipality_id`: whose staff hear of messages from Stripe's other mode.
    """
    pages = Blueprint("stripe_webhook", __name__)

    @pages.post("/stripe/webhook")
    def receive() -> Response:
        request.max_content_length = MAX_BODY
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return _answered("too_large", 413)
        now = clock.now()
        try:
            stamped = signed_at(body, request.headers.get("Stripe-Signature"), secrets)
        except BadSignature:
            return _answered("bad_signature", 400)
        if abs(stamped - now.timestamp()) > TOLERANCE_S:
            return _answered("stale", 400)
        try:
            event = parsed(body)
        except Unreadable:
            return _answered("unreadable", 400)
        if event.is_live != stripe.is_live:
            if municipality_id is not None:
                whose = municipality_id()
                retrying(lambda: _list_foreign(database, event, whose, now))
            return _answered("foreign_mode", 200)
        return _answered(retrying(lambda: _store(database, event, now)), 200)

    return pages


def take_in(session: Session, event: Event, *, now: datetime) -> str:
    """Store an event and make the row it is about due; what became of it.

    `accepted`, `duplicate`, `parked` (nothing of ours explains it yet; `payments.parked` looks again), or
    `unknown_object` (it is not about money).
    """
    about = _explained(session, event)
    result = "accepted"
    if about is None:
        result = "parked" if is_worth_parking(event.type) else "unknown_object"
    statement = insert_into(session, WebhookEvent).values(
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        received_at=now,
        result=result,
        payment_id=about.payment_id if about else None,
        refund_id=about.refund_id if about else None,
        intent_id=event.payment_intent_id,
        next_due_at=now + FIRST_LOOK_AFTER if result == "parked" else None,
    )
    stored = session.execute(statement.on_conflict_do_nothing().returning(WebhookEvent.event_id)).first()
    if stored is None:
        return "duplicate"
    if about is not None:
        _make_due(session, about, event.type, now)
    return result


def explain(session: Session, parked: WebhookEvent, now: datetime) -> bool:
    """Whether rows of ours explain a parked message by now; if so they are due."""
    event = Event(
        id=parked.event_id,
        type=parked.type,
        is_live=False,
        object_id=parked.object_id,
        payment_id=None,
        refund_id=None,
        payment_intent_id=parked.intent_id,
    )
    about = _explained(session, event)
    if about is None:
        return False
    parked.payment_id, parked.refund_id = about.payment_id, about.refund_id
    _make_due(session, about, parked.type, now)
    return True


def forget(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Drop up to `limit` messages that nobody waits for and that Stripe can send no more; how many.

    What they led to stays. One that came once more after that would be one more hint, and change nothing.
    """
    old = (
        sa.select(WebhookEvent.event_id)
        .where(WebhookEvent.received_at < now - _KEPT_FOR, WebhookEvent.next_due_at.is_(None))
        .order_by(WebhookEvent.received_at)
        .limit(limit)
    )
    gone = session.scalars(
        sa.delete(WebhookEvent).where(WebhookEvent.event_id.in_(old)).returning(WebhookEvent.event_id)
    )
    return len(gone.all())


def parsed(body: bytes) -> Event:
    """The names in a signed message.

    Raises:
        Unreadable: not JSON, or without what every event has.
    """
    try:
        whole = json.loads(body)
        subject = whole["data"]["object"]
        event_id, event_type, is_live = whole["id"], whole["type"], whole["livemode"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable from error
    names = (event_id, event_type)
    if not isinstance(subject, dict) or not all(isinstance(name, str) and name for name in names):
        raise Unreadable
    if len(event_id) > _LONGEST_ID or len(event_type) > 100 or "\x00" in event_id + event_type:
        raise Unreadable
    metadata = subject.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    object_id = _name_or_none(subject.get("id"))
    is_intent = event_type.startswith("payment_intent.")
    return Event(
        id=event_id,
        type=event_type,
        is_live=is_live is True,
        object_id=object_id,
        payment_id=_uuid_or_none(subject.get("client_reference_id") or metadata.get("payment_id")),
        refund_id=_uuid_or_none(metadata.get("refund_id")),
        payment_intent_id=object_id if is_intent else _name_or_none(subject.get("payment_intent")),
    )


def _store(database: Database, event: Event, now: datetime) -> str:
    with database.transaction() as session:
        return take_in(session, event, now=now)


def _answered(result: str, status: int) -> Response:
    WEBHOOKS.labels(result).inc()
    return Response(result, status=status, mimetype="text/plain")


@dataclass(frozen=True, slots=True)
class _About:
    """The rows of ours that a message is about."""

    payment_id: UUID | None
    refund_id: UUID | None
    dispute_id: UUID | None


def _explained(session: Session, event: Event) -> _About | None:
    """Which rows; None where the very object that the message names is not known."""
    payment = _payment_or_none(session, event)
    refund = _refund_or_none(session, event)
    dispute = _dispute_or_none(session, event) if is_about_a_dispute(event.type) else None
    is_known: bool
    if is_about_a_dispute(event.type):
        is_known = dispute is not None
    elif event.type.startswith(("refund.", "charge.refund.")):
        is_known = refund is not None
    else:
        is_known = payment is not None or refund is not None
    return _About(payment, refund, dispute) if is_known else None


def _make_due(session: Session, about: _About, event_type: str, now: datetime) -> None:
    if about.payment_id is not None:
        _make_payment_due(session, about.payment_id, event_type, now)
    if about.refund_id is not None:
        _make_refund_due(session, about.refund_id, now)
    if about.dispute_id is not None:
        session.execute(sa.update(Dispute).where(Dispute.id == about.dispute_id).values(next_due_at=now))


def _list_foreign(database: Database, event: Event, municipality_id: int, now: datetime) -> None:
    """Test messages at a live till, or the other way round: somebody has mixed up two endpoints."""
    about = About(subject="webhook", detail={"message": event.type, "is_live": event.is_live})
    with database.transaction() as session:
        open_case(session, municipality_id=municipality_id, kind=CaseKind.FOREIGN_MODE, about=about, now=now)


def _payment_or_none(session: Session, event: Event) -> UUID | None:
    """By the session or intent we know; by our own id where the message overtook the answer to our call."""
    known = [Payment.stripe_session_id == event.object_id] if event.object_id else []
    if event.payment_intent_id:
        known.append(Payment.stripe_payment_intent_id == event.payment_intent_id)
    if event.payment_id:
        known.append(sa.and_(Payment.id == event.payment_id, _is_not_another(event)))
    return session.scalar(sa.select(Payment.id).where(sa.or_(*known)).limit(1)) if known else None


def _is_not_another(event: Event) -> sa.ColumnElement[bool]:
    """Whether the session or intent may be the attempt's own, and is not a second one that strayed."""
    if event.type.startswith("checkout."):
        return sa.or_(Payment.stripe_session_id.is_(None), Payment.stripe_session_id == event.object_id)
    own = Payment.stripe_payment_intent_id
    return sa.or_(own.is_(None), own == event.payment_intent_id)


def _refund_or_none(session: Session, event: Event) -> UUID | None:
    known = [Refund.stripe_refund_id == event.object_id] if event.object_id else []
    if event.refund_id:
        known.append(Refund.id == event.refund_id)
    return session.scalar(sa.select(Refund.id).where(sa.or_(*known)).limit(1)) if known else None


def _dispute_or_none(session: Session, event: Event) -> UUID | None:
    return session.scalar(sa.select(Dispute.id).where(Dispute.stripe_dispute_id == event.object_id))


def _make_payment_due(session: Session, payment_id: UUID, event_type: str, now: datetime) -> None:
    states = set(CAN_CAPTURE)
    if event_type.endswith((".completed", ".async_payment_succeeded", ".succeeded")):
        # Money after the end would be news; our own expiring coming back as a message is none.
        states.add(PaymentState.EXPIRED)
    is_sooner = sa.or_(Payment.next_due_at.is_(None), Payment.next_due_at > now)
    session.execute(
        sa.update(Payment)
        .where(Payment.id == payment_id, Payment.state.in_(states), is_sooner)
        .values(next_due_at=now)
    )


def _make_refund_due(session: Session, refund_id: UUID, now: datetime) -> None:
    followed = (RefundState.PENDING, RefundState.SUCCEEDED)
    session.execute(
        sa.update(Refund).where(Refund.id == refund_id, Refund.state.in_(followed)).values(next_due_at=now)
    )


def _name_or_none(value: Any) -> str | None:
    is_name = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and "\x00" not in value
    return value if is_name else None


def _uuid_or_none(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
