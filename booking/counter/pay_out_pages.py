"""/manage/money/counter/pay-outs: money that goes back by hand, and above a limit by four eyes."""

from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.counter.limits import alone_up_to_yen
from booking.people.models import Account
from booking.places.models import Municipality
from booking.reservations import queries
from core.errors import BadInput, NotThere, Refused
from payments import drawer, paying_out
from payments.models import Refund
from payments.states import Method

pages = Blueprint("pay_outs", __name__)

PAGE = "/manage/money/counter/pay-outs"
_DONE = {
    "paid": "払い戻したことを記録しました。",
    "again": "この払戻しは、すでに記録されています。",
    "asked": "申請しました。ほかの管理者が払い出せます。",
}
_HOW = {Method.CASH.value: Method.CASH, Method.TRANSFER.value: Method.TRANSFER}


@pages.get(PAGE)
@manager_only
def show_pay_outs() -> ResponseReturnValue:
    """What waits to be paid out, oldest first."""
    return _page(None)


@pages.post(f"{PAGE}/<uuid:refund_id>/ask")
@manager_only
def ask(refund_id: UUID) -> ResponseReturnValue:
    """Ask a second person to pay it out."""
    try:
        with writing() as here:
            paying_out.ask(
                here.session,
                municipality_id=here.municipality_id,
                refund_id=refund_id,
                how=_how(),
                actor=here.actor.account_id,
                now=here.now,
            )
    except BadInput as error:
        return _page(error)
    return redirect(f"{PAGE}?done=asked", code=303)


@pages.post(f"{PAGE}/<uuid:refund_id>/done")
@manager_only
def pay_out(refund_id: UUID) -> ResponseReturnValue:
    """It was paid out."""
    try:
        with writing() as here:
            refund = here.session.get(Refund, refund_id)
            if refund is None:
                raise NotThere(f"refund {refund_id}")
            is_new = paying_out.pay_out(
                here.session,
                municipality_id=here.municipality_id,
                refund_id=refund_id,
                how=_how(),
                actor=here.actor.account_id,
                alone_up_to_yen=alone_up_to_yen(here.session, here.actor, [refund.reference])[
                    refund.reference
                ],
                callbacks=here.services.payment_callbacks,
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _page(error)
    return redirect(f"{PAGE}?done={'paid' if is_new else 'again'}", code=303)


def _how() -> Method:
    how = _HOW.get(request.form.get("how", ""))
    if how is None:
        raise BadInput("how", sentence="払い戻す方法を選んでください。")
    return how


def _page(error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        waiting = paying_out.waiting(here.session, municipality_id=here.municipality_id)
        lines = queries.search(
            here.session,
            municipality_id=here.municipality_id,
            ids=[one.reference for one in waiting],
            limit=len(waiting) or 1,
        )
        askers = here.session.execute(
            sa.select(Account.id, Account.name).where(
                Account.municipality_id == here.municipality_id,
                Account.id.in_([UUID(one.asked_by) for one in waiting if one.asked_by]),
            )
        )
        page = render_template(
            "manage/counter/pay_outs.html",
            waiting=waiting,
            lines={line.id: line for line in lines},
            names={str(row.id): row.name for row in askers},
            me=str(here.actor.account_id),
            limit=here.session.get_one(Municipality, here.municipality_id).refund_alone_up_to_yen,
            alone=alone_up_to_yen(here.session, here.actor, [one.reference for one in waiting]),
            in_drawer=drawer.in_drawer(here.session, municipality_id=here.municipality_id),
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            error=error,
            now=here.now,
        )
    return (page, status_of(error)) if error else page
