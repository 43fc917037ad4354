"""Disputes: a payer's bank takes a charge back, asks for evidence, and decides."""

from __future__ import annotations

from typing import Any

from payments.sandbox.account import settings
from payments.sandbox.balance import move_money
from payments.sandbox.errors import ApiError, missing_object
from payments.sandbox.listing import dated, page
from payments.sandbox.params import require_supported
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
OUTCOMES = ("won", "lost", "warning_closed", "under_review")
_SUPPORTED: dict[str, Any] = {"evidence": {"uncategorized_text": None}, "submit": None, "expand": None}


def open_(world: World, charge: Body, reason: str = "fraudulent", amount: int | None = None) -> Body:
    """The payer's bank takes `amount` of a charge back, all that is left unless given, and Stripe a fee.

    The reason `inquiry` only asks: no money moves, and the charge can still be refunded.
    """
    is_inquiry = reason == "inquiry"
    taken = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    due_by = world.now() + settings(world.store).evidence_within_s
    dispute = _shape(world, charge, taken, "general" if is_inquiry else reason, due_by)
    if is_inquiry:
        dispute.update(status="warning_needs_response", is_charge_refundable=True)
    world.store.add(dispute, due_at=due_by)
    if not is_inquiry:
        charge["disputed"] = True
        world.store.save(charge)
        _move(world, dispute, -taken, "dispute", fee=settings(world.store).dispute_fee_yen)
        world.store.save(dispute, due_at=due_by)
    world.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(world: World, dispute: Body, outcome: str) -> Body:
    """The bank's word: `won`, `lost` end a dispute, `warning_closed` an inquiry, `under_review` neither."""
    if outcome == "under_review":
        is_inquiry = dispute["status"].startswith("warning")
        dispute["status"] = "warning_under_review" if is_inquiry else "under_review"
        world.store.save(dispute)
        world.emit("charge.dispute.updated", dispute)
        return dispute
    dispute["status"] = outcome
    has_taken = bool(dispute["balance_transactions"])
    if outcome == "won" and has_taken:
        _move(world, dispute, dispute["amount"], "dispute_reversal")
    world.store.save(dispute)
    world.emit("charge.dispute.closed", dispute)
    if outcome == "won" and has_taken:
        world.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def lapse(world: World, dispute: Body) -> Body:
    """Nobody answered in time: a dispute is lost, an inquiry is closed."""
    is_inquiry = dispute["status"].startswith("warning")
    return decide(world, dispute, "warning_closed" if is_inquiry else "lost")


def update(world: World, call: Call) -> Body:
    """Hand evidence in; `winning_evidence` and `losing_evidence` decide at once, as in Stripe's test mode.

    Raises:
        ApiError: the dispute is over.
    """
    require_supported(call.params, _SUPPORTED)
    dispute = _open_one(world, call)
    text = call.params.get("evidence", {}).get("uncategorized_text")
    if text is not None:
        dispute["evidence"]["uncategorized_text"] = text
        dispute["evidence_details"]["has_evidence"] = True
    if not call.params.get("submit", True):
        return world.store.save(dispute, due_at=dispute["evidence_details"]["due_by"])
    dispute["evidence_details"].update(submission_count=1, submission_method="manual")
    outcomes = {"winning_evidence": "won", "losing_evidence": "lost"}
    return decide(world, dispute, outcomes.get(str(text), "under_review"))


def accept(world: World, call: Call) -> Body:
    """Give in: the dispute is lost.

    Raises:
        ApiError: the dispute is over.
    """
    require_supported(call.params, {"expand": None})
    return decide(world, _open_one(world, call), "lost")


def retrieve(world: World, call: Call) -> Body:
    """One dispute."""
    found = world.store.find_or_none("dispute", call.object_id)
    if found is None:
        raise missing_object("dispute", call.object_id, "dispute")
    return found


def listed(world: World, call: Call) -> Body:
    """Disputes newest first, by charge or payment intent."""
    return page(world, "dispute", "/v1/disputes", call.params, ("charge", "payment_intent"))


def is_charged_back(world: World, charge: Body) -> bool:
    """Whether a bank has taken a charge and not given it back."""
    if not charge["disputed"]:
        return False
    made = world.store.newest_first("dispute", equal={"charge": charge["id"]})
    return any(one["balance_transactions"] and one["status"] != "won" for one in made)


def _open_one(world: World, call: Call) -> Body:
    dispute = retrieve(world, call)
    if dispute["status"] not in OPEN:
        raise ApiError("This dispute is already closed.", code="dispute_already_closed")
    return dispute


def _move(world: World, dispute: Body, amount: int, category: str, fee: int = 0) -> None:
    moved = move_money(
        world,
        "adjustment",
        amount,
        dispute["id"],
        fee=fee,
        currency=dispute["currency"],
        category=category,
        waits=False,
    )
    dispute["balance_transactions"].append(dated(world, moved))


def _shape(world: World, charge: Body, amount: int, reason: str, due_by: int) -> Body:
    return {
        "id": world.store.new_id("dp_1"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"uncategorized_text": None},
        "evidence_details": {
            "due_by": due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": None,
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
