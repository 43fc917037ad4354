"""Konbini: the session is complete at once, the money comes days later at a till, or never."""

from __future__ import annotations

import hashlib
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from payments.sandbox.attempts import customer, intent_of
from payments.sandbox.charges import capture
from payments.sandbox.store import Body
from payments.sandbox.world import World

TOKYO = ZoneInfo("Asia/Tokyo")
DEFAULT_DAYS = 3
STORES = {
    "familymart": "ファミリーマート",
    "lawson": "ローソン",
    "ministop": "ミニストップ",
    "seicomart": "セイコーマート",
}


def order(world: World, session: Body) -> Body:
    """Give the payer a voucher: the session is `complete` and `unpaid`; the intent that waits.

    It can be paid to the end of the last of its days in Tokyo, 23:59:59, as Stripe counts them.
    """
    intent = intent_of(world, session)
    expires_at = voucher_expires_at(session, world.now())
    note = {"name": None, "refunds": "asked", "details": {"konbini": {"store": None}, "type": "konbini"}}
    world.store.save_note(intent["id"], note)
    codes = {
        "confirmation_number": _digits(intent["id"], "c", 11),
        "payment_code": _digits(intent["id"], "p", 6),
    }
    intent.update(
        status="requires_action",
        payment_method=world.store.new_id("pm_1"),
        last_payment_error=None,
        next_action={
            "type": "konbini_display_details",
            "konbini_display_details": {
                "expires_at": expires_at,
                "hosted_voucher_url": f"{world.base_url}/c/voucher/{intent['id']}",
                "stores": {store: dict(codes) for store in STORES},
            },
        },
    )
    world.store.save(intent, due_at=expires_at + 1)
    session.update(status="complete", url=None, customer_details=customer(session, None))
    world.store.save(session)
    world.emit("payment_intent.requires_action", intent)
    world.emit("checkout.session.completed", session)
    return intent


def settle(world: World, intent: Body, *, is_paid: bool, store: str = "familymart") -> Body:
    """The voucher is paid at a till, or its time is over; the intent afterwards."""
    session = world.store.newest_first("checkout.session", equal={"payment_intent": intent["id"]})[0]
    if is_paid:
        note = world.store.note(intent["id"])
        note["details"]["konbini"]["store"] = {"chain": store}
        world.store.save_note(intent["id"], note)
        charge = capture(world, intent)
        session.update(payment_status="paid", amount_total=intent["amount"], currency=intent["currency"])
        world.store.save(session)
        world.emit("charge.succeeded", charge)
        world.emit("payment_intent.succeeded", intent)
        world.emit("checkout.session.async_payment_succeeded", session)
        return intent
    error = {
        "code": "payment_intent_payment_attempt_expired",
        "message": "The payment attempt for this PaymentIntent has expired.",
        "type": "invalid_request_error",
    }
    intent.update(
        status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=error
    )
    world.store.save(intent)
    world.emit("payment_intent.payment_failed", intent)
    world.emit("checkout.session.async_payment_failed", session)
    return intent


def voucher_expires_at(session: Body, now: int) -> int:
    """The last second a voucher ordered now can be paid."""
    options = session["payment_method_options"].get("konbini", {})
    last_day = datetime.fromtimestamp(now, TOKYO).date() + timedelta(
        days=options.get("expires_after_days", DEFAULT_DAYS)
    )
    return int(datetime.combine(last_day, time(23, 59, 59), TOKYO).timestamp())


def is_waiting(intent: Body | None) -> bool:
    """Whether an intent has a voucher that nobody has paid yet."""
    action = intent["next_action"] if intent else None
    return action is not None and action["type"] == "konbini_display_details"


def _digits(intent_id: str, of: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(f"{intent_id}/{of}".encode()).digest(), "big")
    return f"{number % 10**length:0{length}d}"
