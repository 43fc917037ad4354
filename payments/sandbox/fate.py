"""`/_sandbox`, second part: what payers' banks, tills and the municipality's bank do, on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from payments.sandbox import account, deliveries, disputes, konbini, payouts, refunds
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World

Act = Callable[[World, dict[str, Any]], Body]


class Impossible(ValueError):
    """What was asked for cannot happen in this state; the text says what can."""


def fate_pages(world: World) -> Blueprint:
    """Konbini, disputes, refunds, payouts, the account's settings, and messages from elsewhere."""
    pages = Blueprint("fate", __name__, url_prefix="/_sandbox")
    for path, act in _ACTS.items():
        pages.add_url_rule(path, path, _view(world, act), methods=["POST"])

    @pages.get("/account")
    def settings() -> Body:
        return asdict(account.settings(world.store))

    return pages


def _view(world: World, act: Act) -> Callable[[], ResponseReturnValue]:
    def view() -> ResponseReturnValue:
        wanted = request.get_json()
        if not isinstance(wanted, dict):
            return {"error": "a JSON object"}, 400
        try:
            sweep(world)
            with world.store.transaction():
                return act(world, wanted)
        except (Impossible, account.BadSetting) as error:
            return {"error": str(error)}, 400
        finally:
            world.wake.set()

    return view


def _pay_voucher(world: World, wanted: dict[str, Any]) -> Body:
    """{"payment_intent", "outcome": "paid"|"expired", "store"}: the till's answer; the intent afterwards."""
    intent = world.store.find_or_none("payment_intent", str(wanted.get("payment_intent")))
    outcome, store = wanted.get("outcome"), wanted.get("store", "familymart")
    if intent is None or not konbini.is_waiting(intent) or outcome not in ("paid", "expired"):
        raise Impossible("payment_intent with a waiting voucher, outcome paid or expired")
    if store not in konbini.STORES:
        raise Impossible(f"store is one of {', '.join(konbini.STORES)}")
    return konbini.settle(world, intent, is_paid=outcome == "paid", store=store)


def _open_dispute(world: World, wanted: dict[str, Any]) -> Body:
    """{"payment_intent", "reason", "amount"}: a payer's bank disputes a charge; the dispute."""
    intent = world.store.find_or_none("payment_intent", str(wanted.get("payment_intent")))
    if intent is None or intent["status"] != "succeeded":
        raise Impossible("payment_intent that succeeded")
    charge = world.store.require("charge", intent["latest_charge"])
    left = charge["amount"] - charge["amount_refunded"]
    amount = wanted.get("amount", left)
    if type(amount) is not int or not 1 <= amount <= left or disputes.is_charged_back(world, charge):
        raise Impossible("a charge of which something is left, not charged back yet")
    return disputes.open_(world, charge, str(wanted.get("reason", "fraudulent")), amount)


def _decide_dispute(world: World, wanted: dict[str, Any]) -> Body:
    """{"dispute", "outcome": "won"|"lost"|"warning_closed"|"under_review"}: the dispute afterwards."""
    dispute = world.store.find_or_none("dispute", str(wanted.get("dispute")))
    outcome = wanted.get("outcome")
    if dispute is None or dispute["status"] not in disputes.OPEN or outcome not in disputes.OUTCOMES:
        raise Impossible(f"dispute that is open, outcome of {', '.join(disputes.OUTCOMES)}")
    return disputes.decide(world, dispute, outcome)


def _fail_refund(world: World, wanted: dict[str, Any]) -> Body:
    """{"refund", "reason"}: the bank sends a refund back, pending or done; the refund afterwards."""
    refund = world.store.find_or_none("refund", str(wanted.get("refund")))
    if refund is None or refund["status"] not in ("pending", "requires_action", "succeeded"):
        raise Impossible("refund that is pending, waits for the payer, or succeeded")
    return refunds.fail(world, refund, str(wanted.get("reason", "expired_or_canceled_card")))


def _pay_out(world: World, wanted: dict[str, Any]) -> Body:
    """{}: a payout of all that is available and not carried yet."""
    if wanted:
        raise Impossible("nothing to say about a payout")
    made = payouts.pay_out(world)
    if made is None:
        raise Impossible("nothing is available; move the clock, or pay with 4000 0000 0000 0077")
    return made


def _fail_payout(world: World, wanted: dict[str, Any]) -> Body:
    """{"payout", "code"}: the municipality's bank sends a payout back; the payout afterwards."""
    payout = world.store.find_or_none("payout", str(wanted.get("payout")))
    if payout is None or payout["status"] == "failed":
        raise Impossible("payout that has not failed")
    return payouts.fail(world, payout, str(wanted.get("code", "account_closed")))


def _change_account(world: World, wanted: dict[str, Any]) -> Body:
    """Any of the settings; all of them afterwards."""
    return asdict(account.change(world.store, wanted))


def _silence(world: World, wanted: dict[str, Any]) -> Body:
    """{"silent_for_s"}: no message before then, all of them after it; 0 ends a silence."""
    seconds = wanted.get("silent_for_s")
    if type(seconds) is not int or seconds < 0:
        raise Impossible("silent_for_s is a whole number of seconds")
    until = world.now() + seconds
    deliveries.silence(world.store, until)
    return {"silent_until": until}


def _tell(world: World, wanted: dict[str, Any]) -> Body:
    """{"type", "object", "livemode"}: an event that nothing here brought about, sent to the endpoint."""
    subject, kind = wanted.get("object"), wanted.get("type")
    is_live = wanted.get("livemode", False)
    if not isinstance(subject, dict) or not isinstance(kind, str) or not isinstance(is_live, bool):
        raise Impossible("type (text), object (a JSON object), livemode (true or false)")
    if world.webhook_url is None:
        raise Impossible("there is no webhook endpoint")
    event = world.event(kind, subject, is_live=is_live, is_sent=True)
    deliveries.owe_once(world.store, event)
    return event


_ACTS: dict[str, Act] = {
    "/konbini": _pay_voucher,
    "/disputes": _open_dispute,
    "/disputes/decide": _decide_dispute,
    "/refunds/fail": _fail_refund,
    "/payouts": _pay_out,
    "/payouts/fail": _fail_payout,
    "/account": _change_account,
    "/webhooks": _silence,
    "/events": _tell,
}
