"""What happens by itself when its time comes: expiry, refunds, disputes, payouts."""

from __future__ import annotations

from collections.abc import Callable

from payments.sandbox import disputes, konbini, payouts, refunds, sessions
from payments.sandbox.store import Body
from payments.sandbox.world import World


def sweep(world: World) -> None:
    """Bring everything up to the clock. Every request does it first, so no answer is older than the clock."""
    with world.store.transaction():
        for due in world.store.due(world.now()):
            # Read again: what came before it in this round may have changed it.
            _WHEN_DUE[due["object"]](world, world.store.require(due["object"], due["id"]))
        payouts.pay_out_daily(world)


def _dispute_charge(world: World, charge: Body) -> None:
    note = world.store.note(charge["id"])
    world.store.save(charge)
    if charge["amount_refunded"] < charge["amount"]:
        disputes.open_(world, charge, note["dispute"])


_WHEN_DUE: dict[str, Callable[[World, Body], object]] = {
    "checkout.session": sessions.close,
    "payment_intent": lambda world, intent: konbini.settle(world, intent, is_paid=False),
    "charge": _dispute_charge,
    "refund": refunds.settle,
    "dispute": disputes.lapse,
    "payout": payouts.arrive,
}
