"""Stripe's objects read into our words. Beside `stripe_port.py` the only file that knows their shapes.

An object without what it must have raises AttributeError, KeyError, TypeError or ValueError; the port calls
that an unreadable answer.
"""

from datetime import UTC, datetime
from uuid import UUID

import stripe
from stripe.checkout import Session as StripeSession

from payments.remote import (
    RefundStatus,
    RemoteDispute,
    RemoteIntent,
    RemoteMovement,
    RemotePayout,
    RemoteRefund,
    RemoteSession,
    SessionStatus,
)

_REFUND_STATUS = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
}


def session(client: stripe.StripeClient, one: StripeSession) -> RemoteSession:
    """A session; where its money comes later, its intent is read too, for the state and the voucher."""
    intent_id = _id_or_none(one.payment_intent)
    status, due_at, voucher = _status(client, one, intent_id)
    return RemoteSession(
        id=one.id,
        status=status,
        amount=int(one.amount_total or 0),
        currency=str(one.currency or ""),
        is_live=bool(one.livemode),
        url=one.url,
        payment_intent_id=intent_id,
        payment_id=_uuid_or_none(one.client_reference_id),
        funds_due_at=due_at,
        voucher_url=voucher,
    )


def refund(one: stripe.Refund) -> RemoteRefund:
    """A refund."""
    return RemoteRefund(
        id=one.id,
        status=_REFUND_STATUS[str(one.status)],
        amount=one.amount,
        failure_reason=getattr(one, "failure_reason", None),
    )


def dispute(one: stripe.Dispute) -> RemoteDispute:
    """A dispute, with what its balance transactions have taken so far."""
    return RemoteDispute(
        id=one.id,
        state=one.status,
        amount=one.amount,
        currency=one.currency,
        reason=one.reason,
        payment_intent_id=_id_or_none(one.payment_intent),
        # Zero where the bank takes no answer.
        evidence_due_at=_instant(one.evidence_details.due_by) if one.evidence_details.due_by else None,
        created_at=_instant(one.created),
        withdrawn=-sum(movement.amount for movement in one.balance_transactions),
    )


def movement(one: stripe.BalanceTransaction, payout_id: str | None = None) -> RemoteMovement:
    """A balance transaction whose source was expanded."""
    source = one.source
    return RemoteMovement(
        id=one.id,
        type=one.type,
        amount=one.amount,
        fee=one.fee,
        net=one.net,
        currency=one.currency,
        source_id=_id_or_none(source),
        # A payout, or a fee of Stripe's own, has no intent.
        payment_intent_id=_id_or_none(getattr(source, "payment_intent", None)),
        created_at=_instant(one.created),
        available_on=_instant(one.available_on),
        payout_id=payout_id,
    )


def payout(one: stripe.Payout) -> RemotePayout:
    """A payout; Stripe's arrival date is midnight UTC of the civil day."""
    return RemotePayout(
        id=one.id,
        amount=one.amount,
        state=one.status,
        arrives_on=_instant(one.arrival_date).date(),
        created_at=_instant(one.created),
    )


def intent(one: stripe.PaymentIntent) -> RemoteIntent:
    """A payment intent."""
    return RemoteIntent(
        id=one.id,
        status=one.status,
        amount_received=one.amount_received,
        currency=one.currency,
        is_live=bool(one.livemode),
        payment_id=_uuid_or_none(getattr(one.metadata, "payment_id", None)),
    )


def _status(
    client: stripe.StripeClient, one: StripeSession, intent_id: str | None
) -> tuple[SessionStatus, datetime | None, str | None]:
    if one.status == "expired":
        return SessionStatus.EXPIRED, None, None
    if one.status == "open":
        return SessionStatus.OPEN, None, None
    if one.status == "complete" and one.payment_status == "paid":
        return SessionStatus.PAID, None, None
    if one.status == "complete" and intent_id is not None:
        waiting = client.v1.payment_intents.retrieve(intent_id)
        if waiting.status in ("canceled", "requires_payment_method"):
            return SessionStatus.EXPIRED, None, None
        return (SessionStatus.AWAITING_FUNDS, *_voucher(waiting))
    raise ValueError(f"session status {one.status!r}")


def _voucher(waiting: stripe.PaymentIntent) -> tuple[datetime | None, str | None]:
    """Until when a konbini voucher can be paid, and the page that shows it; neither for other ways to pay."""
    details = getattr(waiting.next_action, "konbini_display_details", None)
    if details is None:
        return None, None
    return _instant(details.expires_at), getattr(details, "hosted_voucher_url", None)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id_or_none(one: object) -> str | None:
    """The id of an object that Stripe gives as an id or, expanded, as itself."""
    if one is None or isinstance(one, str):
        return one
    return str(one.id)  # type: ignore[attr-defined]


def _uuid_or_none(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
