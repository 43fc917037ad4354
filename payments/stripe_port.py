"""Where `stripe` is called: typed values go in and out, and every exception of theirs ends here.

Facts of the client that bite (stripe 16): no retries and an 80 s timeout unless asked otherwise; objects are
no dicts; the signature check accepts any time in the future. Lists come newest first; auto-paging goes on by
id, so what is made meanwhile shifts nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import stripe
from stripe.params import RefundCreateParams
from stripe.params.checkout import SessionCreateParams

from core.database import require_no_transaction
from payments import stripe_answers
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.metrics import STRIPE_CALLS
from payments.remote import (
    RefundOrder,
    RefundStatus,
    RemoteDispute,
    RemoteIntent,
    RemoteMovement,
    RemotePayout,
    RemoteRefund,
    RemoteSession,
    SessionOrder,
    SessionStatus,
)

T = TypeVar("T")

_TIMEOUT_S = (3, 7)
_RETRIES = 2
CALL_TAKES_AT_MOST_S = 35
"""Three tries of 10 s each and the pauses between them, rounded up. Short, because a person waits for some of
these calls and a crashed caller's lease is twice as long; a slower answer is found by the next try, same key.
"""

_WORTH = (SessionStatus.PAID, SessionStatus.AWAITING_FUNDS, SessionStatus.OPEN, SessionStatus.EXPIRED)


class BadSignature(ValueError):
    """A message that Stripe did not sign with any of our secrets."""


class StripePort:
    """One Stripe account, or whatever answers like it at `api_base`."""

    def __init__(self, secret_key: str, api_base: str | None = None) -> None:
        self._is_live = secret_key.startswith(("sk_live_", "rk_live_"))
        self._client: stripe.StripeClient | None = None
        if secret_key:
            self._client = stripe.StripeClient(
                secret_key,
                base_addresses={"api": api_base} if api_base else {},
                http_client=stripe.RequestsClient(timeout=_TIMEOUT_S),
                max_network_retries=_RETRIES,
            )

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""
        return self._is_live

    def create_session(self, order: SessionOrder, *, key: str) -> RemoteSession:
        """A hosted page for an order."""
        return self._call(
            "create_session",
            lambda client: stripe_answers.session(
                client, client.v1.checkout.sessions.create(_session_params(order), {"idempotency_key": key})
            ),
        )

    def expire_session(self, session_id: str, *, key: str) -> RemoteSession:
        """Make a session unpayable; rejected where it is complete or expired already."""
        return self._call(
            "expire_session",
            lambda client: stripe_answers.session(
                client, client.v1.checkout.sessions.expire(session_id, {}, {"idempotency_key": key})
            ),
        )

    def read_session(self, session_id: str) -> RemoteSession:
        """A session as it is now."""
        return self._call(
            "read_session",
            lambda client: stripe_answers.session(client, client.v1.checkout.sessions.retrieve(session_id)),
        )

    def find_session(self, payment_id: UUID, *, created_after: datetime) -> RemoteSession | None:
        """The session made for a payment since an instant, by listing them all."""

        def find(client: stripe.StripeClient) -> RemoteSession | None:
            listed = client.v1.checkout.sessions.list(
                {"limit": 100, "created": {"gte": _seconds(created_after)}}
            )
            ours = [
                stripe_answers.session(client, one)
                for one in listed.auto_paging_iter()
                if one.client_reference_id == str(payment_id)
            ]
            return min(ours, key=lambda one: _WORTH.index(one.status), default=None)

        return self._call("find_session", find)

    def create_refund(self, order: RefundOrder, *, key: str) -> RemoteRefund:
        """Send money back."""
        params: RefundCreateParams = {
            "payment_intent": order.payment_intent_id,
            "amount": order.amount,
            "metadata": {
                "refund_id": str(order.refund_id),
                "payment_id": str(order.payment_id),
                "reservation": str(order.reference),
            },
        }
        return self._call(
            "create_refund",
            lambda client: stripe_answers.refund(client.v1.refunds.create(params, {"idempotency_key": key})),
        )

    def read_refund(self, stripe_refund_id: str) -> RemoteRefund:
        """A refund as it is now."""
        return self._call(
            "read_refund", lambda client: stripe_answers.refund(client.v1.refunds.retrieve(stripe_refund_id))
        )

    def find_refund(self, refund_id: UUID, *, payment_intent_id: str) -> RemoteRefund | None:
        """The refund made for a row of ours and not failed, by listing those of its payment."""

        def find(client: stripe.StripeClient) -> RemoteRefund | None:
            listed = client.v1.refunds.list({"limit": 100, "payment_intent": payment_intent_id})
            for one in listed.auto_paging_iter():
                named = getattr(one.metadata, "refund_id", None) if one.metadata is not None else None
                found = stripe_answers.refund(one)
                if named == str(refund_id) and found.status != RefundStatus.FAILED:
                    return found
            return None

        return self._call("find_refund", find)

    def read_intent(self, intent_id: str) -> RemoteIntent:
        """A payment intent as it is now."""
        return self._call(
            "read_intent",
            lambda client: stripe_answers.intent(client.v1.payment_intents.retrieve(intent_id)),
        )

    def read_dispute(self, dispute_id: str) -> RemoteDispute:
        """A dispute as it is now."""
        return self._call(
            "read_dispute", lambda client: stripe_answers.dispute(client.v1.disputes.retrieve(dispute_id))
        )

    def list_disputes(self, *, created_after: datetime) -> list[RemoteDispute]:
        """All disputes opened since an instant, oldest first."""

        def ask(client: stripe.StripeClient) -> list[RemoteDispute]:
            listed = client.v1.disputes.list({"limit": 100, "created": {"gte": _seconds(created_after)}})
            return [stripe_answers.dispute(one) for one in listed.auto_paging_iter()][::-1]

        return self._call("list_disputes", ask)

    def list_movements(self, *, created_after: datetime) -> list[RemoteMovement]:
        """All balance transactions since an instant, oldest first."""

        def ask(client: stripe.StripeClient) -> list[RemoteMovement]:
            listed = client.v1.balance_transactions.list(
                {"limit": 100, "created": {"gte": _seconds(created_after)}, "expand": ["data.source"]}
            )
            return [stripe_answers.movement(one) for one in listed.auto_paging_iter()][::-1]

        return self._call("list_movements", ask)

    def list_payout_movements(self, payout_id: str) -> list[RemoteMovement]:
        """What one automatic payout carried, the payout's own movement among it, oldest first."""

        def ask(client: stripe.StripeClient) -> list[RemoteMovement]:
            listed = client.v1.balance_transactions.list(
                {"limit": 100, "payout": payout_id, "expand": ["data.source"]}
            )
            return [stripe_answers.movement(one, payout_id) for one in listed.auto_paging_iter()][::-1]

        return self._call("list_payout_movements", ask)

    def list_payouts(self, *, created_after: datetime) -> list[RemotePayout]:
        """All payouts made since an instant, oldest first."""

        def ask(client: stripe.StripeClient) -> list[RemotePayout]:
            listed = client.v1.payouts.list({"limit": 100, "created": {"gte": _seconds(created_after)}})
            return [stripe_answers.payout(one) for one in listed.auto_paging_iter()][::-1]

        return self._call("list_payouts", ask)

    def _call(self, name: str, ask: Callable[[stripe.StripeClient], T]) -> T:
        require_no_transaction(f"stripe {name}")
        if self._client is None:
            raise StripeRejected("no Stripe key is set")
        try:
            answer = ask(self._client)
        except stripe.StripeError as error:
            ours = _translated(error)
            STRIPE_CALLS.labels(name, ours.code if not isinstance(ours, StripeFailed) else "failed").inc()
            raise ours from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            STRIPE_CALLS.labels(name, "unreadable").inc()
            raise StripeUnavailable(f"unreadable answer to {name}") from error
        STRIPE_CALLS.labels(name, "ok").inc()
        return answer


