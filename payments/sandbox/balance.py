"""The balance: every yen that comes or goes is a balance transaction, and their nets are the balance."""

from __future__ import annotations

import json

from payments.sandbox.account import settings
from payments.sandbox.errors import missing_object
from payments.sandbox.listing import dated, page
from payments.sandbox.params import require_supported
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

_CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payout": "payout",
    "payout_failure": "payout_reversal",
}
_FEES = {"adjustment": "Dispute fee"}


def move_money(
    world: World,
    kind: str,
    amount: int,
    source_id: str,
    *,
    fee: int = 0,
    currency: str = "jpy",
    category: str | None = None,
    waits: bool = True,
) -> Body:
    """A balance transaction of Stripe's type `kind`; money from payers `waits` until it is available."""
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": _FEES.get(kind, "Stripe processing fees"),
            "type": "stripe_fee",
        }
    ]
    available_on = world.now() + (settings(world.store).available_after_s if waits else 0)
    return world.store.add(
        {
            "id": world.store.new_id("txn_3"),
            "object": "balance_transaction",
            # Ours to know and to filter by; Stripe shows no such member, nor does the API here.
            "payout": None,
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": world.now(),
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": category or _CATEGORIES[kind],
            "source": source_id,
            "status": "pending",
            "type": kind,
        }
    )


def of_refund(charge: Body) -> str:
    """Stripe's type for a refund's movement: cards and other ways to pay have names of their own."""
    return "refund" if charge["payment_method_details"]["type"] == "card" else "payment_refund"


def held(world: World, currency: str = "jpy") -> int:
    """Everything on the balance, available or not."""
    return sum(net for of, _, net in _sums(world) if of == currency)


def retrieve(world: World, call: Call) -> Body:
    """`GET /v1/balance`: per currency what is available and what is still pending."""
    require_supported(call.params, {"expand": None})
    amounts: dict[str, dict[str, int]] = {"available": {"jpy": 0}, "pending": {"jpy": 0}}
    for currency, is_available, net in _sums(world):
        amounts["available" if is_available else "pending"][currency] = net
    listed = {
        state: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(found.items())
        ]
        for state, found in amounts.items()
    }
    return {"object": "balance", "livemode": False, "refund_and_dispute_prefunding": None, **listed}


def retrieve_movement(world: World, call: Call) -> Body:
    """One balance transaction."""
    found = world.store.find_or_none("balance_transaction", call.object_id)
    if found is None:
        raise missing_object("balance_transaction", call.object_id, "id")
    return dated(world, found)


def listed_movements(world: World, call: Call) -> Body:
    """Balance transactions newest first, by type, source, currency, creation, payout."""
    filters = ("type", "source", "currency", "payout")
    found = page(world, "balance_transaction", "/v1/balance_transactions", call.params, filters)
    return {**found, "data": [dated(world, body) for body in found["data"]]}


def unpaid_out(world: World) -> list[Body]:
    """Available yen that no payout has carried yet, oldest first."""
    found = world.store.rows(
        "SELECT body FROM objects WHERE kind = 'balance_transaction'"
        " AND json_extract(body, '$.payout') IS NULL AND json_extract(body, '$.currency') = 'jpy'"
        " AND json_extract(body, '$.available_on') <= ? ORDER BY seq",
        world.now(),
    )
    return [json.loads(row[0]) for row in found]


def _sums(world: World) -> list[tuple[str, bool, int]]:
    """Currency, whether it is available, and the sum of nets."""
    found = world.store.rows(
        "SELECT json_extract(body, '$.currency'), json_extract(body, '$.available_on') <= ?,"
        " sum(json_extract(body, '$.net'))"
        " FROM objects WHERE kind = 'balance_transaction' GROUP BY 1, 2",
        world.now(),
    )
    return [(str(currency), bool(is_available), int(net)) for currency, is_available, net in found]
