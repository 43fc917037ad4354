"""/manage/money/counter/slips: one slip on screen and on paper, booked as paid, taken back."""

from datetime import date
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.counter import desk
from booking.papers.issuers import issuer_or_none
from booking.people.models import Group
from booking.places.catalogue import catalogue
from booking.reservations import queries
from core.clock import civil_day
from core.errors import NotThere, Refused
from payments.invoice_queries import one as one_invoice
from payments.slips import Slip, slip

pages = Blueprint("slips", __name__)

_PAGE = "/manage/money/counter/slips"
_ONE = f"{_PAGE}/<uuid:payment_id>"
_DONE = {
    "issued": "納付書を発行しました。印刷してお渡しください。",
    "booked": "納付を記録しました。",
    "again": "この納付書は、すでに納付が記録されています。",
    "void": "納付書を取り消しました。ほかの方法で支払えます。",
}


@pages.get(_ONE)
@manager_only
def show_slip(payment_id: UUID) -> ResponseReturnValue:
    """A slip and what became of it."""
    return _page(payment_id, None)


@pages.get(f"{_ONE}/sheet")
@manager_only
def print_slip(payment_id: UUID) -> ResponseReturnValue:
    """The sheet to print."""
    with reading() as here:
        found = slip(here.session, municipality_id=here.municipality_id, payment_id=payment_id)
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        issuer = issuer_or_none(
            here.session, municipality_id=here.municipality_id, day=civil_day(found.issued_at)
        )
        return render_template(
            "manage/counter/slip_sheet.html",
            slip=found,
            payer=_payer(here, found),
            issuer=issuer,
            office=places.office_contact,
        )


@pages.post(f"{_ONE}/book")
@manager_only
def book_slip(payment_id: UUID) -> ResponseReturnValue:
    """The money of a slip has come."""
    try:
        with writing() as here:
            is_new = desk.book_slip(
                here.session,
                actor=here.actor,
                payment_id=payment_id,
                paid_on=_day(here),
                callbacks=here.services.payment_callbacks,
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _page(payment_id, error)
    return redirect(f"{_PAGE}/{payment_id}?done={'booked' if is_new else 'again'}", code=303)


@pages.post(f"{_ONE}/void")
@manager_only
def void_slip(payment_id: UUID) -> ResponseReturnValue:
    """Take a slip back."""
    try:
        with writing() as here:
            desk.void_slip(
                here.session,
                actor=here.actor,
                payment_id=payment_id,
                callbacks=here.services.payment_callbacks,
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _page(payment_id, error)
    return redirect(f"{_PAGE}/{payment_id}?done=void", code=303)


def _day(here: Here) -> date:
    return day_of(request.form.get("paid_on", ""), now=here.now)


def _payer(here: Here, found: Slip) -> str:
    """The group that a slip is made out to."""
    references = [reference for reference, _, _ in found.items]
    lines = queries.search(here.session, municipality_id=here.municipality_id, ids=references)
    if lines:
        return lines[0].group_name
    invoice = one_invoice(here.session, municipality_id=here.municipality_id, invoice_id=references[0])
    return here.session.get_one(Group, invoice.payer).name


def _page(payment_id: UUID, error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        found = slip(here.session, municipality_id=here.municipality_id, payment_id=payment_id)
        references = [reference for reference, _, _ in found.items]
        lines = queries.search(here.session, municipality_id=here.municipality_id, ids=references)
        page = render_template(
            "manage/counter/slip.html",
            slip=found,
            payer=_payer(here, found),
            line=lines[0] if lines else None,
            invoice_id=None if lines else references[0],
            today=civil_day(here.now),
            sent=request.form,
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            error=error,
            now=here.now,
        )
    return (page, status_of(error)) if error else page
