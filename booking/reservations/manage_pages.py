"""Managers: the day's board with the locks beside it, and the requests that wait for a word."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.places.catalogue import catalogue
from booking.reservations import queries
from booking.reservations.approve import approve, reject
from booking.reservations.board_view import WITH_CODES, board_of
from booking.reservations.lock_panel import panel_of
from booking.reservations.models import State
from core.clock import civil_day, start_of_day
from core.errors import BadInput, NotThere, Refused
from locks import fleet
from locks.alarms.queries import lasting_at, open_counts
from locks.standing import standings_of_doors

pages = Blueprint("manage_reservations", __name__)

_SOON = timedelta(hours=24)
_MAX_EVENTS = 30
_MAX_LOCKS = 12
_DONE = {
    "approved": "承認しました。支払いの案内を申込者にメールで送ります。",
    "confirmed": "承認しました。使用料がないため、予約は確定しました。",
    "rejected": "承認しないことを、理由とともに申込者にメールで知らせます。",
}


@pages.get("/manage")
@manager_only
def show_board() -> ResponseReturnValue:
    """A day's reservations and locks; `?day=YYYY-MM-DD`, else today; `?live=0` stops the refreshing."""
    with reading() as here:
        written = request.args.get("day")
        day = day_of(written, now=here.now) if written else civil_day(here.now)
        places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
        lines = queries.board(
            here.session,
            municipality_id=here.municipality_id,
            day=day,
            now=here.now,
            with_taken_back=True,
        )
        holders = [line.id for line in lines if line.state in WITH_CODES]
        standings = standings_of_doors(here.session, holders=holders, now=here.now)
        worst = fleet.worst(here.session, municipality_id=here.municipality_id, most=_MAX_LOCKS, now=here.now)
        events = fleet.events_of(
            here.session,
            municipality_id=here.municipality_id,
            since=start_of_day(civil_day(here.now)),
            limit=_MAX_EVENTS,
        )
        alarms = open_counts(here.session, municipality_id=here.municipality_id)
        lasting = lasting_at(here.session, [lock.access_point_id for lock in worst.lines])
        waiting = len(queries.approvals(here.session, municipality_id=here.municipality_id))
    return render_template(
        "manage/board.html",
        board=board_of(lines, standings, places, day=day, now=here.now),
        panel=panel_of(worst, events, alarms, lasting, places, now=here.now),
        waiting=waiting,
        now=here.now,
        live=request.args.get("live") != "0",
    )


@pages.get("/manage/approvals")
@manager_only
def show_approvals() -> ResponseReturnValue:
    """What waits for staff's word, the most urgent first."""
    with reading() as here:
        lines = queries.approvals(here.session, municipality_id=here.municipality_id)
    done = _DONE.get(request.args.get("done", ""))
    return render_template("manage/approvals.html", lines=lines, now=here.now, soon=_SOON, done=done)


@pages.post("/manage/approvals/<uuid:reservation_id>/approve")
@manager_only
def approve_request(reservation_id: UUID) -> ResponseReturnValue:
    """Approve one request."""
    try:
        with writing() as here:
            approved = approve(here.session, actor=here.actor, reservation_id=reservation_id, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        return _refused(error, reservation_id)
    done = "confirmed" if approved.state == State.CONFIRMED else "approved"
    return redirect(f"/manage/approvals?done={done}", code=303)


@pages.post("/manage/approvals/<uuid:reservation_id>/reject")
@manager_only
def reject_request(reservation_id: UUID) -> ResponseReturnValue:
    """Reject one request with a reason."""
    try:
        with writing() as here:
            reject(
                here.session,
                actor=here.actor,
                reservation_id=reservation_id,
                reason=request.form.get("reason", ""),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _refused(error, reservation_id)
    return redirect("/manage/approvals?done=rejected", code=303)


def _refused(error: Refused, reservation_id: UUID) -> ResponseReturnValue:
    with reading() as here:
        lines = queries.approvals(here.session, municipality_id=here.municipality_id)
    page = render_template(
        "manage/approvals.html",
        lines=lines,
        now=here.now,
        soon=_SOON,
        error=error,
        refused=reservation_id if isinstance(error, BadInput) else None,
        reason=request.form.get("reason", ""),
    )
    return page, status_of(error)
