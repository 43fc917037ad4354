"""Managers: one mail to everybody who has a place at a facility on a day."""

from datetime import date, datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.notices.bulk import (
    MAX_BODY,
    MAX_SUBJECT,
    NobodyThere,
    batch_of,
    progress_of,
    recipients_of,
    require_text,
    to_users_of,
)
from booking.notices.texts import bulk_opening
from booking.places.catalogue import catalogue
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused

pages = Blueprint("manage_notices", __name__)

_FIELDS = ("facility", "day", "subject", "body")


@pages.get("/manage/mail")
@manager_only
def show_mail() -> ResponseReturnValue:
    """The empty form, for today."""
    with reading() as here:
        return _form(here, {"day": civil_day(here.now).isoformat()})


@pages.post("/manage/mail/preview")
@manager_only
def preview_mail() -> ResponseReturnValue:
    """The form with how many it would reach and what they would read; nothing is written."""
    wanted = {name: request.form.get(name, "") for name in _FIELDS}
    with reading() as here:
        try:
            facility_id, day = _where(wanted, now=here.now)
            subject, body = require_text(wanted["subject"], wanted["body"])
        except BadInput as error:
            return _form(here, wanted, error=error), status_of(error)
        found = recipients_of(here.session, actor=here.actor, facility_id=facility_id, day=day)
        places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
        preview = {
            "opening": bulk_opening(day, places.facility_name(facility_id, on=day)),
            "addresses": len(found.mail_addresses),
            "reservations": found.reservations,
            "subject": subject,
            "body": body,
        }
        return _form(here, wanted, preview=preview)


@pages.post("/manage/mail")
@manager_only
def send_mail() -> ResponseReturnValue:
    """Owe the mail to everybody it concerns, then show how far it has got."""
    wanted = {name: request.form.get(name, "") for name in _FIELDS}
    try:
        with writing() as here:
            facility_id, day = _where(wanted, now=here.now)
            subject, body = require_text(wanted["subject"], wanted["body"])
            to_users_of(
                here.session,
                actor=here.actor,
                facility_id=facility_id,
                day=day,
                subject=subject,
                body=body,
                now=here.now,
            )
    except (BadInput, NobodyThere) as error:
        with reading() as here:
            return _form(here, wanted, error=error), status_of(error)
    return redirect(f"/manage/mail/{batch_of(facility_id, day, subject, body)}", code=303)


@pages.get("/manage/mail/<batch>")
@manager_only
def show_progress(batch: str) -> ResponseReturnValue:
    """How many have it, wait for it, could not be reached."""
    with reading() as here:
        progress = progress_of(here.session, actor=here.actor, batch=batch)
    if not progress.total:
        raise NotThere("mail")
    return render_template("manage/mail_sent.html", progress=progress)


def _form(
    here: Here,
    wanted: dict[str, str],
    *,
    error: Refused | None = None,
    preview: dict[str, object] | None = None,
) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
    return render_template(
        "manage/mail.html",
        facilities=places.facilities(civil_day(here.now)),
        wanted={name: wanted.get(name, "") for name in _FIELDS},
        error=error,
        preview=preview,
        max_subject=MAX_SUBJECT,
        max_body=MAX_BODY,
    )


def _where(wanted: dict[str, str], *, now: datetime) -> tuple[int, date]:
    try:
        return int(wanted["facility"]), day_of(wanted["day"], now=now)
    except (ValueError, BadInput) as error:
        raise BadInput("facility or day", sentence="施設と利用日を選んでください。") from error
