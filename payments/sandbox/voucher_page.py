"""The konbini voucher as a page: numbers, stores, deadline, and here also the till."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from payments.sandbox import konbini, sessions
from payments.sandbox.card_page import yen
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World

TOKYO = ZoneInfo("Asia/Tokyo")
_WEEKDAYS = "月火水木金土日"


def voucher_pages(world: World) -> Blueprint:
    """`/c/voucher/<payment intent>`: what `hosted_voucher_url` names."""
    pages = Blueprint("voucher", __name__)

    @pages.get("/c/voucher/<intent_id>")
    def voucher(intent_id: str) -> Response:
        with world.store.transaction():
            sweep(world)
            return _fresh(_shown(world, intent_id))

    @pages.post("/c/voucher/<intent_id>")
    def pay(intent_id: str) -> Response:
        store = request.form.get("store", "familymart")
        with world.store.transaction():
            sweep(world)
            intent = world.store.find_or_none("payment_intent", intent_id)
            # A second tap finds nothing to pay, and the same page.
            if intent is not None and konbini.is_waiting(intent) and store in konbini.STORES:
                konbini.settle(world, intent, is_paid=True, store=store)
        world.wake.set()
        return _fresh(redirect(f"/c/voucher/{intent_id}", 303))

    return pages


def _shown(world: World, intent_id: str) -> ResponseReturnValue:
    intent = world.store.find_or_none("payment_intent", intent_id)
    found = world.store.newest_first("checkout.session", equal={"payment_intent": intent_id}, limit=1)
    if intent is None or not found or "konbini" not in found[0]["payment_method_types"]:
        return render_template("sandbox/unknown.html"), 404
    session = found[0]
    values = {
        "merchant": world.merchant,
        "session": session,
        "lines": world.store.note(session["id"])["line_items"],
        "back": sessions.return_address(session, "success_url"),
        "yen": yen,
    }
    if not konbini.is_waiting(intent):
        is_paid = intent["status"] == "succeeded"
        return render_template("sandbox/voucher_over.html", is_paid=is_paid, **values)
    return render_template("sandbox/voucher.html", **_numbers(intent), **values)


def _numbers(intent: Body) -> Body:
    details = intent["next_action"]["konbini_display_details"]
    until = datetime.fromtimestamp(details["expires_at"], TOKYO)
    codes = next(iter(details["stores"].values()))
    return {
        "until": f"{until.year}年{until.month}月{until.day}日（{_WEEKDAYS[until.weekday()]}）{until:%H:%M}",
        "confirmation_number": codes["confirmation_number"],
        "payment_code": codes["payment_code"],
        "stores": konbini.STORES,
        "intent": intent,
    }


def _fresh(answer: ResponseReturnValue) -> Response:
    response = make_response(answer)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
