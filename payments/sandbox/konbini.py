"""Konbini: the session is complete at once, the money comes days later at a till, or never."""

from __future__ import annotations

from payments.sandbox.attempts import intent_of
from payments.sandbox.charges import capture
from payments.sandbox.store import Body
from payments.sandbox.world import World

VOUCHER_S = 3 * 24 * 60 * 60


def order(world: World, session: Body) -> Body:
    """Give the payer a voucher: the session is `complete` and `unpaid`; the intent that waits."""
    intent = intent_of(world, session)
    expires_at = world.now() + VOUCHER_S
    method = world.store.new_id("pm_1")
    note = {"name": None, "refunds": "pending", "details": {"konbini": {"store": None}, "type": "konbini"}}
    world.store.save_note(intent["id"], note)
    intent.update(
        status="requires_action",
        payment_method=method,
        last_payment_error=None,
        next_action={
            "type": "konbini_display_details",
            "konbini_display_details": {"expires_at": expires_at, "hosted_voucher_url": None},
        },
    )
    world.store.save(intent, due_at=expires_at)
    session.update(status="complete", url=None)
    world.store.save(session)
    world.emit("payment_intent.requires_action", intent)
    world.emit("checkout.session.completed", session)
    return intent


def settle(world: World, intent: Body, *, is_paid: bool) -> Body:
    """The voucher is paid at a till, or its time is over; the intent afterwards."""
    session = world.store.newest_first("checkout.session", equal={"payment_intent": intent["id"]})[0]
    if is_paid:
        charge = capture(world, intent)
        intent.update(
            status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"], next_action=None
        )
        session.update(payment_status="paid")
        world.store.save(session)
        world.emit("charge.succeeded", charge)
    else:
        error = {
            "code": "payment_intent_payment_attempt_expired",
            "message": "The payment attempt for this PaymentIntent has expired.",
            "type": "invalid_request_error",
        }
        intent.update(
            status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=error
        )
    world.store.save(intent)
    world.emit("payment_intent.succeeded" if is_paid else "payment_intent.payment_failed", intent)
    outcome = "succeeded" if is_paid else "failed"
    world.emit(f"checkout.session.async_payment_{outcome}", session)
    return intent


def is_waiting(intent: Body | None) -> bool:
    """Whether an intent has a voucher that nobody has paid yet."""
    action = intent["next_action"] if intent else None
    return action is not None and action["type"] == "konbini_display_details"