def signed_at(payload: bytes, header: str | None, secrets: Sequence[str]) -> int:
    """When Stripe signed a message, in seconds since the epoch; how old is too old is for the caller to say.

    Raises:
        BadSignature: none of the secrets made this signature for these very bytes.
    """
    for secret in secrets:
        try:
            # Without a tolerance: theirs reads the machine's clock and looks only backwards.
            stripe.WebhookSignature.verify_header(payload, header, secret)
        except (stripe.SignatureVerificationError, TypeError, ValueError):
            continue
        # Read as they read it: the first `t`, up to a second equals sign.
        return next(int(part.split("=", 2)[1]) for part in (header or "").split(",") if part.startswith("t="))
    raise BadSignature


def _translated(error: stripe.StripeError) -> StripeUnavailable | StripeRejected:
    status, name = error.http_status, error.code or type(error).__name__
    if isinstance(error, stripe.APIConnectionError):
        return StripeUnavailable("no answer")
    if status == 500:
        return StripeFailed(f"500 {name}")
    # 409: the key is in use by a call under way. Nothing of it is an answer to this call.
    if status is None or status in (409, 429) or status > 500 or status < 400:
        return StripeUnavailable(f"{status} {name}")
    return StripeRejected(f"{status} {name}", stripe_code=error.code)


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _session_params(order: SessionOrder) -> SessionCreateParams:
    # Ids only: Stripe's staff and exports see metadata.
    metadata = {"payment_id": str(order.payment_id)}
    metadata |= {f"reservation_{number}": str(one) for number, one in enumerate(order.references, 1)}
    params: SessionCreateParams = {
        "mode": "payment",
        "locale": "ja",
        "client_reference_id": str(order.payment_id),
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "jpy",
                    "unit_amount": line.amount_yen,
                    "product_data": {"name": line.label},
                },
            }
            for line in order.lines
        ],
        # By name: what the account switches on later must not appear on our pages by itself.
        "allowed_payment_method_types": list(order.methods),
        "adaptive_pricing": {"enabled": False},
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "expires_at": int(order.expires_at.timestamp()),
    }
    if order.mail_address:
        params["customer_email"] = order.mail_address
    if "konbini" in order.methods and order.funds_within_days is not None:
        params["payment_method_options"] = {"konbini": {"expires_after_days": order.funds_within_days}}
    return params
