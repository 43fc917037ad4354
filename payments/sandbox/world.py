"""What every part of the sandbox works with: the store, its addresses, and the events it owes."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from payments.sandbox import API_VERSION, deliveries
from payments.sandbox.store import Body, Store

ENDPOINT_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "payout.failed",
    }
)
"""What the one webhook endpoint is subscribed to; other events are in `/v1/events` only."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API, its parameters already typed."""

    params: dict[str, Any]
    object_id: str = ""
    request_id: str | None = None
    key: str | None = None


@dataclass(slots=True)
class World:
    """One account in test mode."""

    store: Store
    base_url: str
    secret_key: str
    webhook_url: str | None = None
    webhook_secret: str = ""
    merchant: str = "見本自治体 施設予約"
    wake: threading.Event = field(default_factory=threading.Event)

    def now(self) -> int:
        """Whole seconds since the epoch on the sandbox's clock."""
        return self.store.clock.now()

    def emit(self, event_type: str, subject: Body, call: Call | None = None) -> Body:
        """Record that something happened and owe the webhook endpoint a message about it.

        The event holds the object as it is now; call it inside the transaction that changed the object.
        """
        is_sent = self.webhook_url is not None and event_type in ENDPOINT_EVENTS
        event = self.event(event_type, subject, call, is_sent=is_sent)
        if is_sent:
            deliveries.owe(self.store, event)
            self.wake.set()
        return event

    def event(
        self,
        event_type: str,
        subject: Body,
        call: Call | None = None,
        *,
        is_sent: bool,
        is_live: bool = False,
    ) -> Body:
        """An event as it stays in `/v1/events`; nobody is told of it here."""
        return self.store.add(
            {
                "id": self.store.new_id("evt_1"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": {"object": json.loads(json.dumps(subject))},
                "livemode": is_live,
                "pending_webhooks": 1 if is_sent else 0,
                "request": {
                    "id": call.request_id if call else None,
                    "idempotency_key": call.key if call else None,
                },
                "type": event_type,
            }
        )
