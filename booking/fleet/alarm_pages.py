"""Managers: what locks are in trouble about, and that somebody has seen it."""

from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.fleet.alarm_words import detail_in_words, words_of
from booking.fleet.lock_words import actor_in_words
from booking.people.models import Account
from booking.places.access_points import facility_names, full_name
from booking.places.catalogue import catalogue
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from locks.alarms import queries
from locks.alarms.kinds import ONCE, URGENT, AlarmKind
from locks.alarms.queries import AlarmLine
from locks.alarms.raising import MAX_NOTE, acknowledge

pages = Blueprint("manage_alarms", __name__)

LISTED = 50
_OVER_LISTED = 30


@pages.get("/manage/alarms")
@manager_only
def show_alarms() -> ResponseReturnValue:
    """What waits for a look, what lasts, what is over; `?kind=` of those that wait."""
    with reading() as here:
        return _page(here, None)


@pages.post("/manage/alarms/<int:alarm_id>/acknowledge")
@manager_only
def acknowledge_one(alarm_id: int) -> ResponseReturnValue:
    """Somebody has seen it; twice is the same as once."""
    try:
        with writing() as here:
            acknowledge(
                here.session,
                alarm_id=alarm_id,
                municipality_id=here.municipality_id,
                actor=str(here.actor.account_id),
                note=request.form.get("note", ""),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error, alarm_id), status_of(error)
    return redirect("/manage/alarms?done=1", code=303)


@pages.post("/manage/alarms/acknowledge")
@manager_only
def acknowledge_kind() -> ResponseReturnValue:
    """Somebody has seen all of one kind that are listed now, as after an outage."""
    with writing() as here:
        # Read in here, so that whoever is no manager learns nothing of the form.
        kind = _kind(request.form.get("kind", ""))
        until = request.form.get("until", "")
        if kind is None or not until.isdecimal() or len(until) > 12:
            raise BadInput("kind")
        waiting = queries.waiting(here.session, municipality_id=here.municipality_id, limit=1000, kind=kind)
        for line in waiting:
            # What has begun since the page was shown has not been seen.
            if line.id <= int(until):
                acknowledge(
                    here.session,
                    alarm_id=line.id,
                    municipality_id=here.municipality_id,
                    actor=str(here.actor.account_id),
                    note=request.form.get("note", ""),
                    now=here.now,
                )
    return redirect("/manage/alarms?done=1", code=303)


def _page(here: Here, error: Refused | None, failed: int | None = None) -> str:
    kind = _kind(request.args.get("kind", ""))
    counts = queries.open_counts(here.session, municipality_id=here.municipality_id)
    waiting = queries.waiting(here.session, municipality_id=here.municipality_id, limit=LISTED, kind=kind)
    seen = queries.seen(here.session, municipality_id=here.municipality_id, limit=LISTED)
    over = queries.over(here.session, municipality_id=here.municipality_id, limit=_OVER_LISTED)
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    facility_of = facility_names(places, civil_day(here.now))
    actors = {line.acknowledged_by for line in (*seen, *over) if line.acknowledged_by}
    names = _names(here.session, actors)

    def name_of(line: AlarmLine) -> str:
        return full_name(line.access_point_id, line.access_point_name, facility_of)

    return render_template(
        "manage/locks/alarms.html",
        counts=counts,
        kind=kind,
        waiting=waiting,
        waiting_in_all=sum(counts.values()) if kind is None else counts.get(kind, 0),
        newest=max((line.id for line in waiting), default=0),
        seen=seen,
        over=over,
        words_of=words_of,
        detail_in_words=detail_in_words,
        urgent=URGENT,
        once=ONCE,
        name_of=name_of,
        who=lambda line: actor_in_words(line.acknowledged_by, names),
        reservation_of=_reservation_of,
        max_note=MAX_NOTE,
        done=request.args.get("done") == "1",
        error=error,
        failed=failed,
        note=request.form.get("note", ""),
        now=here.now,
    )


def _reservation_of(line: AlarmLine) -> str:
    """The reservation that it is about; empty where it is about none."""
    if line.kind == AlarmKind.CANCELLED_OPENING:
        return line.subject
    return str(line.detail.get("holder", ""))


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    accounts = [UUID(actor) for actor in actors if actor not in ("system", "operator")]
    rows = session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(sorted(accounts))))
    return {str(row.id): row.name for row in rows}


def _kind(text: str) -> AlarmKind | None:
    if not text:
        return None
    try:
        return AlarmKind(text)
    except ValueError as error:
        raise BadInput("kind") from error
