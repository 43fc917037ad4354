"""Managers: all locks at a glance, as a picture, a list and a file."""

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading
from booking.app.parsing import number_of
from booking.fleet import fleet_picture
from booking.fleet.alarm_words import words_of
from booking.fleet.fleet_picture import picture_of
from booking.fleet.fleet_table import as_csv
from booking.fleet.lock_words import STATES
from booking.places.access_points import facility_names, full_name
from booking.places.catalogue import catalogue
from core.clock import civil_day
from core.errors import BadInput
from locks import overview
from locks.alarms.kinds import URGENT
from locks.overview import Show, Wanted

pages = Blueprint("manage_fleet", __name__)

PAGE = 50
MAX_TEXT = 60
SHOWN = {
    Show.ALL: "すべて",
    Show.TROUBLED: "警報あり",
    Show.SILENT: "通信の遅れ・途絶",
    Show.BATTERY: "電池が少ない",
    Show.BEHIND: "反映待ち",
    Show.NEW: "設置の確認中",
}


@pages.get("/manage/locks")
@manager_only
def show_fleet() -> ResponseReturnValue:
    """Every lock that is not dead, those in trouble first; `?show=`, `?q=`, `?page=`."""
    with reading() as here:
        facility_of = _facilities(here)
        wanted = _wanted(facility_of)
        seen = overview.overview(here.session, municipality_id=here.municipality_id, now=here.now)
        found = overview.count(
            here.session, municipality_id=here.municipality_id, wanted=wanted, now=here.now
        )
        last = max(1, -(-found // PAGE))
        page = min(number_of(request.args, "page", least=1, most=100_000, default=1), last)
        lines = overview.lines(
            here.session,
            municipality_id=here.municipality_id,
            wanted=wanted,
            offset=(page - 1) * PAGE,
            limit=PAGE,
            now=here.now,
        )
    return render_template(
        "manage/locks/fleet.html",
        seen=seen,
        picture=picture_of(seen),
        draw=fleet_picture,
        lines=lines,
        found=found,
        page=page,
        last=last,
        show=wanted.show,
        shown=SHOWN,
        text=wanted.text,
        states=STATES,
        words_of=words_of,
        urgent=URGENT,
        name_of=lambda line: full_name(line.access_point_id, line.access_point_name, facility_of),
        now=here.now,
    )


@pages.get("/manage/locks.csv")
@manager_only
def download_fleet() -> ResponseReturnValue:
    """The same locks, all pages, as a file for a spreadsheet."""
    with reading() as here:
        facility_of = _facilities(here)
        lines = overview.lines(
            here.session, municipality_id=here.municipality_id, wanted=_wanted(facility_of), now=here.now
        )
    return Response(
        as_csv(lines, facility_of),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="locks-{civil_day(here.now)}.csv"'},
    )


def _facilities(here: Here) -> dict[int, str]:
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    return facility_names(places, civil_day(here.now))


def _wanted(facility_of: dict[int, str]) -> Wanted:
    text = request.args.get("q", "").strip()
    if len(text) > MAX_TEXT:
        raise BadInput("q", sentence=f"検索の言葉は{MAX_TEXT}文字以内で入れてください。")
    try:
        show = Show(request.args.get("show", Show.ALL))
    except ValueError as error:
        raise BadInput("show") from error
    also_at = [point for point, name in facility_of.items() if text and text in name]
    return Wanted(show, text, also_at)
