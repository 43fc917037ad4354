"""Charges and balance transactions: where the account's money comes from and goes to."""

from __future__ import annotations

from payments.sandbox import cards
from payments.sandbox.errors import missing_object
from payments.sandbox.listing import dated, page
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

FEE_PER_MILLE = 36
_AVAILABLE_AFTER_S = 4 * 24 * 60 * 60


def fee_yen(amount_yen: int) -> int:
    """3.6 % of a charge, rounded half up to the yen."""
    return (amount_yen * FEE_PER_MILLE + 500) // 1000


def capture(world: World, intent: Body) -> Body:
    """Take the intent's amount: a charge and the balance transaction it brings."""
    charge = _charge(world, intent, status="succeeded")
    charge["balance_transaction"] = move_money(world, "charge", intent["amount"], charge["id"])["id"]
    return world.store.add(charge, note={"refunds": world.store.note(intent["id"])["refunds"]})


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


def move_money(world: World, kind: str, amount_yen: int, source_id: str) -> Body:
    """A balance transaction (`charge`, `refund`, `refund_failure`); only a charge costs a fee."""
    fee = fee_yen(amount_yen) if kind == "charge" else 0
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": "jpy",
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return world.store.add(
        {
            "id": world.store.new_id("txn_3"),
            "object": "balance_transaction",
            "amount": amount_yen,
            "available_on": world.now() + _AVAILABLE_AFTER_S,
            "balance_type": "payments",
            "created": world.now(),
            "currency": "jpy",
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount_yen - fee,
            "reporting_category": kind,
            "source": source_id,
            "status": "pending",
            "type": kind,
        }
    )


def retrieve(world: World, call: Call) -> Body:
    """One charge."""
    return _found(world, "charge", call.object_id, "charge")


def listed(world: World, call: Call) -> Body:
    """Charges newest first, failed ones too."""
    return page(world, "charge", "/v1/charges", call.params, ("payment_intent",))


def retrieve_intent(world: World, call: Call) -> Body:
    """One payment intent."""
    return _found(world, "payment_intent", call.object_id, "intent")


def listed_intents(world: World, call: Call) -> Body:
    """Payment intents newest first."""
    return page(world, "payment_intent", "/v1/payment_intents", call.params)


def retrieve_movement(world: World, call: Call) -> Body:
    """One balance transaction."""
    return dated(world, _found(world, "balance_transaction", call.object_id, "id"))


def listed_movements(world: World, call: Call) -> Body:
    """Balance transactions newest first, by type, source, currency, creation."""
    filters = ("type", "source", "currency")
    found = page(world, "balance_transaction", "/v1/balance_transactions", call.params, filters)
    return {**found, "data": [dated(world, body) for body in found["data"]]}


def _found(world: World, kind: str, object_id: str, param: str) -> Body:
    found = world.store.find_or_none(kind, object_id)
    if found is None:
        raise missing_object(kind, object_id, param)
    return found


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
        "currency": "jpy",
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
