"""Payouts: what is available goes to the municipality's bank account, and sometimes comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from payments.sandbox.account import settings
from payments.sandbox.balance import move_money, unpaid_out
from payments.sandbox.errors import missing_object
from payments.sandbox.listing import page
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

TOKYO = ZoneInfo("Asia/Tokyo")
_LAST_DAY = "paid_out_on"


def pay_out(world: World) -> Body | None:
    """All available yen that no payout has carried yet, on its way; none where there is none."""
    carried = unpaid_out(world)
    total = sum(movement["net"] for movement in carried)
    if total <= 0:
        return None
    arrives_at = world.now() + settings(world.store).payout_takes_s
    payout = _shape(world, total, arrives_at)
    moved = move_money(world, "payout", -total, payout["id"], waits=False)
    payout["balance_transaction"] = moved["id"]
    for movement in [*carried, moved]:
        movement["payout"] = payout["id"]
        world.store.save(movement)
    world.store.add(payout, due_at=arrives_at)
    world.emit("payout.created", payout)
    return payout


def arrive(world: World, payout: Body) -> Body:
    """The bank has it."""
    payout["status"] = "paid"
    world.store.save(payout)
    world.emit("payout.paid", payout)
    return payout


def fail(world: World, payout: Body, code: str = "account_closed") -> Body:
    """The bank sends it back, also days after it was said to be paid; the next payout carries it again."""
    back = move_money(world, "payout_failure", payout["amount"], payout["id"], waits=False)
    payout.update(
        status="failed",
        failure_balance_transaction=back["id"],
        failure_code=code,
        failure_message="The bank account could not take the money.",
    )
    world.store.save(payout)
    world.emit("payout.failed", payout)
    return payout


def pay_out_daily(world: World) -> None:
    """One payout a civil day in Tokyo, where the account is set so."""
    if settings(world.store).payouts != "daily":
        return
    today = datetime.fromtimestamp(world.now(), TOKYO).date().isoformat()
    if world.store.fact_or_none(_LAST_DAY) != today:
        world.store.set_fact(_LAST_DAY, today)
        pay_out(world)


def retrieve(world: World, call: Call) -> Body:
    """One payout."""
    found = world.store.find_or_none("payout", call.object_id)
    if found is None:
        raise missing_object("payout", call.object_id, "payout")
    return found


def listed(world: World, call: Call) -> Body:
    """Payouts newest first, by status and creation."""
    return page(world, "payout", "/v1/payouts", call.params, ("status",))


def _shape(world: World, amount: int, arrives_at: int) -> Body:
    day = datetime.fromtimestamp(arrives_at, TOKYO).date()
    return {
        "id": world.store.new_id("po_1"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        # Midnight UTC of the civil day, as Stripe gives it.
        "arrival_date": int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()),
        "automatic": True,
        "balance_transaction": None,
        "created": world.now(),
        "currency": "jpy",
        "description": "STRIPE PAYOUT",
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "trace_id": None,
        "type": "bank_account",
    }
