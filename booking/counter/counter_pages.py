"""/manage/money/counter: find a reservation, take cash, hand out a slip; what is in the drawer."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, id_of, number_of
from booking.counter import bills, desk, letters
from booking.people.models import Group
from booking.reservations import queries
from booking.reservations.queries import ReservationLine
from core import audit
from core.errors import BadInput, NotThere, Refused
from core.ids import new_id
from payments import checkout, drawer, paying_out, refunds
from payments.queries import awaited_of
from payments.slips import slip, slip_by_number, slips_of, slips_out
from payments.states import Method

pages = Blueprint("counter", __name__)

PAGE = "/manage/money/counter"
_ONE = f"{PAGE}/reservations/<uuid:reservation_id>"
MOST_YEN = 100_000_000
_DONE = {
    "paid": "現金を受け取り、予約を確定しました。",
    "closing": "まだ受け取らないでください。カードの支払い手続きを終了しています。",
    "handed_in": "現金を金融機関へ納めたことを記録しました。",
    "asked": "お支払いのお願いをメールで送ります。",
    "nobody": "この団体には、いまメールを送れる代表者がいません。",
    "nothing": "この団体には、お支払いの済んでいないものがありません。",
}


@pages.get(PAGE)
@manager_only
def show_counter() -> ResponseReturnValue:
    """Look for a reservation by `?q=` (group, permit or slip number) and `?day=`; what waits here."""
    return _counter(None)


@pages.post(f"{PAGE}/hand-in")
@manager_only
def hand_in() -> ResponseReturnValue:
    """Cash was counted and brought to the bank."""
    try:
        with writing() as here:
            drawer.hand_in(
                here.session,
                hand_in_id=id_of(request.form, "hand_in_id"),
                municipality_id=here.municipality_id,
                counted_yen=number_of(request.form, "counted_yen", least=0, most=MOST_YEN),
                handed_in_yen=number_of(request.form, "handed_in_yen", least=0, most=MOST_YEN),
                actor=here.actor.account_id,
                now=here.now,
            )
    except BadInput as error:
        return _counter(error)
    return redirect(f"{PAGE}?done=handed_in", code=303)


@pages.get(_ONE)
@manager_only
def show_reservation(reservation_id: UUID) -> ResponseReturnValue:
    """What is owed for one reservation, and how it can be paid here."""
    return _reservation(reservation_id, None)


@pages.post(f"{_ONE}/cash")
@manager_only
def take_cash(reservation_id: UUID) -> ResponseReturnValue:
    """Cash is on the table."""

    def act(here: Here) -> bool:
        return desk.take_cash(
            here.session,
            actor=here.actor,
            reservation_id=reservation_id,
            payment_id=id_of(request.form, "payment_id"),
            amount_yen=number_of(request.form, "amount_yen", least=1, most=MOST_YEN),
            callbacks=here.services.payment_callbacks,
            now=here.now,
        )

    return _act(reservation_id, act, f"{PAGE}/reservations/{reservation_id}?done=paid")


@pages.post(f"{_ONE}/slip")
@manager_only
def issue_slip(reservation_id: UUID) -> ResponseReturnValue:
    """Hand out a slip and go on to it."""

    def act(here: Here) -> bool:
        return desk.issue_slip(
            here.session,
            actor=here.actor,
            reservation_id=reservation_id,
            payment_id=id_of(request.form, "payment_id"),
            now=here.now,
        )

    return _act(reservation_id, act, f"{PAGE}/slips/{request.form.get('payment_id', '')}?done=issued")


@pages.post(f"{PAGE}/groups/<uuid:group_id>/requests")
@manager_only
def request_payment(group_id: UUID) -> ResponseReturnValue:
    """Mail a group's representative the page on which everything unpaid can be paid."""
    with writing() as here:
        group = here.session.get(Group, group_id)
        if group is None or group.municipality_id != here.municipality_id:
            raise NotThere(f"group {group_id}")
        unpaid = bills.of_groups(
            here.session, municipality_id=here.municipality_id, groups={group.id: group.name}, now=here.now
        )
        done = "nothing"
        if unpaid:
            total = sum(bill.amount_yen for bill in unpaid)
            to = letters.payment_request(
                here.session,
                municipality_id=here.municipality_id,
                group_id=group.id,
                count=len(unpaid),
                amount_yen=total,
                now=here.now,
            )
            done = "asked" if to else "nobody"
            audit.record(
                here.session,
                municipality_id=here.municipality_id,
                actor=str(here.actor.account_id),
                act="counter.request_payment",
                subject=str(group.id),
                detail={"count": len(unpaid), "amount_yen": total},
                now=here.now,
            )
    return redirect(f"{PAGE}?done={done}", code=303)


