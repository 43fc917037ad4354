"""The hosted page where a resident pays: plain forms, no script, Japanese, phone size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from payments.sandbox import attempts, card_form, konbini, sessions
from payments.sandbox.card_form import Invalid
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World

View = Callable[[Body], ResponseReturnValue]


def card_pages(world: World) -> Blueprint:
    """`/c/pay/<session>` and its 3-D Secure step."""
    pages = Blueprint("card", __name__, template_folder="templates")
    on_open_session = _only_open(world)

    @pages.get("/c/pay/<session_id>")
    @on_open_session
    def form(session: Body) -> ResponseReturnValue:
        return _form_page(world, session)

    @pages.post("/c/pay/<session_id>")
    @on_open_session
    def pay(session: Body) -> ResponseReturnValue:
        try:
            entry = card_form.parse(request.form, world.now())
        except Invalid as invalid:
            return _form_page(world, session, errors=invalid.errors), 422
        intent = attempts.pay_by_card(world, session, entry)
        if intent["status"] == "requires_action":
            return redirect(intent["next_action"]["redirect_to_url"]["url"], 303)
        return _after(world, session, intent)

    @pages.post("/c/pay/<session_id>/konbini")
    @on_open_session
    def order_voucher(session: Body) -> ResponseReturnValue:
        if "konbini" not in session["payment_method_types"]:
            return redirect(session["url"], 303)
        konbini.order(world, session)
        return redirect(str(sessions.return_address(session, "success_url")), 303)

    @pages.get("/c/pay/<session_id>/3ds")
    @on_open_session
    def challenge(session: Body) -> ResponseReturnValue:
        if _waiting_intent_or_none(world, session) is None:
            return redirect(session["url"], 303)
        return _page("challenge.html", world, session)

    @pages.post("/c/pay/<session_id>/3ds")
    @on_open_session
    def answer_challenge(session: Body) -> ResponseReturnValue:
        outcome = request.form.get("outcome")
        if _waiting_intent_or_none(world, session) is None or outcome not in ("complete", "fail"):
            return redirect(session["url"], 303)
        intent = attempts.finish_3ds(world, session, is_authenticated=outcome == "complete")
        return _after(world, session, intent)

    return pages


def _only_open(world: World) -> Callable[[View], Callable[[str], Response]]:
    """Everything about one session in one transaction: a second submit waits, and then finds it paid."""

    def decorate(view: View) -> Callable[[str], Response]:
        @wraps(view)
        def guarded(session_id: str) -> Response:
            with world.store.transaction():
                sweep(world)
                session = world.store.find_or_none("checkout.session", session_id)
                if session is None:
                    answer: ResponseReturnValue = (_page("unknown.html", world, None), 404)
                elif session["status"] == "expired":
                    answer = (_page("expired.html", world, session), 410)
                elif session["status"] == "complete" and request.method == "POST":
                    answer = redirect(str(sessions.return_address(session, "success_url")), 303)
                elif session["status"] == "complete":
                    page = "paid.html" if session["payment_status"] == "paid" else "awaiting.html"
                    answer = _page(page, world, session)
                else:
                    answer = view(session)
                response = make_response(answer)
            world.wake.set()
            response.headers["Cache-Control"] = "no-store"
            response.headers["Referrer-Policy"] = "no-referrer"
            return response

        return guarded

    return decorate


def _after(world: World, session: Body, intent: Body) -> ResponseReturnValue:
    """On to the shop when it is paid; back to the card form with the reason when it is not."""
    if intent["status"] == "succeeded":
        return redirect(str(sessions.return_address(session, "success_url")), 303)
    return _form_page(world, session, declined=card_form.decline_sentence(intent)), 402


def _waiting_intent_or_none(world: World, session: Body) -> Body | None:
    if session["payment_intent"] is None:
        return None
    intent = world.store.require("payment_intent", session["payment_intent"])
    return intent if intent["status"] == "requires_action" else None


def _form_page(
    world: World, session: Body, *, errors: dict[str, str] | None = None, declined: str | None = None
) -> str:
    # Card number and code are not sent back: only what is safe to show again is kept.
    kept = {name: request.form.get(name, "") for name in ("expiry", "name")} if errors else {}
    last = datetime.fromtimestamp(konbini.voucher_expires_at(session, world.now()), konbini.TOKYO)
    until = f"{last.month}月{last.day}日"
    return _page(
        "form.html",
        world,
        session,
        errors=errors or {},
        declined=declined,
        kept=kept,
        voucher_until=until,
    )


def _page(template: str, world: World, session: Body | None, **values: object) -> str:
    if session is not None:
        values["lines"] = world.store.note(session["id"])["line_items"]
        values["back"] = sessions.return_address(session, "cancel_url")
        values["done"] = sessions.return_address(session, "success_url")
    return render_template(f"sandbox/{template}", merchant=world.merchant, session=session, yen=yen, **values)


def yen(amount: int) -> str:
    """An amount as the pages show it."""
    return f"￥{amount:,}"
