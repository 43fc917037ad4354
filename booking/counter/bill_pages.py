"""/my/bills: what a resident's groups have not paid, and one payment for what they choose."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, reading, signed_in, writing
from booking.app.http_errors import status_of
from booking.app.services import current_services
from booking.counter import bills
from core.errors import BadInput, KaihoError, NotThere, Refused, RejectedOutside, Unavailable
from payments import checkout, credits, loops
from payments.errors import AlreadyPaid, AttemptStanding
from payments.invoice_models import Invoice
from payments.invoice_queries import charges_of, coming, of_payers
from payments.states import Method

pages = Blueprint("bills", __name__)

PAGE = "/my/bills"
_DONE = {"checked": "お支払いの結果を反映しました。お支払いの済んでいないものだけが、下に残っています。"}
_PAST = 12


@pages.get(PAGE)
@signed_in
def show_bills() -> ResponseReturnValue:
    """Everything unpaid of the actor's groups, by month."""
    return _page(None)


@pages.post(f"{PAGE}/payments")
@signed_in
def pay_bills() -> ResponseReturnValue:
    """Start one payment for what is chosen, and go to its card page."""
    services = current_services()
    try:
        with writing() as here:
            asked = bills.ask(
                here.session,
                actor=here.actor,
                references=_chosen(),
                base_url=services.settings.base_url,
                now=here.now,
            )
        if asked.payment_id is None:
            raise AttemptStanding
        url = checkout.open_session(services.database, services.stripe, asked.payment_id, services.clock)
    except AlreadyPaid:
        return redirect(f"{PAGE}/return", code=303)
    except NotThere:
        raise
    except (Refused, Unavailable, RejectedOutside) as error:
        return _page(error)
    return redirect(url, code=303)


@pages.get(f"{PAGE}/return")
@signed_in
def back_from_paying() -> ResponseReturnValue:
    """Where the card page leads back to: asks Stripe how it went, and believes nothing else.

    `item` is one thing that was to be paid: a page open for something else must not keep anybody waiting.
    """
    services = current_services()
    with reading() as here:
        open_ones = _open_attempts(here)
    for payment_id in open_ones:
        loops.settle_one(
            services.database, services.stripe, services.payment_callbacks, payment_id, services.clock
        )
    with reading() as here:
        still_open = _open_attempts(here)
    if still_open:
        return render_template("my/bills_return.html")
    return redirect(f"{PAGE}?done=checked", code=303)


@pages.get(f"{PAGE}/invoices/<uuid:invoice_id>")
@signed_in
def show_invoice(invoice_id: UUID) -> ResponseReturnValue:
    """What an invoice of the actor's groups asks for, line by line."""
    with reading() as here:
        groups = {group.id: group.name for group in here.actor.groups}
        found = [one for one in of_payers(here.session, payers=list(groups)) if one.id == invoice_id]
        if not found:
            raise NotThere(f"invoice {invoice_id}")
        lines = charges_of(here.session, invoice_id=invoice_id)
        credit = credits.of_invoice(here.session, here.session.get_one(Invoice, invoice_id))
    return render_template(
        "my/invoice.html", invoice=found[0], lines=lines, credit=credit, group_name=groups[found[0].payer]
    )


def _chosen() -> list[UUID]:
    try:
        return [UUID(text) for text in request.form.getlist("item")]
    except ValueError:
        raise BadInput("item") from None


def _open_attempts(here: Here) -> list[UUID]:
    """Card sessions that stand for something unpaid of the actor's groups."""
    found = {
        payment.id
        for bill in bills.of_actor(here.session, actor=here.actor, now=here.now)
        if bill.slip is None
        and bill.awaited is None
        and request.args.get("item", str(bill.reference)) == str(bill.reference)
        and (payment := checkout.live_of(here.session, reference=bill.reference)) is not None
        and payment.method == Method.STRIPE
    }
    return sorted(found)


def _page(error: KaihoError | None) -> ResponseReturnValue:
    with reading() as here:
        unpaid = bills.of_actor(here.session, actor=here.actor, now=here.now)
        groups = {group.id: group.name for group in here.actor.groups}
        past = [one for one in of_payers(here.session, payers=list(groups)) if one.state != "issued"][:_PAST]
        to_come = {
            group.name: coming(here.session, payer=group.id)
            for group in here.actor.groups
            if group.is_postpaid
        }
    is_answer = request.method == "POST"
    page = render_template(
        "my/bills.html",
        bills=unpaid,
        past=past,
        groups=groups,
        to_come=to_come,
        chosen=set(request.form.getlist("item")) if is_answer else None,
        done=_DONE.get(request.args.get("done", "")),
        error=error,
        now=here.now,
    )
    return (page, status_of(error)) if error else page
