"""Charges: where the account's money comes from."""

from __future__ import annotations

from payments.sandbox import cards, faults
from payments.sandbox.account import settings
from payments.sandbox.balance import move_money
from payments.sandbox.errors import missing_object
from payments.sandbox.listing import page
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World


def fee_yen(amount: int, per_mille: int) -> int:
    """A share of a charge in thousandths, rounded half up to the yen."""
    return (amount * per_mille + 500) // 1000


def capture(world: World, intent: Body) -> Body:
    """Take the intent's amount: the intent succeeds, with a charge and the balance transaction it brings.

    A planned fault may take another amount, or another currency, than was asked for.
    """
    fault = faults.take_capture_or_none(world.store)
    if fault is not None and fault["kind"] == "capture_amount":
        intent["amount"] = fault.get("amount", intent["amount"] + 1)
    if fault is not None and fault["kind"] == "capture_currency":
        intent["currency"] = fault.get("currency", "usd")
    charge = _charge(world, intent, status="succeeded")
    note = world.store.note(intent["id"])
    is_card = note["details"]["type"] == "card"
    figures = settings(world.store)
    per_mille = figures.fee_per_mille if is_card else figures.konbini_fee_per_mille
    moved = move_money(
        world,
        "charge" if is_card else "payment",
        intent["amount"],
        charge["id"],
        fee=fee_yen(intent["amount"], per_mille),
        currency=intent["currency"],
        waits=not note.get("is_available_at_once", False),
    )
    charge["balance_transaction"] = moved["id"]
    dispute = note.get("dispute")
    if fault is not None and fault["kind"] == "dispute":
        dispute = fault.get("reason", "fraudulent")
    due_at = world.now() if dispute else None
    world.store.add(charge, note={"refunds": note["refunds"], "dispute": dispute}, due_at=due_at)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=None,
    )
    world.store.save(intent)
    return charge


def failed_charge(world: World, intent: Body, code: str, decline_code: str | None) -> Body:
    """The charge of a declined attempt; it moves no money."""
    charge = _charge(world, intent, status="failed")
    charge.update(
        failure_code=code,
        failure_message=cards.MESSAGES[decline_code or code],
        outcome={
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network",
            "reason": decline_code or code,
            "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        },
    )
    return world.store.add(charge)


def retrieve(world: World, call: Call) -> Body:
    """One charge."""
    found = world.store.find_or_none("charge", call.object_id)
    if found is None:
        raise missing_object("charge", call.object_id, "charge")
    return found


def listed(world: World, call: Call) -> Body:
    """Charges newest first, failed ones too."""
    return page(world, "charge", "/v1/charges", call.params, ("payment_intent",))


def _charge(world: World, intent: Body, *, status: str) -> Body:
    note = world.store.note(intent["id"])
    is_paid = status == "succeeded"
    charge_id = world.store.new_id("ch_3")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if is_paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {
            "address": {
                "city": None,
                "country": "JP",
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "email": intent["receipt_email"],
            "name": note["name"],
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "SANDBOX",
        "captured": is_paid,
        "created": world.now(),
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": is_paid,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": note["details"],
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }
