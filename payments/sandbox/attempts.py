"""Attempts to pay a session on its page: one intent, declines, 3-D Secure, the capture."""

from __future__ import annotations

from dataclasses import dataclass

from payments.sandbox import cards, intents
from payments.sandbox.store import Body
from payments.sandbox.world import World


@dataclass(frozen=True, slots=True)
class CardEntry:
    """What was typed on the page, already checked for form: digits only, month and four-digit year."""

    number: str
    exp_month: int
    exp_year: int
    name: str


def pay_by_card(world: World, session: Body, entry: CardEntry) -> Body:
    """One attempt on an open session; the intent afterwards.

    Its status says how it went: `succeeded`, `requires_action` (3-D Secure is waiting), or
    `requires_payment_method` with `last_payment_error` (declined; the same session may be tried again).
    """
    card = cards.card_by_number(entry.number)
    intent = intent_of(world, session)
    note = intents.card_note(entry.number, entry.name, entry.exp_month, entry.exp_year)
    world.store.save_note(intent["id"], note)
    intent.update(payment_method=world.store.new_id("pm_1"), last_payment_error=None, next_action=None)
    if not card.needs_3ds:
        return _settle(world, session, intent)
    intent.update(
        status="requires_action",
        next_action={
            "type": "redirect_to_url",
            "redirect_to_url": {
                "url": f"{world.base_url}/c/pay/{session['id']}/3ds",
                "return_url": f"{world.base_url}/c/pay/{session['id']}",
            },
        },
    )
    world.store.save(intent)
    world.emit("payment_intent.requires_action", intent)
    return intent


def finish_3ds(world: World, session: Body, *, is_authenticated: bool) -> Body:
    """The answer of the card's bank to an intent in `requires_action`; the intent afterwards."""
    intent = world.store.require("payment_intent", session["payment_intent"])
    if is_authenticated:
        return _settle(world, session, intent)
    intents.decline(world, intent, "payment_intent_authentication_failure", None, charge=None)
    return intent


def _settle(world: World, session: Body, intent: Body) -> Body:
    if not intents.charge_card(world, intent):
        return intent
    session.update(
        status="complete",
        payment_status="paid",
        # As captured: a planned fault may have taken something else than was asked for.
        amount_total=intent["amount"],
        currency=intent["currency"],
        url=None,
        customer_details=customer(session, world.store.note(intent["id"])["name"]),
    )
    world.store.save(session)
    world.emit("checkout.session.completed", session)
    return intent


def customer(session: Body, name: str | None) -> Body:
    """Who paid, as a complete session tells it."""
    return {
        "address": {
            "city": None,
            "country": "JP",
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        },
        "business_name": None,
        "email": session["customer_email"],
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def intent_of(world: World, session: Body) -> Body:
    """The session's one intent, made at its first attempt: two attempts can never both capture."""
    if session["payment_intent"] is not None:
        return world.store.require("payment_intent", session["payment_intent"])
    data = world.store.note(session["id"])["payment_intent_data"]
    intent = intents.fresh(world, session["amount_total"], session["payment_method_types"], data)
    session["payment_intent"] = intent["id"]
    world.store.save(session, due_at=session["expires_at"])
    return intent
