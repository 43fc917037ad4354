"""Managers: days on which a place is not to be had."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.notices.texts import window_in_words
from booking.places import closures
from booking.places.catalogue import catalogue
from booking.places.closure_form import FIELDS, MAX_REASON, ClosureForm, half_hours
from booking.places.closure_preview import Affected, affected_by
from booking.places.entries import Catalogue
from booking.places.models import Closure
from core.clock import civil_day
from core.errors import BadInput
from core.window import Window

pages = Blueprint("manage_places", __name__)

_DONE = {
    "closed": "利用不可日を登録しました。取り消された予約の人へは、メールでお知らせします。",
    "lifted": "利用不可日を解除しました。この時間は、また予約できます。",
}


@pages.get("/manage/closures")
@manager_only
def show_closures() -> ResponseReturnValue:
    """What is closed from now on, and a form for more."""
    with reading() as here:
        today = civil_day(here.now).isoformat()
        wanted = {"first_day": today, "first_time": "0", "last_day": today, "last_time": "1440"}
        return _page(here, wanted)


@pages.post("/manage/closures/preview")
@manager_only
def preview_closure() -> ResponseReturnValue:
    """Which reservations it would revoke; nothing is written."""
    with reading() as here:
        try:
            form = ClosureForm.parse(request.form, now=here.now)
        except BadInput as error:
            return _page(here, request.form.to_dict(), error=error), status_of(error)
        affected = affected_by(
            here.session,
            actor=here.actor,
            facility_id=form.facility_id,
            space_id=form.space_id,
            window=form.window,
        )
        return _page(here, request.form.to_dict(), form=form, affected=affected)


@pages.post("/manage/closures")
@manager_only
def add_closure() -> ResponseReturnValue:
    """Close the place and revoke what is there."""
    try:
        with writing() as here:
            form = ClosureForm.parse(request.form, now=here.now)
            closures.close(
                here.session,
                actor=here.actor,
                facility_id=form.facility_id,
                space_id=form.space_id,
                window=form.window,
                reason=form.reason,
                now=here.now,
            )
    except BadInput as error:
        with reading() as here:
            return _page(here, request.form.to_dict(), error=error), status_of(error)
    return redirect("/manage/closures?done=closed", code=303)


@pages.post("/manage/closures/<int(max=2147483647):closure_id>/lift")
@manager_only
def lift_closure(closure_id: int) -> ResponseReturnValue:
    """Open the place again; what was revoked stays so."""
    with writing() as here:
        closures.lift(here.session, actor=here.actor, closure_id=closure_id, now=here.now)
    return redirect("/manage/closures?done=lifted", code=303)


def _page(
    here: Here,
    wanted: dict[str, str],
    *,
    error: BadInput | None = None,
    form: ClosureForm | None = None,
    affected: Sequence[Affected] = (),
) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
    listed = closures.of_municipality(here.session, municipality_id=here.municipality_id, since=here.now)
    return render_template(
        "manage/closures.html",
        closures=[_line(places, closure) for closure in listed],
        facilities=places.facilities(civil_day(here.now)),
        wanted={name: wanted.get(name, "") for name in FIELDS},
        starts=half_hours(0, 1410),
        ends=half_hours(30, 1440),
        error=error,
        form=form,
        form_place=_place(places, form.facility_id, form.space_id, form.window) if form else "",
        form_when=window_in_words(form.window.starts_at, form.window.ends_at) if form else "",
        affected=affected,
        max_reason=MAX_REASON,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _line(places: Catalogue, closure: Closure) -> dict[str, object]:
    window = Window(closure.starts_at, closure.ends_at)
    return {
        "id": closure.id,
        "place": _place(places, closure.facility_id, closure.space_id, window),
        "starts_at": window.starts_at,
        "when": window_in_words(window.starts_at, window.ends_at),
        "reason": closure.reason,
    }


def _place(places: Catalogue, facility_id: int, space_id: int | None, window: Window) -> str:
    facility = places.facility(facility_id, on=civil_day(window.starts_at))
    if space_id is None:
        return f"{facility.name} 全体"
    return f"{facility.name} " + "・".join(space.name for space in facility.spaces if space.id == space_id)
