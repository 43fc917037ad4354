"""Managers: find a payment by what they have in hand, and see all that belongs to it."""

from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.money_desk import case_list, payment_search
from booking.money_desk.book_words import account_word, event_word
from booking.money_desk.case_words import DISPUTE_REASONS, DISPUTE_STATES, words_of
from booking.money_desk.flow import WAYS
from booking.money_desk.payment_words import REFUND_STATES, STATES
from core.errors import BadInput

pages = Blueprint("manage_money_payments", __name__)

PAGE = "/manage/money/payments"
_LONGEST = 200


@pages.get(PAGE)
@manager_only
def show_payments() -> ResponseReturnValue:
    """The newest, or those found by `?q=` (group, permit, reservation, Stripe's number) and `?day=`."""
    words = request.args.get("q", "").strip()[:_LONGEST]
    text = request.args.get("day", "")
    with reading() as here:
        error = day = None
        try:
            day = day_of(text, now=here.now) if text else None
        except BadInput as refused:
            error = refused
        lines = (
            []
            if error
            else payment_search.find(here.session, municipality_id=here.municipality_id, words=words, day=day)
        )
    page = render_template(
        "manage/money/payments.html",
        lines=lines,
        words=words,
        day=text,
        listed=payment_search.LISTED,
        states=STATES,
        ways=WAYS,
        error=error,
    )
    return (page, status_of(error)) if error else page


@pages.get(f"{PAGE}/<uuid:payment_id>")
@manager_only
def show_payment(payment_id: UUID) -> ResponseReturnValue:
    """One payment with its attempts, refunds, disputes, cases and bookings."""
    with reading() as here:
        found = payment_search.one(here.session, municipality_id=here.municipality_id, payment_id=payment_id)
        cases = case_list.of_payment(here.session, payment_id=payment_id)
    return render_template(
        "manage/money/payment.html",
        found=found,
        cases=cases,
        states=STATES,
        refund_states=REFUND_STATES,
        dispute_states=DISPUTE_STATES,
        reasons=DISPUTE_REASONS,
        account_word=account_word,
        event_word=event_word,
        words_of=words_of,
        ways=WAYS,
        now=here.now,
    )
