"""Messages about what we do not know: kept, tried again, then asked about at Stripe, then a person's case.

A message may overtake the answer to our own call, so that a little later its object is known. What is still
not known is read again at Stripe: nothing in a message is believed. Money that nothing explains is a case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, retrying
from core.errors import KaihoError
from payments import disputes
from payments.cases import About, CaseKind, open_case
from payments.due import BATCH, LEASE_FOR
from payments.errors import StripeRejected, StripeUnavailable
from payments.models import Payment, WebhookEvent
from payments.remote import RemoteDispute, RemoteIntent, RemoteRefund, StripeApi

FIRST_LOOK_AFTER = timedelta(seconds=30)
"""Longer than a call to Stripe takes, by whose answer the object becomes known."""
_LOOKS_BEFORE_ASKING = 3
_LONGEST_WAIT = timedelta(hours=6)
_GIVEN_UP_AFTER = 30
"""Looks; some days. Stripe answers by then, or the key is another account's."""
_KNOWN = ("checkout.session.", "payment_intent.", "charge.", "refund.")

Found = RemoteDispute | RemoteIntent | RemoteRefund | None

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Parked:
    """What a look at Stripe needs of a message."""

    event_id: str
    type: str
    object_id: str | None
    intent_id: str | None


def is_worth_parking(event_type: str) -> bool:
    """Whether a message of this type may be about money of ours."""
    return event_type.startswith(_KNOWN)


def is_about_a_dispute(event_type: str) -> bool:
    """Disputes name their payment; it is the dispute that must be known."""
    return event_type.startswith("charge.dispute.")


def follow_parked(
    database: Database,
    stripe: StripeApi,
    clock: Clock,
    municipality_id: Callable[[], int],
    explain: Callable[[Session, WebhookEvent, datetime], bool],
) -> int:
    """Look again at the parked messages that are due; how many.

    `explain`: whether a row of ours explains one by now. `municipality_id`: whose case unknown money is.
    """
    for count in range(BATCH):
        taken = retrying(lambda: _take(database, explain, clock.now()))
        if taken is None:
            return count
        if isinstance(taken, str):
            continue
        try:
            found = _asked(stripe, taken)
            whose = municipality_id()
            retrying(lambda: _write(database, taken, found, whose, clock.now()))  # noqa: B023
        except KaihoError as error:
            # The row has its next look already.
            log.warning("parked_put_off", event_id=taken.event_id, error=type(error).__name__)
            if isinstance(error, StripeUnavailable):
                return count + 1
    return BATCH


def _take(
    database: Database, explain: Callable[[Session, WebhookEvent, datetime], bool], now: datetime
) -> _Parked | str | None:
    """The message that has waited longest; None: none is due; its id: nothing to ask about it (yet)."""
    with database.reading() as session:
        if session.scalar(sa.select(WebhookEvent.event_id).where(WebhookEvent.next_due_at <= now)) is None:
            return None
    with database.transaction() as session:
        event = session.scalar(
            sa.select(WebhookEvent)
            .where(WebhookEvent.next_due_at <= now)
            .order_by(WebhookEvent.next_due_at, WebhookEvent.event_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if event is None:
            return None
        if explain(session, event, now):
            event.result, event.next_due_at = "accepted", None
            return event.event_id
        event.attempts += 1
        if event.attempts < _LOOKS_BEFORE_ASKING and not is_about_a_dispute(event.type):
            event.next_due_at = now + FIRST_LOOK_AFTER * 2**event.attempts
            return event.event_id
        if event.attempts > _GIVEN_UP_AFTER:
            event.result, event.next_due_at = "unknown_object", None
            return event.event_id
        event.next_due_at = now + max(LEASE_FOR, min(FIRST_LOOK_AFTER * 2**event.attempts, _LONGEST_WAIT))
        return _Parked(event.event_id, event.type, event.object_id, event.intent_id)


def _asked(stripe: StripeApi, parked: _Parked) -> Found:
    """The object as it is at Stripe; None where our account has none such."""
    try:
        if is_about_a_dispute(parked.type) and parked.object_id:
            return stripe.read_dispute(parked.object_id)
        if parked.type.startswith("refund.") and parked.object_id:
            return stripe.read_refund(parked.object_id)
        return stripe.read_intent(parked.intent_id) if parked.intent_id else None
    except StripeRejected:
        return None


def _write(database: Database, parked: _Parked, found: Found, municipality_id: int, now: datetime) -> None:
    with database.transaction() as session:
        event = session.get_one(WebhookEvent, parked.event_id, with_for_update=True)
        event.next_due_at = None
        if isinstance(found, RemoteDispute):
            disputes.write(session, found, municipality_id=municipality_id, now=now)
            event.result = "accepted"
            return
        if isinstance(found, RemoteIntent) and _belongs(session, found, now):
            event.result = "accepted"
            return
        event.result = "unknown_object"
        if isinstance(found, RemoteIntent) and found.amount_received > 0:
            _list(session, found.id, found.amount_received, found.currency, parked, municipality_id, now)
        elif isinstance(found, RemoteRefund):
            _list(session, found.id, found.amount, "jpy", parked, municipality_id, now)


def _belongs(session: Session, intent: RemoteIntent, now: datetime) -> bool:
    """Whether its own words lead to an attempt whose session we do not know: that one is then due.

    Money of a second session of an attempt is nobody's: the attempt is settled by its own alone.
    """
    if intent.payment_id is None:
        return False
    payment = session.get(Payment, intent.payment_id, with_for_update=True)
    if payment is None or payment.stripe_session_id is not None:
        return False
    payment.next_due_at = now
    return True


def _list(
    session: Session,
    object_id: str,
    amount: int,
    currency: str,
    parked: _Parked,
    municipality_id: int,
    now: datetime,
) -> None:
    open_case(
        session,
        municipality_id=municipality_id,
        kind=CaseKind.UNKNOWN_OBJECT,
        about=About(
            subject=object_id,
            amount_yen=amount if currency == "jpy" else None,
            detail={"message": parked.type, "amount": f"{amount} {currency}"},
        ),
        now=now,
    )
