"""Managers: declare an alert, see whom it reaches, take it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import number_of
from booking.notices.texts import window_in_words
from booking.places.catalogue import catalogue
from booking.places.closure_form import half_hours, instant_of
from booking.places.entries import Catalogue
from booking.refunding import alerts
from booking.refunding.alerts import AlertKind
from booking.refunding.models import AlertDay
from booking.refunding.refund_pages import PAGE as REFUNDS
from core.clock import civil_day
from core.errors import BadInput
from core.window import Window

pages = Blueprint("manage_refund_alerts", __name__)

PAGE = f"{REFUNDS}/alerts"
FIELDS = ("kind", "facility", "first_day", "first_time", "last_day", "last_time", "note")
_DONE = {
    "declared": "発表しました。この期間に始まる予約の人へ、メールでお知らせします。",
    "withdrawn": "取り下げました。知らせていた人へ、メールでお知らせします。",
}


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert in words."""

    id: int
    title: str
    place: str
    when: str
    starts_at: datetime
    ends_at: datetime
    note: str
    declared_at: datetime
    withdrawn_at: datetime | None

    def is_standing(self, now: datetime) -> bool:
        """Whether it still counts for a start to come."""
        return self.withdrawn_at is None and self.ends_at > now


@pages.get(PAGE)
@manager_only
def show_alerts() -> ResponseReturnValue:
    """What stands, what was, and a form for one more."""
    with reading() as here:
        today = civil_day(here.now).isoformat()
        wanted = {
            "kind": "heat",
            "first_day": today,
            "first_time": "0",
            "last_day": today,
            "last_time": "1440",
        }
        return _page(here, wanted)


@pages.post(PAGE)
@manager_only
def declare() -> ResponseReturnValue:
    """Declare it and tell the groups."""
    try:
        with writing() as here:
            _declare(here, request.form)
    except BadInput as error:
        with reading() as here:
            return _page(here, request.form, error=error), status_of(error)
    return redirect(f"{PAGE}?done=declared", code=303)


@pages.post(f"{PAGE}/<int(max=2147483647):alert_id>/withdraw")
@manager_only
def withdraw(alert_id: int) -> ResponseReturnValue:
    """Take it back and tell the groups."""
    with writing() as here:
        alerts.withdraw(here.session, actor=here.actor, alert_id=alert_id, now=here.now)
    return redirect(f"{PAGE}?done=withdrawn", code=303)


def _declare(here: Here, form: Mapping[str, str]) -> AlertDay:
    starts_at = instant_of(form.get("first_day", ""), form.get("first_time", ""), "はじまり")
    ends_at = instant_of(form.get("last_day", ""), form.get("last_time", ""), "おわり")
    if ends_at <= starts_at:
        raise BadInput("window", sentence="おわりは、はじまりより後にしてください。")
    try:
        kind = AlertKind(form.get("kind", ""))
    except ValueError as error:
        raise BadInput("kind", sentence="種類を選んでください。") from error
    facility_id = number_of(request.form, "facility", least=0, most=2**31 - 1, default=0)
    return alerts.declare(
        here.session,
        actor=here.actor,
        kind=kind,
        facility_id=facility_id or None,
        window=Window(starts_at, ends_at),
        note=form.get("note", ""),
        now=here.now,
    )


def _page(here: Here, wanted: Mapping[str, str], *, error: BadInput | None = None) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    listed = alerts.of_municipality(here.session, municipality_id=here.municipality_id)
    lines = [_line(places, alert) for alert in listed]
    return render_template(
        "manage/refunds/alerts.html",
        standing=[line for line in lines if line.is_standing(here.now)],
        past=[line for line in lines if not line.is_standing(here.now)],
        facilities=places.facilities(civil_day(here.now)),
        kinds=alerts.WORDS,
        wanted={name: wanted.get(name, "") for name in FIELDS},
        starts=half_hours(0, 1410),
        ends=half_hours(30, 1440),
        max_note=alerts.MAX_NOTE,
        error=error,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _line(places: Catalogue, alert: AlertDay) -> AlertLine:
    on = civil_day(alert.starts_at)
    everywhere = alert.facility_id is None
    return AlertLine(
        id=alert.id,
        title=alerts.WORDS[AlertKind(alert.kind)],
        place="すべての施設" if everywhere else places.facility_name(alert.facility_id or 0, on=on),
        when=window_in_words(alert.starts_at, alert.ends_at),
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        note=alert.note,
        declared_at=alert.declared_at,
        withdrawn_at=alert.withdrawn_at,
    )
