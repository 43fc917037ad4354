"""Payment intents: made by a session's first attempt to pay, or by a server that asks for one itself."""

from __future__ import annotations

from typing import Any

from payments.sandbox import cards
from payments.sandbox.charges import capture, failed_charge
from payments.sandbox.errors import ApiError, missing_object, refused_parameter
from payments.sandbox.listing import page
from payments.sandbox.params import require_supported
from payments.sandbox.session_rules import MAXIMUM_YEN, MINIMUM_YEN
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

_SUPPORTED: dict[str, Any] = dict.fromkeys(
    ("amount", "currency", "payment_method", "confirm", "metadata", "description", "receipt_email", "expand")
)
_CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(world: World, call: Call) -> Body:
    """An intent without a page, for a server that has a payment method; confirmed at once if asked.

    Raises:
        ApiError: what is missing, or a decline (402) of the method given.
    """
    params = call.params
    require_supported(params, _SUPPORTED)
    for name in ("amount", "currency"):
        if name not in params:
            raise refused_parameter(f"Missing required param: {name}.", name, "parameter_missing")
    if params["currency"].lower() != "jpy":
        raise refused_parameter(f"Invalid currency: {params['currency']}.", "currency")
    if not MINIMUM_YEN <= params["amount"] <= MAXIMUM_YEN:
        code = "amount_too_small" if params["amount"] < MINIMUM_YEN else "amount_too_large"
        raise refused_parameter(f"Amount must be ¥{MINIMUM_YEN} to ¥{MAXIMUM_YEN:,}", "amount", code)
    if params.get("confirm") and "payment_method" not in params:
        raise refused_parameter(
            "Missing required param: payment_method.", "payment_method", "parameter_missing"
        )
    intent = fresh(world, params["amount"], ["card"], params)
    if "payment_method" in params:
        _attach(world, intent, params["payment_method"])
    return _confirmed(world, intent) if params.get("confirm") else intent


def confirm(world: World, call: Call) -> Body:
    """Charge the method that the intent has or is given now.

    Raises:
        ApiError: no method, a wrong state (`payment_intent_unexpected_state`), a decline (402).
    """
    require_supported(call.params, {"payment_method": None, "expand": None})
    intent = retrieve(world, Call({}, call.object_id))
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected_state(intent, "confirm")
    if "payment_method" in call.params:
        _attach(world, intent, call.params["payment_method"])
    if intent["payment_method"] is None:
        raise ApiError("You cannot confirm this PaymentIntent because it's missing a payment method.")
    return _confirmed(world, intent)


def cancel(world: World, call: Call) -> Body:
    """End an intent that nobody will pay.

    Raises:
        ApiError: a wrong state, or the intent of a Checkout Session: that one is expired instead, and once a
            voucher is out nothing at Stripe takes it back.
    """
    require_supported(call.params, {"cancellation_reason": None, "expand": None})
    intent = retrieve(world, Call({}, call.object_id))
    if world.store.newest_first("checkout.session", equal={"payment_intent": intent["id"]}, limit=1):
        raise ApiError(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    if intent["status"] not in _CANCELLABLE:
        raise _unexpected_state(intent, "cancel")
    intent.update(
        status="canceled",
        canceled_at=world.now(),
        cancellation_reason=call.params.get("cancellation_reason"),
        next_action=None,
    )
    world.store.save(intent)
    world.emit("payment_intent.canceled", intent, call)
    return intent


def retrieve(world: World, call: Call) -> Body:
    """One payment intent."""
    found = world.store.find_or_none("payment_intent", call.object_id)
    if found is None:
        raise missing_object("payment_intent", call.object_id, "intent")
    return found


def listed(world: World, call: Call) -> Body:
    """Payment intents newest first."""
    return page(world, "payment_intent", "/v1/payment_intents", call.params)


def card_note(number: str, name: str | None, exp_month: int, exp_year: int) -> Body:
    """What the sandbox remembers of the card on an intent; never a code."""
    card = cards.card_by_number(number)
    return {
        "number": number,
        "name": name,
        "refunds": card.refunds,
        "dispute": card.dispute,
        "is_available_at_once": card.is_available_at_once,
        "details": {
            "card": {
                "brand": card.brand,
                "country": "JP",
                "exp_month": exp_month,
                "exp_year": exp_year,
                "funding": "credit",
                "last4": number[-4:],
                "network": card.brand,
                "three_d_secure": None,
                "wallet": None,
            },
            "type": "card",
        },
    }


def charge_card(world: World, intent: Body) -> bool:
    """Ask the bank of the intent's card: whether it is paid, or declined and open for another try."""
    card = cards.card_by_number(world.store.note(intent["id"])["number"])
    if card.decline is not None:
        code, decline_code = card.decline
        decline(world, intent, code, decline_code, charge=failed_charge(world, intent, code, decline_code))
        return False
    charge = capture(world, intent)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    return True


def decline(world: World, intent: Body, code: str, decline_code: str | None, *, charge: Body | None) -> None:
    """Note why an attempt failed; the intent waits for another method."""
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


def fresh(world: World, amount_yen: int, methods: list[str], data: Body) -> Body:
    """An intent that waits for a payment method; `data` may hold metadata, description, receipt_email."""
    intent_id = world.store.new_id("pi_3")
    intent = world.store.add(
        {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount_yen,
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
            "payment_method_types": methods,
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
    world.emit("payment_intent.created", intent)
    return intent


def _attach(world: World, intent: Body, method: str) -> None:
    if method not in cards.METHODS:
        raise missing_object("PaymentMethod", method, "payment_method", status=400)
    world.store.save_note(intent["id"], card_note(cards.METHODS[method], None, 12, 2040))
    intent.update(payment_method=world.store.new_id("pm_1"), status="requires_confirmation")
    world.store.save(intent)


def _confirmed(world: World, intent: Body) -> Body:
    if charge_card(world, intent):
        return intent
    error = intent["last_payment_error"]
    raise ApiError(
        error["message"],
        status=402,
        code=error["code"],
        kind="card_error",
        members={"decline_code": error.get("decline_code"), "payment_intent": intent},
        keeps_effect=True,
    )


def _unexpected_state(intent: Body, verb: str) -> ApiError:
    return ApiError(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
    )
