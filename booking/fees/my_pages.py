"""Residents: apply for relief for a group, see how far it is, take it back."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, reading, signed_in, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, id_of
from booking.fees import relief, relief_queries
from booking.fees.documents import Document
from booking.places.catalogue import catalogue
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from core.ids import new_token

pages = Blueprint("my_relief", __name__)

_LISTED = 50
_DONE = {
    "asked": "申請を受け付けました。決定したら、メールでお知らせします。",
    "withdrawn": "申請を取り下げました。",
}


@pages.get("/my/relief")
@signed_in
def show_relief() -> ResponseReturnValue:
    """The form, and what was asked before."""
    with reading() as here:
        return _page(here)


@pages.post("/my/relief")
@signed_in
def apply_for_relief() -> ResponseReturnValue:
    """Ask for a group."""
    try:
        with writing() as here:
            wanted = _wanted(here)
            relief.apply(
                here.session,
                actor=here.actor,
                group_id=id_of(request.form, "group_id"),
                request_key=_request_key(),
                wanted=wanted,
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error=error), status_of(error)
    return redirect("/my/relief?done=asked", code=303)


@pages.post("/my/relief/<uuid:application_id>/withdraw")
@signed_in
def withdraw_application(application_id: UUID) -> ResponseReturnValue:
    """Take an undecided one back."""
    try:
        with writing() as here:
            relief.withdraw(here.session, actor=here.actor, application_id=application_id, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error=error), status_of(error)
    return redirect("/my/relief?done=withdrawn", code=303)


def _wanted(here: Here) -> relief.Wanted:
    sent = request.files.get("document")
    content = sent.stream.read() if sent is not None and sent.filename else b""
    document = Document.parse(sent.filename or "", content) if sent is not None and content else None
    return relief.Wanted(
        valid_from=day_of(request.form.get("valid_from", ""), now=here.now),
        valid_until=day_of(request.form.get("valid_until", ""), now=here.now),
        reason=request.form.get("reason", ""),
        document=document,
    )


def _request_key() -> str:
    key = request.form.get("request_key", "")
    if not 16 <= len(key) <= 64:
        raise BadInput("request_key")
    return key


def _page(here: Here, *, error: Refused | None = None) -> str:
    groups = here.actor.groups
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    return render_template(
        "my/relief.html",
        groups=groups,
        lines=relief_queries.of_groups(here.session, group_ids=[group.id for group in groups], limit=_LISTED),
        sent=request.form if error else {},
        today=civil_day(here.now),
        request_key=request.form.get("request_key") or new_token(),
        max_text=relief.MAX_TEXT,
        office=places.office_contact,
        error=error,
        done=None if error else _DONE.get(request.args.get("done", "")),
        now=here.now,
    )
