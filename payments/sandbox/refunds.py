"""Refunds: at once, pending first, or failing afterwards."""

from __future__ import annotations

from typing import Any

from payments.sandbox import disputes, faults
from payments.sandbox.account import DAY_S, settings
from payments.sandbox.balance import held, move_money, of_refund
from payments.sandbox.errors import ApiError, missing_object, refused_parameter
from payments.sandbox.listing import page
from payments.sandbox.params import require_supported
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

_SUPPORTED: dict[str, Any] = {
    "amount": None,
    "charge": None,
    "payment_intent": None,
    "metadata": None,
    "reason": None,
    "expand": None,
    "currency": None,
    "instructions_email": None,
}
_PLANS: dict[str, dict[str, Any]] = {
    "at_once": {"first": "succeeded", "then": None},
    "pending": {"first": "pending", "then": "succeeded"},
    "failing": {"first": "succeeded", "then": "failed"},
    "asked": {"first": "requires_action", "then": "answered"},
}
_ASKS_FOR_S = 45 * DAY_S
"""How long Stripe waits for the bank account of somebody who paid at a till."""
_FUNDED = "funded"
_LOOK_AGAIN_S = 60 * 60


def create(world: World, call: Call) -> Body:
    """Give back a part or all that is left of a charge.

    Raises:
        ApiError: nothing was charged, all is back already (`charge_already_refunded`), more than is left,
            the bank has taken it back (`charge_disputed`), the balance is short (`balance_insufficient`).
    """
    require_supported(call.params, _SUPPORTED)
    charge = _charge(world, call.params)
    if disputes.is_charged_back(world, charge):
        raise ApiError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    left = charge["amount"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    if left == 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount < 1:
        raise refused_parameter("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        of = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        raise ApiError(f"Refund amount (¥{amount:,}) is greater than {of} (¥{left:,})", param="amount")
    plan = _plan(world, charge, amount)
    refund = _shape(world, call.params, charge, amount, plan)
    if plan["then"] != _FUNDED:
        _take(world, refund, charge)
    if plan["then"] == "answered":
        plan["settle_after_s"] = min(settings(world.store).payer_answers_after_s, _ASKS_FOR_S)
        refund["next_action"] = _asked(world, call.params, charge)
    due_at = world.now() + int(plan.get("settle_after_s", 0)) if plan["then"] else None
    world.store.add(refund, note=plan, due_at=due_at)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.save(charge)
    world.emit("refund.created", refund, call)
    world.emit("charge.refunded", charge, call)
    return refund


def retrieve(world: World, call: Call) -> Body:
    """One refund."""
    found = world.store.find_or_none("refund", call.object_id)
    if found is None:
        raise missing_object("refund", call.object_id, "refund")
    return found


def listed(world: World, call: Call) -> Body:
    """Refunds newest first, by payment intent or charge."""
    return page(world, "refund", "/v1/refunds", call.params, ("payment_intent", "charge"))


def settle(world: World, refund: Body) -> None:
    """What was to become of a refund when its time comes: it succeeds, or the bank sends the money back."""
    plan = world.store.note(refund["id"])
    if plan["then"] == _FUNDED:
        _fund(world, refund)
    elif plan["then"] == "failed":
        fail(world, refund, plan.get("reason", "expired_or_canceled_card"))
    elif plan.get("settle_after_s", 0) == _ASKS_FOR_S and plan["then"] == "answered":
        _give_back(world, refund)
        refund.update(status="canceled", next_action=None)
        world.store.save(refund)
        world.emit("refund.updated", refund)
    else:
        refund.update(status="succeeded", pending_reason=None)
        refund.pop("next_action", None)
        world.store.save(refund)
        world.emit("refund.updated", refund)


def fail(world: World, refund: Body, reason: str) -> Body:
    """The bank sends the money back, also days after it was said to be there."""
    _give_back(world, refund)
    refund.update(status="failed", failure_reason=reason, pending_reason=None)
    world.store.save(refund)
    world.emit("refund.updated", refund)
    world.emit("refund.failed", refund)
    return refund


def _give_back(world: World, refund: Body) -> None:
    """What was taken for a refund is on the balance again, and its charge can be refunded again."""
    charge = world.store.require("charge", refund["charge"])
    if refund["balance_transaction"] is not None:
        back = move_money(
            world, "refund_failure", refund["amount"], refund["id"], currency=refund["currency"], waits=False
        )
        refund["failure_balance_transaction"] = back["id"]
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    world.store.save(charge)


def _asked(world: World, params: dict[str, Any], charge: Body) -> Body:
    """The mail that asks for a bank account; Stripe's page would have asked for an address."""
    of_intent = {"payment_intent": charge["payment_intent"]}
    (session,) = world.store.newest_first("checkout.session", equal=of_intent, limit=1)
    address = params.get("instructions_email") or session["customer_email"] or "mihon@example.jp"
    return {
        "type": "display_details",
        "display_details": {
            "email_sent": {"email_sent_at": world.now(), "email_sent_to": address},
            "expires_at": world.now() + _ASKS_FOR_S,
        },
    }


def _take(world: World, refund: Body, charge: Body) -> None:
    moved = move_money(
        world,
        of_refund(charge),
        -refund["amount"],
        refund["id"],
        currency=refund["currency"],
        waits=False,
    )
    refund["balance_transaction"] = moved["id"]


def _fund(world: World, refund: Body) -> None:
    """A refund that waits for money goes as soon as the balance holds it; looked at again every hour."""
    if held(world, refund["currency"]) < refund["amount"]:
        world.store.save(refund, due_at=world.now() + _LOOK_AGAIN_S)
        return
    _take(world, refund, world.store.require("charge", refund["charge"]))
    refund.update(status="succeeded", pending_reason=None)
    world.store.save(refund)
    world.emit("refund.updated", refund)


def _charge(world: World, params: dict[str, Any]) -> Body:
    if "payment_intent" not in params and "charge" not in params:
        raise refused_parameter(
            "One of the following params should be provided for this request: payment_intent or charge.",
            "payment_intent",
            "parameter_missing",
        )
    charge_id = params.get("charge")
    if "payment_intent" in params:
        intent = world.store.find_or_none("payment_intent", params["payment_intent"])
        if intent is None:
            raise missing_object("payment_intent", params["payment_intent"], "payment_intent", status=400)
        if intent["status"] != "succeeded":
            raise ApiError(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        if charge_id not in (None, intent["latest_charge"]):
            raise ApiError("The charge does not belong to the PaymentIntent.", param="charge")
        charge_id = intent["latest_charge"]
    charge = world.store.find_or_none("charge", str(charge_id))
    if charge is None:
        raise missing_object("charge", str(charge_id), "charge", status=400)
    if not charge["paid"]:
        raise ApiError(f"Charge {charge['id']} has not been captured and cannot be refunded.", param="charge")
    return charge


def _plan(world: World, charge: Body, amount: int) -> dict[str, Any]:
    """A planned fault decides, then a short balance, else the card that paid."""
    fault = faults.take_refund_or_none(world.store)
    short = settings(world.store).short_balance
    is_short = short != "allow" and held(world, charge["currency"]) < amount
    if (fault is not None and fault["kind"] == "refund_short") or (is_short and short == "refuse"):
        raise ApiError(
            "Insufficient funds in your Stripe balance to refund this amount.",
            code="balance_insufficient",
            # The planned fault has struck, and is not undone with the call.
            keeps_effect=True,
        )
    if is_short:
        return {"first": "pending", "then": _FUNDED, "reason": "insufficient_funds"}
    if fault is None:
        return dict(_PLANS[world.store.note(charge["id"])["refunds"]])
    then = "failed" if fault["kind"] == "refund_failed" else "succeeded"
    plan = {"first": "pending", "then": then, "settle_after_s": fault.get("settle_after_s", 0)}
    if "reason" in fault:
        plan["reason"] = fault["reason"]
    return plan


def _shape(world: World, params: dict[str, Any], charge: Body, amount: int, plan: dict[str, Any]) -> Body:
    is_pending = plan["first"] == "pending"
    pending_reason = "processing" if plan["then"] == "failed" else plan.get("reason", "processing")
    return {
        "id": world.store.new_id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "pending_reason": pending_reason if is_pending else None,
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": plan["first"],
        "transfer_reversal": None,
    }
