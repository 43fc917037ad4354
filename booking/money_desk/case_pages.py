"""Managers: what waits for a person at the money desk; take it on, put it off, close it."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.money_desk import case_list
from booking.money_desk.book_words import ACCOUNTS, MOVEMENTS
from booking.money_desk.case_list import CaseLine
from booking.money_desk.case_words import DISPUTE_REASONS, DISPUTE_STATES, URGENT, words_of
from booking.people.models import Account
from booking.places.models import Municipality
from booking.reservations.models import Reservation
from core import audit
from core.clock import TOKYO
from core.errors import BadInput, NotThere, Refused
from payments import cases, explained
from payments.book_models import MovementExplanation
from payments.cases import CaseKind

pages = Blueprint("manage_money_cases", __name__)

PAGE = "/manage/money/cases"
_ONE = f"{PAGE}/<uuid:case_id>"
MAX_NOTE = 300
_MORNING = time(9, 0)
_DONE = {
    "taken": "担当になりました。",
    "put-off": "あとで見ることにしました。その日の朝9時に期限が来ます。",
    "closed": "対応済みにしました。",
    "explained": "説明を記録しました。",
    "booked": "承認し、記帳しました。",
    "taken-back": "説明を取り消しました。",
}
_ACTS = {
    "money_case.take_on": "担当になりました",
    "money_case.put_off": "あとで見ることにしました",
    "money_case.close": "対応済みにしました",
    "movement.explain": "入出金を説明しました",
    "movement.book": "説明のとおりに記帳しました",
    "movement.take_back": "説明を取り消しました",
}


@pages.get(PAGE)
@manager_only
def show_cases() -> ResponseReturnValue:
    """Open cases, overdue first; `?kind=`, `?owner=me|nobody`, `?state=closed`."""
    with reading() as here:
        kind = _kind(request.args.get("kind", ""))
        is_closed = request.args.get("state") == "closed"
        owner = {"me": str(here.actor.account_id), "nobody": "nobody"}.get(request.args.get("owner", ""), "")
        town = here.municipality_id
        if is_closed:
            lines = case_list.closed_cases(here.session, municipality_id=town, kind=kind)
        else:
            lines = case_list.open_cases(
                here.session, municipality_id=town, now=here.now, kind=kind, owner=owner
            )
        counts = case_list.counts(here.session, municipality_id=town, now=here.now)
    return render_template(
        "manage/money/cases.html",
        lines=lines,
        counts=counts,
        kind=kind,
        owner=request.args.get("owner", "") if owner else "",
        is_closed=is_closed,
        in_all=counts.get(kind, (0, 0))[0] if kind else sum(every for every, _ in counts.values()),
        listed=case_list.LISTED,
        words_of=words_of,
        urgent=URGENT,
        now=here.now,
    )


@pages.get(_ONE)
@manager_only
def show_case(case_id: UUID) -> ResponseReturnValue:
    """One case: what it is, what to do next, who has it, what was done."""
    with reading() as here:
        return _page(here, case_id)


@pages.post(f"{_ONE}/take-on")
@manager_only
def take_on(case_id: UUID) -> ResponseReturnValue:
    """Make it one's own; twice is the same as once."""

    def act(here: Here, line: CaseLine) -> None:
        if line.owner_id != str(here.actor.account_id):
            cases.take_on(
                here.session,
                municipality_id=here.municipality_id,
                case_id=case_id,
                actor=here.actor.account_id,
                now=here.now,
            )

    return _act(case_id, act, "taken")


@pages.post(f"{_ONE}/put-off")
@manager_only
def put_off(case_id: UUID) -> ResponseReturnValue:
    """Look at it again on a later day, in the morning."""

    def act(here: Here, line: CaseLine) -> None:
        until = _morning_of(request.form.get("day", ""), line, here.now)
        cases.put_off(
            here.session,
            municipality_id=here.municipality_id,
            case_id=case_id,
            actor=here.actor.account_id,
            until=until,
            note=_note(),
            now=here.now,
        )

    return _act(case_id, act, "put-off")


@pages.post(f"{_ONE}/close")
@manager_only
def close(case_id: UUID) -> ResponseReturnValue:
    """Say what was done and close it; twice is the same as once."""

    def act(here: Here, _line: CaseLine) -> None:
        cases.close_case(
            here.session,
            municipality_id=here.municipality_id,
            case_id=case_id,
            actor=here.actor.account_id,
            note=_note(),
            now=here.now,
        )

    return _act(case_id, act, "closed")


@pages.post(f"{_ONE}/explain")
@manager_only
def explain(case_id: UUID) -> ResponseReturnValue:
    """Say what a movement was that nothing explains, and book it, or ask a second person."""

    def act(here: Here, **about: Any) -> None:
        account, note = request.form.get("account", ""), request.form.get("note", "")
        limit = _alone_up_to_yen(here)
        here.session.scalar(
            sa.select(Account.id).where(Account.id == here.actor.account_id).with_for_update(key_share=True)
        )
        explained.explain(here.session, account=account, note=note, alone_up_to_yen=limit, **about)

    return _act_on_movement(case_id, act, "explained")


