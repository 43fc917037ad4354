"""Managers: choose reservations, say how much and why, look, give; above the limit a second person agrees."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import Sent, day_of, number_of
from booking.places.catalogue import catalogue
from booking.refunding import batch_queries, batches, by_hand
from booking.refunding.batch_queries import BatchItem, Candidate
from booking.refunding.batches import MAX_LINES, MAX_REASON
from booking.refunding.refund_pages import PAGE as REFUNDS
from booking.reservations.models import State
from booking.reservations.words import STATES
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from core.ids import new_token

pages = Blueprint("manage_refund_batches", __name__)

PAGE = f"{REFUNDS}/batches"
_ONE = f"{PAGE}/<uuid:batch_id>"
_MOST_DAYS = 92
_DONE = {
    "made": "還付を作成しました。",
    "approved": "承認しました。返金の手続きが始まります。",
    "rejected": "却下しました。返金はしません。",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which reservations are to choose from."""

    first: date
    last: date
    facility_id: int | None
    state: State | None

    @classmethod
    def parse(cls, here: Here, sent: Sent) -> "Filter":
        """Read it; a week back where nothing is said.

        Raises:
            BadInput: days that are none, backwards or too far apart; an unknown state.
        """
        today = civil_day(here.now)
        first = day_of(sent.get("first") or (today - timedelta(days=7)).isoformat(), now=here.now)
        last = day_of(sent.get("last") or today.isoformat(), now=here.now)
        if not 0 <= (last - first).days <= _MOST_DAYS:
            raise BadInput("days", sentence=f"期間は、はじめの日から{_MOST_DAYS}日以内にしてください。")
        state = sent.get("state") or None
        if state is not None and state not in batch_queries.PAID_STATES:
            raise BadInput("state")
        facility_id = number_of(sent, "facility", least=0, most=2**31 - 1, default=0)
        return cls(first, last, facility_id or None, State(state) if state else None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch as written down."""

    amounts: Mapping[UUID, int]
    reason: str


@pages.get(f"{PAGE}/new")
@manager_only
def choose() -> ResponseReturnValue:
    """The filter, and what it finds."""
    try:
        with reading() as here:
            return _choose_page(here, Filter.parse(here, request.args))
    except BadInput as error:
        with reading() as here:
            return _choose_page(here, _week(here), error=error), status_of(error)


@pages.post(f"{PAGE}/preview")
@manager_only
def preview() -> ResponseReturnValue:
    """Each line with its sum and what is there; nothing is written."""
    try:
        with reading() as here:
            wanted = _wanted(here, request.form)
            return _preview_page(here, wanted)
    except BadInput as error:
        return _back(error)


@pages.post(PAGE)
@manager_only
def make() -> ResponseReturnValue:
    """Give it, or ask a second person."""
    try:
        with writing() as here:
            wanted = _wanted(here, request.form)
            key = request.form.get("request_key", "")
            if not 16 <= len(key) <= 64:
                raise BadInput("request_key")
            made = batches.make(
                here.session,
                actor=here.actor,
                request_key=key,
                reason=wanted.reason,
                amounts=wanted.amounts,
                now=here.now,
            )
            batch_id = made.id
    except BadInput as error:
        return _back(error)
    except batches.MoreThanPaid as error:
        with reading() as here:
            return _preview_page(here, _wanted(here, request.form), error=error), status_of(error)
    return redirect(f"{PAGE}/{batch_id}?done=made", code=303)


@pages.get(_ONE)
@manager_only
def show_batch(batch_id: UUID) -> ResponseReturnValue:
    """One batch: its lines, who made it, and the question to the second person."""
    with reading() as here:
        return _batch_page(here, batch_id)


@pages.post(f"{_ONE}/approve")
@manager_only
def approve(batch_id: UUID) -> ResponseReturnValue:
    """Agree as the second person."""
    try:
        with writing() as here:
            batches.approve(here.session, actor=here.actor, batch_id=batch_id, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _batch_page(here, batch_id, error=error), status_of(error)
    return redirect(f"{PAGE}/{batch_id}?done=approved", code=303)


@pages.post(f"{_ONE}/reject")
@manager_only
def reject(batch_id: UUID) -> ResponseReturnValue:
    """Say no as the second person, for a reason."""
    reason = request.form.get("reason", "")
    try:
        with writing() as here:
            by_hand.reject(here.session, actor=here.actor, batch_id=batch_id, reason=reason, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _batch_page(here, batch_id, error=error), status_of(error)
    return redirect(f"{PAGE}/{batch_id}?done=rejected", code=303)


def _week(here: Here) -> Filter:
    today = civil_day(here.now)
    return Filter(today - timedelta(days=7), today, None, None)


def _wanted(here: Here, form: Sent) -> Wanted:
    """What the form asks for: `how` is `percent` of what is there, or `yen` for each line.

    Raises:
        BadInput: nothing chosen, something unreadable, or no reason.
    """
    try:
        ids = sorted({UUID(text) for text in form.getlist("reservation")})
    except ValueError as error:
        raise BadInput("reservation", sentence="予約を選んでください。") from error
    if not 0 < len(ids) <= MAX_LINES:
        raise BadInput("reservation", sentence=f"予約を選んでください（{MAX_LINES}件まで）。")
    reason = form.get("reason", "").strip()
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise BadInput("reason", sentence=f"理由を1行、{MAX_REASON}字までで入力してください。")
    try:
        if form.get("how") == "percent":
            amounts = _percent_of(here, ids, number_of(form, "percent", least=1, most=100))
        else:
            amounts = {id_: number_of(form, f"yen-{id_}", least=1, most=10**8) for id_ in ids}
    except BadInput as error:
        raise BadInput(str(error), sentence="割合は1から100、金額は1円以上で入力してください。") from error
    return Wanted(amounts, reason)


def _percent_of(here: Here, ids: list[UUID], percent: int) -> dict[UUID, int]:
    """Rounded down; where that is nothing the line falls away."""
    found = batch_queries.candidates_of(here.session, municipality_id=here.municipality_id, ids=ids)
    if len(found) != len(ids):
        raise NotThere("reservation")
    amounts = {line.id: line.left_yen * percent // 100 for line in found}
    return {id_: yen for id_, yen in amounts.items() if yen}


def _back(error: BadInput) -> ResponseReturnValue:
    with reading() as here:
        try:
            chosen = Filter.parse(here, request.form)
        except BadInput:
            chosen = _week(here)
        return _choose_page(here, chosen, error=error), status_of(error)


def _choose_page(here: Here, chosen: Filter, *, error: BadInput | None = None) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    found: list[Candidate] = batch_queries.candidates(
        here.session,
        municipality_id=here.municipality_id,
        first=chosen.first,
        last=chosen.last,
        facility_id=chosen.facility_id,
        state=chosen.state,
    )
    return render_template(
        "manage/refunds/batch_new.html",
        chosen=chosen,
        candidates=found,
        facilities=places.facilities(civil_day(here.now)),
        states=[(state, STATES[state]) for state in batch_queries.PAID_STATES],
        state_words=STATES,
        sent=request.form,
        ticked=request.form.getlist("reservation"),
        max_lines=MAX_LINES,
        max_reason=MAX_REASON,
        error=error,
        now=here.now,
    )


def _preview_page(here: Here, wanted: Wanted, *, error: Refused | None = None) -> str:
    found = batch_queries.candidates_of(
        here.session, municipality_id=here.municipality_id, ids=sorted(wanted.amounts)
    )
    if len(found) != len(wanted.amounts):
        raise NotThere("reservation")
    if not found:
        raise BadInput("amounts", sentence="返せる金額のある予約がありません。")
    items = [BatchItem(line, wanted.amounts[line.id]) for line in found]
    total = sum(item.amount_yen for item in items)
    return render_template(
        "manage/refunds/batch_preview.html",
        items=items,
        total=total,
        needs_second=batches.needs_second(here.session, here.actor, wanted.amounts, now=here.now),
        is_too_much=any(item.is_too_much for item in items),
        reason=wanted.reason,
        # Made with the page, so that the same form sent twice is one batch.
        request_key=request.form.get("request_key") or new_token(),
        sent=request.form,
        state_words=STATES,
        error=error,
        now=here.now,
    )


def _batch_page(here: Here, batch_id: UUID, *, error: Refused | None = None) -> str:
    one, items = batch_queries.one(here.session, municipality_id=here.municipality_id, batch_id=batch_id)
    return render_template(
        "manage/refunds/batch.html",
        one=one,
        items=items,
        is_own=one.made_by == here.actor.account_id,
        state_words=STATES,
        max_reason=MAX_REASON,
        sent_reason=request.form.get("reason", ""),
        error=error,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )
