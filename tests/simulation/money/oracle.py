"""What Stripe's own objects say about who can be charged: never more than one way for one reservation."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from payments.sandbox.store import Body
from tests.simulation.money.stripe_here import StripeHere
from tests.simulation.oracle import Violated


@dataclass(slots=True)
class _Way:
    """A session: one way to be charged for some reservations."""

    references: tuple[str, ...]
    asked: int
    status: str
    is_paid: bool
    expires_at: int
    intent: str | None


class Watch:
    """Follows the sandbox's objects one by one; raises `Violated` at the first instant of two ways."""

    def __init__(self, stripe: StripeHere) -> None:
        self._stripe = stripe
        self._ways: dict[str, _Way] = {}
        self._of: dict[str, set[str]] = defaultdict(set)
        self._by_intent: dict[str, str] = {}
        self._vouchers: set[str] = set()
        """Intents whose voucher can be paid at a till."""
        self._kept: dict[str, bool] = {}
        """Charges of the amount that was asked; whether anything of it is left with us."""
        self._charge_of: dict[str, str] = {}
        self.cash: dict[str, int] = {}
        """Reservations paid at the counter, as those who paid remember it."""
        self.cash_out: dict[str, int] = {}
        self.paid: set[str] = set()
        """Charges that took money, and reservations paid in cash."""
        self.checks = 0

    def look(self) -> None:
        """Take in what changed, and check every reservation it is about."""
        references: set[str] = set()
        for object_id in sorted(self._stripe.take_touched()):
            found = self._stripe.store.rows("SELECT kind, body FROM objects WHERE id = ?", object_id)
            if found:
                references |= self._take_in(found[0][0], json.loads(found[0][1]))
        for reference in sorted(references):
            self.require_one_way(reference)

    def paid_cash(self, reference: str, yen: int) -> None:
        """Somebody laid money on the counter, and it was taken."""
        self.cash[reference] = self.cash.get(reference, 0) + yen
        self.paid.add(reference)
        self.require_one_way(reference)

    def cash_back(self, reference: str, yen: int) -> None:
        """Somebody was given cash back at the counter."""
        self.cash_out[reference] = self.cash_out.get(reference, 0) + yen

    def capturable(self, reference: str) -> list[str]:
        """Sessions through which money can still come in for a reservation."""
        return [name for name in sorted(self._of[reference]) if self._can_capture(self._ways[name])]

    def require_one_way(self, reference: str) -> None:
        """Whoever has been charged, or can be, is or can be so once."""
        self.checks += 1
        ways = [
            name
            for name in sorted(self._of[reference])
            if self._can_capture(self._ways[name]) or self._has_captured(self._ways[name])
        ]
        if len(ways) + (reference in self.cash) > 1:
            raise Violated("S4", f"{reference} can be charged {len(ways)} times, by {ways}")

    def _can_capture(self, way: _Way) -> bool:
        if way.status == "open":
            return way.expires_at > self._stripe.world.now()
        return way.status == "complete" and not way.is_paid and way.intent in self._vouchers

    def _has_captured(self, way: _Way) -> bool:
        charge = self._charge_of.get(way.intent or "")
        return charge is not None and self._kept.get(charge, False)

    def _take_in(self, kind: str, body: Body) -> set[str]:
        if kind == "checkout.session":
            return self._session(body)
        if kind == "payment_intent":
            is_waiting = body["status"] == "requires_action" and "konbini" in str(body["next_action"])
            (self._vouchers.add if is_waiting else self._vouchers.discard)(body["id"])
            return self._references_of(body["id"])
        if kind == "charge" and body["paid"]:
            intent = body["payment_intent"]
            way = self._ways.get(self._by_intent.get(intent, ""))
            is_as_asked = way is not None and (body["amount"], body["currency"]) == (way.asked, "jpy")
            self._kept[body["id"]] = is_as_asked and body["amount_refunded"] == 0
            self._charge_of[intent] = body["id"]
            self.paid.add(body["id"])
            return self._references_of(intent)
        return set()

    def _session(self, body: Body) -> set[str]:
        references = references_of(body)
        self._ways[body["id"]] = _Way(
            references,
            body["amount_subtotal"],
            body["status"],
            body["payment_status"] == "paid",
            body["expires_at"],
            body["payment_intent"],
        )
        if body["payment_intent"]:
            self._by_intent[body["payment_intent"]] = body["id"]
        for reference in references:
            self._of[reference].add(body["id"])
        return set(references)

    def _references_of(self, intent: str) -> set[str]:
        way = self._ways.get(self._by_intent.get(intent, ""))
        return set(way.references) if way else set()


def references_of(body: dict[str, Any]) -> tuple[str, ...]:
    """The reservations that an object of Stripe was made for, by its metadata."""
    return tuple(value for name, value in body["metadata"].items() if name.startswith("reservation"))