def _act(reservation_id: UUID, act: Callable[[Here], bool], then: str) -> ResponseReturnValue:
    try:
        with writing() as here:
            is_done = act(here)
    except NotThere:
        raise
    except Refused as error:
        return _reservation(reservation_id, error)
    # Where a card session is still open, the sentence says to wait; nothing was taken.
    return redirect(then if is_done else f"{PAGE}/reservations/{reservation_id}?done=closing", code=303)


def _counter(error: Refused | None) -> ResponseReturnValue:
    words = " ".join(request.args.get("q", "").split())[:80]
    with reading() as here:
        found: list[ReservationLine] | None = None
        try:
            found = _found(here, words, request.args.get("day", ""))
        except BadInput as refused:
            error = refused
        limits: dict[str, Any] = {"municipality_id": here.municipality_id}
        page = render_template(
            "manage/counter/counter.html",
            words=words,
            day=request.args.get("day", ""),
            found=found,
            slips=slips_out(here.session, **limits),
            pay_outs=paying_out.waiting(here.session, **limits),
            in_drawer=drawer.in_drawer(here.session, **limits),
            hand_in_id=request.form.get("hand_in_id") or new_id(here.now),
            sent=request.form,
            done=_DONE.get(request.args.get("done", "")),
            error=error,
            now=here.now,
        )
    return (page, status_of(error)) if error else page


def _found(here: Here, words: str, day: str) -> list[ReservationLine] | None:
    """None: nothing was looked for."""
    if not words and not day:
        return None
    on = day_of(day, now=here.now) if day else None
    town = here.municipality_id
    if not (words.isascii() and words.isdigit() and len(words) < 10):
        return queries.search(here.session, municipality_id=town, group_words=words, day=on)
    found = queries.search(here.session, municipality_id=town, permit_number=int(words), day=on)
    slip_id = slip_by_number(here.session, municipality_id=town, number=int(words))
    if slip_id is not None:
        references = _references_of(here, slip_id)
        more = queries.search(here.session, municipality_id=town, ids=references, day=on)
        found += [line for line in more if line not in found]
    return found


def _references_of(here: Here, payment_id: UUID) -> list[UUID]:
    """What a slip pays for."""
    found = slip(here.session, municipality_id=here.municipality_id, payment_id=payment_id)
    return [reference for reference, _, _ in found.items]


def _reservation(reservation_id: UUID, error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        line = queries.one(here.session, actor=here.actor, reservation_id=reservation_id)
        live = checkout.live_of(here.session, reference=line.id)
        page = render_template(
            "manage/counter/reservation.html",
            line=line,
            slip=slips_of(here.session, references=[line.id]).get(line.id),
            has_card_session=live is not None and live.method == Method.STRIPE,
            is_closing=live is not None and live.state == "closing",
            awaited=awaited_of(here.session, reference=line.id),
            left_yen=refunds.left_of(here.session, references=[line.id])[line.id],
            payment_id=new_id(here.now),
            slip_id=new_id(here.now),
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            is_waiting=request.args.get("done") == "closing",
            error=error,
            now=here.now,
        )
    return (page, status_of(error)) if error else page
