"""Checkout Sessions: create, look at, list, expire."""

from __future__ import annotations

from typing import Any

from payments.sandbox.errors import ApiError, missing_object
from payments.sandbox.listing import line_items, page
from payments.sandbox.params import require_supported
from payments.sandbox.session_rules import (
    SUPPORTED,
    deadline,
    payment_methods,
    require_line,
    require_payable,
    require_payment_page,
)
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World


def create(world: World, call: Call) -> Body:
    """A hosted page in `payment` mode, in yen, open until `expires_at` (24 hours unless given).

    Raises:
        ApiError: something required is missing (`parameter_missing`), an amount below 50 yen
            (`amount_too_small`), a deadline outside 30 minutes to 24 hours, or what this
            sandbox does not act on.
    """
    params, now = call.params, world.now()
    require_supported(params, SUPPORTED)
    require_payment_page(params)
    session_id = world.store.new_id("cs_test_a1", 58)
    for index, line in enumerate(params["line_items"]):
        require_line(index, line)
    lines = [_line(world, line) for line in params["line_items"]]
    total = sum(line["amount_total"] for line in lines)
    require_payable(total)
    expires_at = deadline(params, now)
    body = _shape(world, session_id, params, total, expires_at)
    note = {"line_items": lines, "payment_intent_data": params.get("payment_intent_data", {})}
    return world.store.add(body, note=note, due_at=expires_at)


def retrieve(world: World, call: Call) -> Body:
    """One session as it is now."""
    found = world.store.find_or_none("checkout.session", call.object_id)
    if found is None:
        raise missing_object("checkout.session", call.object_id, "session")
    return found


def listed(world: World, call: Call) -> Body:
    """Sessions newest first, by payment intent, status, creation."""
    filters = ("payment_intent", "status")
    return page(world, "checkout.session", "/v1/checkout/sessions", call.params, filters)


def listed_line_items(world: World, call: Call) -> Body:
    """A session's lines."""
    retrieve(world, call)
    return line_items(world, call.object_id)


def expire(world: World, call: Call) -> Body:
    """Close an open session for good; nobody can pay it any more.

    Raises:
        ApiError: it is complete or expired already: whoever came first has won.
    """
    session = retrieve(world, call)
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`.",
            param="session",
        )
    return close(world, session, call)


def close(world: World, session: Body, call: Call | None = None) -> Body:
    """Turn an open session into an expired one and cancel what it had begun."""
    intent_id = session["payment_intent"]
    if intent_id is not None:
        intent = world.store.require("payment_intent", intent_id)
        intent.update(
            status="canceled", canceled_at=world.now(), cancellation_reason="expired", next_action=None
        )
        world.store.save(intent)
        world.emit("payment_intent.canceled", intent, call)
    session.update(status="expired", url=None)
    world.store.save(session)
    world.emit("checkout.session.expired", session, call)
    return session


def return_address(session: Body, name: str) -> str | None:
    """`success_url` or `cancel_url` with the session's id filled in."""
    address = session[name]
    return address.replace("{CHECKOUT_SESSION_ID}", session["id"]) if address else None


def _line(world: World, line: dict[str, Any]) -> Body:
    price = line["price_data"]
    amount = price["unit_amount"] * line["quantity"]
    return {
        "id": world.store.new_id("li_1"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": "jpy",
        "description": price["product_data"]["name"],
        "metadata": line.get("metadata", {}),
        "quantity": line["quantity"],
        "price": {
            "id": world.store.new_id("price_1"),
            "object": "price",
            "active": False,
            "currency": "jpy",
            "livemode": False,
            "metadata": {},
            "product": world.store.new_id("prod_", 14),
            "type": "one_time",
            "tax_behavior": price.get("tax_behavior", "unspecified"),
            "unit_amount": price["unit_amount"],
        },
    }


def _shape(world: World, session_id: str, params: dict[str, Any], total: int, expires_at: int) -> Body:
    """A session as the pinned version shows it: no payment intent before the first attempt to pay."""
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": world.now(),
        "currency": "jpy",
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "excluded_payment_method_types": params.get("excluded_payment_method_types"),
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": params.get("payment_method_options", {}),
        "payment_method_types": payment_methods(params),
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{world.base_url}/c/pay/{session_id}",
        "wallet_options": None,
    }
