"""/manage/money/invoices: monthly invoices, how each is paid, and how a credit that one carried goes back."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, id_of, number_of
from booking.counter import desk, group_terms, letters
from booking.counter.counter_pages import MOST_YEN
from booking.counter.limits import alone_up_to_yen
from booking.people.models import Account, Group
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from core.ids import new_id
from payments import checkout, credits, drawer
from payments.invoice_models import Invoice
from payments.invoice_queries import charges_of, of_town, one
from payments.paying_out import GOES_FROM
from payments.slips import slips_of
from payments.states import Method

pages = Blueprint("invoices", __name__)

PAGE = "/manage/money/invoices"
_ONE = f"{PAGE}/<uuid:invoice_id>"
_DONE = {
    "paid": "支払いを記録しました。",
    "credit-asked": "払戻しを申請しました。ほかの管理者が払い出せます。",
    "credit-paid": "払い戻したことを記録しました。",
    "credit-again": "この払戻しは、すでに記録されています。",
    "closing": "まだ受け取らないでください。カードの支払い手続きを終了しています。",
}


@pages.get(PAGE)
@manager_only
def show_invoices() -> ResponseReturnValue:
    """The unpaid ones first."""
    with reading() as here:
        found = of_town(here.session, municipality_id=here.municipality_id)
        names = _names(here)
    return render_template(
        "manage/counter/invoices.html", invoices=found, names=names, today=civil_day(here.now)
    )


@pages.get(_ONE)
@manager_only
def show_invoice(invoice_id: UUID) -> ResponseReturnValue:
    """One invoice, line by line, and how it can be paid here."""
    return _invoice(invoice_id, None)


@pages.post(f"{_ONE}/cash")
@manager_only
def take_cash(invoice_id: UUID) -> ResponseReturnValue:
    """Cash is on the table."""
    return _take(invoice_id, Method.CASH)


@pages.post(f"{_ONE}/transfer")
@manager_only
def take_transfer(invoice_id: UUID) -> ResponseReturnValue:
    """A transfer stands on the bank statement."""
    return _take(invoice_id, Method.TRANSFER)


@pages.post(f"{_ONE}/slip")
@manager_only
def issue_slip(invoice_id: UUID) -> ResponseReturnValue:
    """Hand out a slip and go on to it."""

    def act(here: Here) -> bool:
        return desk.issue_slip_for_invoice(
            here.session,
            actor=here.actor,
            invoice_id=invoice_id,
            payment_id=id_of(request.form, "payment_id"),
            now=here.now,
        )

    slip_page = f"/manage/money/counter/slips/{request.form.get('payment_id', '')}?done=issued"
    return _act(invoice_id, act, slip_page)


@pages.post(f"{_ONE}/credit/ask")
@manager_only
def ask_pay_out(invoice_id: UUID) -> ResponseReturnValue:
    """Ask a second person to pay the credit out."""

    def act(here: Here) -> bool:
        credits.ask(
            here.session,
            municipality_id=here.municipality_id,
            invoice_id=invoice_id,
            how=_how(),
            actor=here.actor.account_id,
            now=here.now,
        )
        return True

    return _act(invoice_id, act, f"{PAGE}/{invoice_id}?done=credit-asked")


@pages.post(f"{_ONE}/credit/done")
@manager_only
def pay_out(invoice_id: UUID) -> ResponseReturnValue:
    """The credit was paid out."""

    def act(here: Here) -> bool:
        amount_yen = number_of(request.form, "amount_yen", least=1, most=MOST_YEN)
        is_new = credits.pay_out(
            here.session,
            municipality_id=here.municipality_id,
            invoice_id=invoice_id,
            amount_yen=amount_yen,
            how=_how(),
            actor=here.actor.account_id,
            alone_up_to_yen=alone_up_to_yen(here.session, here.actor, [invoice_id])[invoice_id],
            now=here.now,
        )
        if is_new:
            invoice = here.session.get_one(Invoice, invoice_id)
            letters.credit_paid_out(here.session, invoice, refund_yen=amount_yen, now=here.now)
        return is_new

    return _act(invoice_id, act, f"{PAGE}/{invoice_id}?done=credit-paid", otherwise="credit-again")


def _how() -> Method:
    how = request.form.get("how", "")
    if how not in GOES_FROM:
        raise BadInput("how", sentence="払い戻す方法を選んでください。")
    return Method(how)


def _take(invoice_id: UUID, method: Method) -> ResponseReturnValue:
    def act(here: Here) -> bool:
        day = request.form.get("paid_on", "")
        return desk.take_for_invoice(
            here.session,
            actor=here.actor,
            invoice_id=invoice_id,
            payment_id=id_of(request.form, "payment_id"),
            method=method,
            amount_yen=number_of(request.form, "amount_yen", least=1, most=MOST_YEN),
            paid_on=civil_day(here.now) if method is Method.CASH else day_of(day, now=here.now),
            callbacks=here.services.payment_callbacks,
            now=here.now,
        )

    return _act(invoice_id, act, f"{PAGE}/{invoice_id}?done=paid")


def _act(
    invoice_id: UUID, act: Callable[[Here], bool], then: str, *, otherwise: str = "closing"
) -> ResponseReturnValue:
    try:
        with writing() as here:
            is_done = act(here)
    except NotThere:
        raise
    except Refused as error:
        return _invoice(invoice_id, error)
    return redirect(then if is_done else f"{PAGE}/{invoice_id}?done={otherwise}", code=303)


def _names(here: Here) -> dict[UUID, str]:
    every = group_terms.groups(here.session, municipality_id=here.municipality_id)
    return {group.id: group.name for group in every}


def _invoice(invoice_id: UUID, error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        found = one(here.session, municipality_id=here.municipality_id, invoice_id=invoice_id)
        live = checkout.live_of(here.session, reference=invoice_id)
        credit = credits.of_invoice(here.session, here.session.get_one(Invoice, invoice_id))
        limit = alone_up_to_yen(here.session, here.actor, [invoice_id])[invoice_id]
        asker = UUID(credit.asked_by) if credit and credit.asked_by else None
        in_drawer = drawer.in_drawer(here.session, municipality_id=here.municipality_id) if credit else 0
        page = render_template(
            "manage/counter/invoice.html",
            invoice=found,
            lines=charges_of(here.session, invoice_id=invoice_id),
            payer=here.session.get_one(Group, found.payer).name,
            slip=slips_of(here.session, references=[invoice_id]).get(invoice_id),
            credit=credit,
            asker=here.session.get_one(Account, asker).name if asker else None,
            asked_by_me=asker == here.actor.account_id,
            is_for_two=credit is not None and credit.amount_yen > limit,
            is_own=here.actor.group_or_none(found.payer) is not None,
            in_drawer=in_drawer,
            has_card_session=live is not None and live.method == Method.STRIPE,
            payment_id=new_id(here.now),
            slip_id=new_id(here.now),
            today=civil_day(here.now),
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            is_waiting=request.args.get("done") == "closing",
            error=error,
            now=here.now,
        )
    return (page, status_of(error)) if error else page
