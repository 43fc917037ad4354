"""Managers: the fee tables in force and to come, changes of them, and what a booking would cost."""

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of
from booking.fees import changes, table_forms, table_view
from booking.fees.lines import LABELS
from booking.fees.quote import Quote, quote
from booking.fees.table_forms import Trial
from booking.places.catalogue import Catalogue, catalogue
from booking.places.closure_form import half_hours
from booking.reservations.rules import run_length
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused

pages = Blueprint("fee_tables", __name__)

_DONE = {
    "added": "料金表に加えました。指定の日の利用分から変わります。すでにある予約は変わりません。",
    "ended": "項目を料金表から外します。すでにある予約は変わりません。",
}
_NO_BAND = "この時間は、利用区分に合いません。区分の始まりと終わりを選んでください。"


@pages.get("/manage/money/fees")
@manager_only
def show_tables() -> ResponseReturnValue:
    """The tables as of a day (`?day=`); with `?offering=` also what a booking would cost."""
    with reading() as here:
        return _page(here)


@pages.post("/manage/money/fees/rates")
@manager_only
def add_rate() -> ResponseReturnValue:
    """A rate from a day on."""

    def change(here: Here) -> None:
        wanted = table_forms.rate_of(request.form, now=here.now)
        changes.add_rate(here.session, actor=here.actor, wanted=wanted, now=here.now)

    return _changed(change, "added")


@pages.post("/manage/money/fees/rates/end")
@manager_only
def end_item() -> ResponseReturnValue:
    """Charge an item no more from a day on."""

    def change(here: Here) -> None:
        kind, size, item = table_forms.item_of(request.form)
        day = table_forms.valid_from_of(request.form, now=here.now)
        changes.end_item(
            here.session, actor=here.actor, space_kind=kind, size=size, item=item, day=day, now=here.now
        )

    return _changed(change, "ended")


@pages.post("/manage/money/fees/factors")
@manager_only
def set_factor() -> ResponseReturnValue:
    """A factor from a day on."""

    def change(here: Here) -> None:
        kind, item, percent = table_forms.factor_of(request.form)
        changes.set_factor(
            here.session,
            actor=here.actor,
            kind=kind,
            item=item,
            percent=percent,
            valid_from=table_forms.valid_from_of(request.form, now=here.now),
            now=here.now,
        )

    return _changed(change, "added")


@pages.post("/manage/money/fees/relief")
@manager_only
def set_relief() -> ResponseReturnValue:
    """Relief by class from a day on."""

    def change(here: Here) -> None:
        category, item, percent = table_forms.relief_of(request.form, table_view.CATEGORIES)
        changes.set_relief(
            here.session,
            actor=here.actor,
            category=category,
            item=item,
            percent=percent,
            valid_from=table_forms.valid_from_of(request.form, now=here.now),
            now=here.now,
        )

    return _changed(change, "added")


@pages.post("/manage/money/fees/terms")
@manager_only
def set_terms() -> ResponseReturnValue:
    """Rounding and tax from a day on."""

    def change(here: Here) -> None:
        wanted = table_forms.terms_of(request.form)
        day = table_forms.valid_from_of(request.form, now=here.now)
        changes.set_terms(here.session, actor=here.actor, terms=wanted, valid_from=day, now=here.now)

    return _changed(change, "added")


def _changed(change: Callable[[Here], None], done: str) -> ResponseReturnValue:
    """Change in one transaction; refused: the page again with the reason and the input kept."""
    try:
        with writing() as here:
            change(here)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error=error), status_of(error)
    return redirect(f"/manage/money/fees?done={done}", code=303)


def _page(here: Here, *, error: Refused | None = None) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.actor.catalogue_version)
    today = civil_day(here.now)
    asked, price, why_not = request.args, None, error
    day = day_of(asked["day"], now=here.now) if asked.get("day") else today
    if asked.get("offering") and error is None:
        try:
            price = _tried(places, Trial.parse(asked, table_view.CATEGORIES, now=here.now))
        except BadInput as refusal:
            why_not = refusal
    return render_template(
        "manage/fees/tables.html",
        tables=table_view.tables_on(places, day),
        endings=table_view.endings_on(places, today),
        facilities=places.facilities(today),
        choices=table_view,
        items=LABELS,
        times=half_hours(0, 1440),
        day=day,
        today=today,
        price=price,
        sent=request.form if error else {},
        asked=asked,
        error=why_not,
        done=None if why_not else _DONE.get(asked.get("done", "")),
        now=here.now,
    )


def _tried(places: Catalogue, trial: Trial) -> Quote:
    """What it would cost.

    Raises:
        BadInput: no bands make up the window.
        NotThere: no such offering.
    """
    bands = places.bands_from(trial.offering_id, civil_day(trial.window.starts_at))
    if not run_length(bands, trial.window):
        raise BadInput("hours", sentence=_NO_BAND)
    return quote(places, offering_id=trial.offering_id, window=trial.window, payer=trial.payer)
