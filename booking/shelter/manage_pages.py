"""Managers: ask for a shelter opening, decide on another's, watch the doors, end it, print the sheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import id_of
from booking.papers.pdf import pdf_of
from booking.places.catalogue import catalogue
from booking.places.closure_form import half_hours, instant_of
from booking.places.entries import FacilityEntry
from booking.shelter import opening as shelter
from booking.shelter import queries, sheet
from booking.shelter.doors import access_points_of
from booking.shelter.models import ShelterState
from booking.staff_keys.giving import facilities_of
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from core.ids import new_id
from locks.staff import emergency

pages = Blueprint("manage_shelter", __name__)

PAGE = "/manage/shelter"
_ONE = f"{PAGE}/<uuid:opening_id>"
FIELDS = ("scope", "last_day", "last_time", "reason")
_DONE = {
    "requested": "申請しました。ほかの管理者が承認すると、開設されます。",
    "approved": "開設しました。電子錠には、それぞれの次の通信で伝わります。",
    "refused": "却下しました。何も変わっていません。",
    "ended": "終了しました。電子錠は、それぞれの次の通信で通常の施錠に戻ります。",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An opening as asked for."""

    facility_ids: tuple[int, ...]
    closes_until: datetime
    reason: str


@pages.get(PAGE)
@manager_only
def show_openings() -> ResponseReturnValue:
    """What is open, what waits for a second person, and a form for a request."""
    with reading() as here:
        tomorrow = civil_day(here.now) + timedelta(days=1)
        return _page(here, {"scope": "all", "last_day": tomorrow.isoformat(), "last_time": "1440"})


@pages.post(f"{PAGE}/preview")
@manager_only
def preview() -> ResponseReturnValue:
    """How many reservations it would revoke; nothing is written."""
    try:
        with reading() as here:
            wanted = _wanted(here)
            return _page(here, request.form, preview=wanted)
    except BadInput as error:
        return _refused(error)


@pages.post(PAGE)
@manager_only
def ask() -> ResponseReturnValue:
    """Ask for it; a second person has to agree."""
    try:
        with writing() as here:
            wanted = _wanted(here)
            made = shelter.request(
                here.session,
                actor=here.actor,
                opening_id=id_of(request.form, "opening_id"),
                facility_ids=wanted.facility_ids,
                reason=wanted.reason,
                closes_until=wanted.closes_until,
                now=here.now,
            )
    except BadInput as error:
        return _refused(error)
    return redirect(f"{PAGE}/{made.id}?done=requested", code=303)


@pages.get(_ONE)
@manager_only
def show_opening(opening_id: UUID) -> ResponseReturnValue:
    """One opening: the question to the second person, or how far each door has got."""
    with reading() as here:
        return _opening_page(here, opening_id)


@pages.post(f"{_ONE}/approve")
@manager_only
def approve(opening_id: UUID) -> ResponseReturnValue:
    """Agree as the second person."""
    return _act(opening_id, "approved")


@pages.post(f"{_ONE}/refuse")
@manager_only
def refuse(opening_id: UUID) -> ResponseReturnValue:
    """Say no as the second person."""
    return _act(opening_id, "refused")


@pages.post(f"{_ONE}/end")
@manager_only
def end(opening_id: UUID) -> ResponseReturnValue:
    """Let the doors lock again and residents book."""
    return _act(opening_id, "ended")


@pages.post(f"{PAGE}/sheet")
@manager_only
def print_sheet() -> ResponseReturnValue:
    """The emergency codes on paper; who printed them when is on record before they are shown."""
    with writing() as here:
        places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
        facilities = places.facilities(civil_day(here.now))
        doors = access_points_of(here.session, places, [facility.id for facility in facilities])
        lines = emergency.sheet(
            here.session,
            here.services.keyring,
            municipality_id=here.municipality_id,
            actor=str(here.actor.account_id),
            now=here.now,
        )
        parts = sheet.parts_of(lines, doors, {facility.id: facility.name for facility in facilities})
        html = render_template(
            "manage/shelter/sheet.html",
            parts=parts,
            municipality=places.name,
            office=places.office_contact,
            now=here.now,
        )
    answer = make_response(pdf_of(html))
    answer.headers["Content-Type"] = "application/pdf"
    answer.headers["Content-Disposition"] = f'attachment; filename="kinkyu-{civil_day(here.now):%Y%m%d}.pdf"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _act(opening_id: UUID, done: str) -> ResponseReturnValue:
    step = {"approved": shelter.approve, "refused": shelter.refuse, "ended": shelter.end}[done]
    try:
        with writing() as here:
            step(here.session, actor=here.actor, opening_id=opening_id, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _opening_page(here, opening_id, error=error), status_of(error)
    return redirect(f"{PAGE}/{opening_id}?done={done}", code=303)


def _wanted(here: Here) -> Wanted:
    every = [facility.id for facility in _with_spaces(here)]
    chosen = facilities_of(request.form, every=every)
    if not set(chosen) <= set(every):
        raise NotThere("facility")
    until = instant_of(request.form.get("last_day", ""), request.form.get("last_time", ""), "閉鎖の期限")
    reason = request.form.get("reason", "").strip()
    shelter.require_sensible(reason, until, now=here.now)
    return Wanted(chosen, until, reason)


def _refused(error: BadInput) -> ResponseReturnValue:
    with reading() as here:
        return _page(here, request.form, error=error), status_of(error)


def _with_spaces(here: Here) -> list[FacilityEntry]:
    places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
    return [entry for entry in places.facilities(civil_day(here.now)) if entry.spaces]


def _page(
    here: Here,
    wanted: Mapping[str, str],
    *,
    error: BadInput | None = None,
    preview: Wanted | None = None,
) -> str:
    return render_template(
        "manage/shelter/list.html",
        openings=queries.of_municipality(here.session, actor=here.actor),
        facilities=_with_spaces(here),
        wanted={name: wanted.get(name, "") for name in FIELDS},
        ticked=request.form.getlist("facility"),
        # Made with the form, so that the same form sent twice is one request.
        opening_id=request.form.get("opening_id") or new_id(here.now),
        ends=half_hours(0, 1440),
        preview=preview,
        hits=_hits(here, preview.facility_ids, preview.closes_until) if preview else (),
        error=error,
        max_reason=shelter.MAX_REASON,
        printed_at=emergency.printed_at(here.session, municipality_id=here.municipality_id),
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _opening_page(here: Here, opening_id: UUID, *, error: Refused | None = None) -> str:
    one = queries.one(here.session, actor=here.actor, opening_id=opening_id)
    is_asked = one.state == ShelterState.REQUESTED
    return render_template(
        "manage/shelter/one.html",
        one=one,
        is_own=one.requested_by == here.actor.account_id,
        hits=_hits(here, one.facility_ids, one.closes_until) if is_asked else (),
        doors=queries.doors(here.session, actor=here.actor, opening=one, now=here.now),
        error=error,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _hits(here: Here, facility_ids: tuple[int, ...], closes_until: datetime) -> list[queries.Hit]:
    return queries.hits(
        here.session, actor=here.actor, facility_ids=facility_ids, closes_until=closes_until, now=here.now
    )
