"""Attempts to pay a session: the payment intent, declines, 3-D Secure, and the charge that settles it."""

from __future__ import annotations

from dataclasses import dataclass

from payments.sandbox import cards
from payments.sandbox.charges import capture, failed_charge
from payments.sandbox.store import Body
from payments.sandbox.world import World


@dataclass(frozen=True, slots=True)
class CardEntry:
    """What was typed on the page, already checked for form: digits only, month and four-digit year."""

    number: str
    exp_month: int
    exp_year: int
    name: str


def pay_by_card(world: World, session: Body, entry: CardEntry) -> Body:
    """One attempt on an open session; the intent afterwards.

    Its status says how it went: `succeeded`, `requires_action` (3-D Secure is waiting), or
    `requires_payment_method` with `last_payment_error` (declined; the same session may be tried again).
    """
    card = cards.card_by_number(entry.number)
    intent = intent_of(world, session)
    method = world.store.new_id("pm_1")
    note = {
        "number": entry.number,
        "name": entry.name,
        "refunds": card.refunds,
        "details": {
            "card": {
                "brand": card.brand,
                "country": "JP",
                "exp_month": entry.exp_month,
                "exp_year": entry.exp_year,
                "funding": "credit",
                "last4": entry.number[-4:],
                "network": card.brand,
                "three_d_secure": None,
                "wallet": None,
            },
            "type": "card",
        },
    }
    world.store.save_note(intent["id"], note)
    intent.update(payment_method=method, last_payment_error=None, next_action=None)
    if card.needs_3ds:
        intent.update(
            status="requires_action",
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "url": f"{world.base_url}/c/pay/{session['id']}/3ds",
                    "return_url": f"{world.base_url}/c/pay/{session['id']}",
                },
            },
        )
        world.store.save(intent)
        world.emit("payment_intent.requires_action", intent)
        return intent
    return _settle(world, session, intent, card)


def finish_3ds(world: World, session: Body, *, is_authenticated: bool) -> Body:
    """The answer of the card's bank to an intent in `requires_action`; the intent afterwards."""
    intent = world.store.require("payment_intent", session["payment_intent"])
    number = world.store.note(intent["id"])["number"]
    if not is_authenticated:
        return _decline(world, intent, "payment_intent_authentication_failure", None, charge=None)
    return _settle(world, session, intent, cards.card_by_number(number))


def _settle(world: World, session: Body, intent: Body, card: cards.TestCard) -> Body:
    if card.decline is not None:
        code, decline_code = card.decline
        return _decline(
            world, intent, code, decline_code, charge=failed_charge(world, intent, code, decline_code)
        )
    charge = capture(world, intent)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=None,
    )
    world.store.save(intent)
    name = world.store.note(intent["id"])["name"]
    session.update(
        status="complete",
        payment_status="paid",
        url=None,
        customer_details={
            "address": {
                "city": None,
                "country": "JP",
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "business_name": None,
            "email": session["customer_email"],
            "individual_name": None,
            "name": name,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
    )
    world.store.save(session)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    world.emit("checkout.session.completed", session)
    return intent


def _decline(world: World, intent: Body, code: str, decline_code: str | None, *, charge: Body | None) -> Body:
    error = {
        "code": code,
        "message": cards.MESSAGES[decline_code or code],
        "payment_method": {"id": intent["payment_method"], "object": "payment_method", "type": "card"},
        "type": "card_error" if charge else "invalid_request_error",
    }
    if decline_code:
        error["decline_code"] = decline_code
    if charge:
        error["charge"] = charge["id"]
        intent["latest_charge"] = charge["id"]
        world.emit("charge.failed", charge)
    intent.update(
        status="requires_payment_method", last_payment_error=error, next_action=None, payment_method=None
    )
    world.store.save(intent)
    world.emit("payment_intent.payment_failed", intent)
    return intent


def intent_of(world: World, session: Body) -> Body:
    """The session's one intent, made at its first attempt: two attempts can never both capture."""
    if session["payment_intent"] is not None:
        return world.store.require("payment_intent", session["payment_intent"])
    data = world.store.note(session["id"])["payment_intent_data"]
    intent_id = world.store.new_id("pi_3")
    intent = world.store.add(
        {
            "id": intent_id,
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": world.store.new_id(f"{intent_id}_secret_", 25),
            "confirmation_method": "automatic",
            "created": world.now(),
            "currency": "jpy",
            "customer": None,
            "customer_account": None,
            "description": data.get("description"),
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": data.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": session["payment_method_types"],
            "processing": None,
            "receipt_email": data.get("receipt_email"),
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
    )
    session["payment_intent"] = intent_id
    world.store.save(session, due_at=session["expires_at"])
    world.emit("payment_intent.created", intent)
    return intent
