"""What happens by itself when its time comes: sessions and vouchers expire, refunds settle."""

from __future__ import annotations

from payments.sandbox import konbini, refunds, sessions
from payments.sandbox.world import World


def sweep(world: World) -> None:
    """Bring everything up to the clock. Every request does it first, so no answer is older than the clock."""
    with world.store.transaction():
        for body in world.store.due(world.now()):
            if body["object"] == "checkout.session":
                sessions.close(world, body)
            elif body["object"] == "payment_intent":
                konbini.settle(world, body, is_paid=False)
            else:
                refunds.settle(world, body)
