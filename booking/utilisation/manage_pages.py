"""Managers: how much of what was open was used, as a picture, a table and a file."""

from datetime import date, timedelta

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading
from booking.app.parsing import month_of
from booking.places.models import SpaceKind
from booking.utilisation import picture
from booking.utilisation.month import Heatmap, heatmap
from booking.utilisation.picture import View, percent, picture_of
from booking.utilisation.table import as_csv
from core.errors import BadInput

pages = Blueprint("manage_utilisation", __name__)

KINDS = {"": "すべての室場", "gym": "体育館", "martial_arts_room": "武道場", "ground": "グラウンド"}


@pages.get("/manage/utilisation")
@manager_only
def show_utilisation() -> ResponseReturnValue:
    """A month (`?month=YYYY-MM`), of one kind of space (`?kind=`), used or booked (`?view=`)."""
    view = _view()
    with reading() as here:
        found = _month(here)
    first = found.first
    return render_template(
        "manage/utilisation.html",
        picture=picture_of(found, view),
        draw=picture,
        view=view,
        kind=request.args.get("kind", ""),
        kinds=KINDS,
        month=_text(first),
        before=_text(first - timedelta(days=1)),
        after=_text(first + timedelta(days=31)),
        percent=percent,
    )


@pages.get("/manage/utilisation.csv")
@manager_only
def download_utilisation() -> ResponseReturnValue:
    """The same month as a file for a spreadsheet."""
    with reading() as here:
        found = _month(here)
    name = f"utilisation-{_text(found.first)}.csv"
    return Response(
        as_csv(found),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _month(here: Here) -> Heatmap:
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        raise BadInput("kind")
    return heatmap(
        here.session,
        municipality_id=here.municipality_id,
        first=month_of(request.args.get("month"), now=here.now),
        now=here.now,
        space_kinds=frozenset({SpaceKind(kind)}) if kind else None,
    )


def _view() -> View:
    try:
        return View(request.args.get("view", View.USED))
    except ValueError as error:
        raise BadInput("view") from error


def _text(day: date) -> str:
    return f"{day:%Y-%m}"
