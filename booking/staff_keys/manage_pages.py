"""Managers: who has a staff code, giving and ending one. No digits are ever shown here."""

from collections.abc import Mapping
from datetime import timedelta

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.notices.texts import window_in_words
from booking.places.catalogue import catalogue
from booking.places.closure_form import half_hours
from booking.places.entries import FacilityEntry
from booking.shelter.doors import access_points_of
from booking.staff_keys.giving import FIELDS, GivingForm, names_of, person_of
from core.clock import civil_day
from core.errors import NotThere, Refused
from locks.staff import queries, rights
from locks.staff.queries import RightState

pages = Blueprint("manage_staff_codes", __name__)

PAGE = "/manage/staff-codes"
_DONE = {
    "given": "番号を発行しました。本人が「職員の番号」の画面で確認できます。",
    "ended": "終了しました。各電子錠では、次の通信から使えなくなります。",
}
_STATES = {
    RightState.COMING: ("開始前", "wait"),
    RightState.VALID: ("有効", "good"),
    RightState.OVER: ("期間終了", "quiet"),
    RightState.ENDED: ("終了済み", "quiet"),
}


@pages.get(PAGE)
@manager_only
def show_rights() -> ResponseReturnValue:
    """Who has which doors until when, and a form for more."""
    with reading() as here:
        today = civil_day(here.now)
        wanted = {
            "scope": "chosen",
            "first_day": today.isoformat(),
            "first_time": "0",
            "last_day": (today + timedelta(days=31)).isoformat(),
            "last_time": "0",
        }
        return _page(here, wanted)


@pages.post(PAGE)
@manager_only
def give_right() -> ResponseReturnValue:
    """Give a person a right; the digits are drawn, and only the person sees them."""
    try:
        with writing() as here:
            places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
            form = GivingForm.parse(request.form, every=[entry.id for entry in _with_doors(here)])
            if not set(form.facility_ids) <= set(places.facility_entries):
                raise NotThere("facility")
            doors = access_points_of(here.session, places, form.facility_ids)
            rights.give(
                here.session,
                here.services.keyring,
                municipality_id=here.municipality_id,
                access_point_ids=sorted({point for points in doors.values() for point in points}),
                person=person_of(
                    here.session, municipality_id=here.municipality_id, mail_address=form.mail_address
                ),
                label=form.label,
                not_before=form.not_before,
                not_after=form.not_after,
                actor=str(here.actor.account_id),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, request.form, error=error), status_of(error)
    return redirect(f"{PAGE}?done=given", code=303)


@pages.post(f"{PAGE}/<int(max=2147483647):staff_right_id>/end")
@manager_only
def end_right(staff_right_id: int) -> ResponseReturnValue:
    """Take a right back."""
    with writing() as here:
        rights.end(
            here.session,
            municipality_id=here.municipality_id,
            staff_right_id=staff_right_id,
            actor=str(here.actor.account_id),
            now=here.now,
        )
    return redirect(f"{PAGE}?done=ended", code=303)


def _page(here: Here, wanted: Mapping[str, str], *, error: Refused | None = None) -> str:
    lines = queries.rights_of(here.session, municipality_id=here.municipality_id, now=here.now)
    names = names_of(here.session, people=[line.person for line in lines])
    listed = [
        {
            "right": line,
            "person": names.get(line.person, ""),
            "when": window_in_words(line.not_before, line.not_after),
            "state": _STATES[line.state],
            "lasts": line.state in (RightState.COMING, RightState.VALID),
        }
        for line in lines
    ]
    return render_template(
        "manage/staff/codes.html",
        living=[line for line in listed if line["lasts"]],
        gone=[line for line in listed if not line["lasts"]],
        facilities=_with_doors(here),
        ticked=request.form.getlist("facility"),
        wanted={name: wanted.get(name, "") for name in FIELDS},
        starts=half_hours(0, 1410),
        ends=half_hours(0, 1440),
        error=error,
        max_label=rights.MAX_LABEL,
        done=_DONE.get(request.args.get("done", "")),
    )


def _with_doors(here: Here) -> list[FacilityEntry]:
    places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
    entries = places.facilities(civil_day(here.now))
    doors = access_points_of(here.session, places, [entry.id for entry in entries])
    return [entry for entry in entries if doors[entry.id]]