@pages.post(f"{_ONE}/agree")
@manager_only
def agree(case_id: UUID) -> ResponseReturnValue:
    """Book what somebody else has explained."""
    return _act_on_movement(case_id, lambda here, **about: explained.agree(here.session, **about), "booked")


@pages.post(f"{_ONE}/take-back")
@manager_only
def take_back(case_id: UUID) -> ResponseReturnValue:
    """Drop an explanation that is not booked."""
    return _act_on_movement(
        case_id, lambda here, **about: explained.take_back(here.session, **about), "taken-back"
    )


def _act_on_movement(case_id: UUID, act: Callable[..., None], done: str) -> ResponseReturnValue:
    def acted(here: Here, line: CaseLine) -> None:
        if line.kind != CaseKind.SETTLEMENT:
            raise NotThere(f"movement of case {case_id}")
        actor, town = here.actor.account_id, here.municipality_id
        act(here, municipality_id=town, subject=line.subject, actor=actor, now=here.now)

    return _act(case_id, acted, done)


def _alone_up_to_yen(here: Here) -> int:
    return here.session.get_one(Municipality, here.municipality_id).refund_alone_up_to_yen


def _act(case_id: UUID, act: Callable[[Here, CaseLine], None], done: str) -> ResponseReturnValue:
    try:
        with writing() as here:
            line = case_list.one(here.session, municipality_id=here.municipality_id, case_id=case_id)
            # Closed meanwhile, by the same button or by itself: its page says so.
            if line.closed_at is None:
                act(here, line)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, case_id, error=error), status_of(error)
    return redirect(f"{PAGE}/{case_id}?done={done}", code=303)


def _page(here: Here, case_id: UUID, *, error: Refused | None = None) -> str:
    line = case_list.one(here.session, municipality_id=here.municipality_id, case_id=case_id)
    is_movement = line.kind == CaseKind.SETTLEMENT and line.subject.startswith(explained.SUBJECT)
    movement_id = line.subject.removeprefix(explained.SUBJECT) if is_movement else ""
    history = audit.acts_on(
        here.session,
        municipality_id=here.municipality_id,
        subjects=[str(case_id), *filter(None, [movement_id])],
        limit=50,
    )
    said = here.session.get(MovementExplanation, movement_id) if is_movement else None
    movement = (
        explained.movement_of(here.session, municipality_id=here.municipality_id, subject=line.subject)
        if is_movement
        else None
    )
    limit = _alone_up_to_yen(here)
    return render_template(
        "manage/money/case.html",
        line=line,
        words=words_of(line.kind),
        history=history,
        acts=_ACTS,
        names=case_list.names_of(here.session, [entry.actor for entry in history]),
        reasons=DISPUTE_REASONS,
        states=DISPUTE_STATES,
        evidence_due_at=_evidence_due(line),
        is_reservation=_is_reservation(here, line.reference),
        movement=movement,
        is_for_two=movement is not None
        and explained.needs_second(
            here.session, movement, actor=here.actor.account_id, alone_up_to_yen=limit, now=here.now
        ),
        said=said,
        said_by_me=said is not None and said.made_by == here.actor.account_id,
        counterparts=[(account.value, ACCOUNTS[account]) for account in explained.COUNTERPARTS],
        movement_words=MOVEMENTS,
        account_words=ACCOUNTS,
        alone_up_to_yen=limit,
        is_mine=line.owner_id == str(here.actor.account_id),
        sent=request.form,
        failed=request.path.rsplit("/", 1)[-1] if error else "",
        max_note=MAX_NOTE,
        error=error,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _is_reservation(here: Here, reference: UUID | None) -> bool:
    """An invoice is a reference as well."""
    return reference is not None and here.session.get(Reservation, reference) is not None


def _kind(text: str) -> CaseKind | None:
    if not text:
        return None
    try:
        return CaseKind(text)
    except ValueError:
        raise BadInput("kind") from None


def _note() -> str:
    note = request.form.get("note", "").strip()
    if not 0 < len(note) <= MAX_NOTE:
        raise BadInput("note", sentence=f"対応の内容を{MAX_NOTE}字以内で書いてください。")
    return note


def _morning_of(text: str, line: CaseLine, now: datetime) -> datetime:
    """Nine o'clock of a later day, and before an objection's evidence is due."""
    until = datetime.combine(day_of(text, now=now), _MORNING, TOKYO)
    if until <= now:
        raise BadInput("day", sentence="明日から先の日を選んでください。")
    evidence_due_at = _evidence_due(line)
    if evidence_due_at is not None and now < evidence_due_at <= until:
        raise BadInput("day", sentence="反証の期限より前の日を選んでください。")
    return until


def _evidence_due(line: CaseLine) -> datetime | None:
    text = line.detail.get("evidence_due_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None
