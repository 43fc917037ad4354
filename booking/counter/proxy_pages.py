"""/manage/money/counter/book: staff hold a reservation for a group, then take its money."""

from datetime import date

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import Sent, day_of, id_of, number_of, window_of
from booking.availability.month import of_month
from booking.availability.status import BandLine, BandStatus
from booking.counter import proxy
from booking.counter.group_terms import groups
from booking.places.catalogue import catalogue
from booking.reservations.models import Channel
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused
from core.ids import new_token
from payments.states import Method

pages = Blueprint("proxy", __name__)

PAGE = "/manage/money/counter/book"
_LAST_ID = 2**31 - 1
_CHANNELS = {Channel.COUNTER.value: Channel.COUNTER, Channel.PHONE.value: Channel.PHONE}


@pages.get(PAGE)
@manager_only
def show_form() -> ResponseReturnValue:
    """Choose a place and a day, `?offering=&day=`; then a free band and a group."""
    return _page(None)


@pages.post(PAGE)
@manager_only
def hold_for() -> ResponseReturnValue:
    """Hold it and go on to its money."""
    try:
        with writing() as here:
            channel = _CHANNELS.get(request.form.get("channel", ""))
            if channel is None:
                raise BadInput("channel", sentence="受付の方法を選んでください。")
            key = request.form.get("request_key", "")
            if not 16 <= len(key) <= 64:
                raise BadInput("request_key")
            made = proxy.hold_for(
                here.session,
                actor=here.actor,
                group_id=id_of(request.form, "group_id"),
                offering_id=number_of(request.form, "offering", least=1, most=_LAST_ID),
                window=window_of(_band()),
                channel=channel,
                pays_by=Method.INVOICE if request.form.get("pays_by") == Method.INVOICE else Method.STRIPE,
                request_key=key,
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _page(error)
    return redirect(f"/manage/money/counter/reservations/{made.id}", code=303)


def _band() -> Sent:
    """The chosen band, `<first granule>-<granules>`, as the booking page names them."""
    start, _, length = request.form.get("band", "").partition("-")
    if not start:
        raise BadInput("band", sentence="時間帯を選んでください。")
    return Sent({"start": start, "length": length})


def _page(error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        offering_id, day = None, civil_day(here.now)
        try:
            day = day_of(request.values.get("day") or day.isoformat(), now=here.now)
            if request.values.get("offering"):
                offering_id = number_of(request.values, "offering", least=1, most=_LAST_ID)
        except BadInput as refused:
            error = error or refused
        page = render_template(
            "manage/counter/book.html",
            facilities=places.facilities(day),
            offering=places.offering(offering_id) if offering_id is not None else None,
            day=day,
            bands=_free(here, offering_id, day) if offering_id is not None else [],
            groups=groups(here.session, municipality_id=here.municipality_id),
            request_key=request.form.get("request_key") or new_token(),
            sent=request.form,
            error=error,
        )
    return (page, status_of(error)) if error else page


def _free(here: Here, offering_id: int, day: date) -> list[BandLine]:
    month = of_month(
        here.session,
        municipality_id=here.municipality_id,
        offering_id=offering_id,
        first=day,
        days=1,
        now=here.now,
    )
    return [band for band in month.days[0].bands if band.status is BandStatus.FREE]
