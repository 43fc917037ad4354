"""One offering over a month, and the same over many courts for programs."""

from datetime import date, timedelta

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import public, reading
from booking.app.parsing import day_of, month_of, number_of, numbers_of
from booking.availability.grid import grid
from booking.availability.month import DayLine, of_month
from booking.places.catalogue import Catalogue, catalogue
from core.clock import civil_day
from core.errors import BadInput, NotThere

pages = Blueprint("availability", __name__)

_MOST_COURTS = 500
_MOST_DAYS = 62


@pages.get("/offerings/<int:offering_id>")
@public
def month(offering_id: int) -> ResponseReturnValue:
    """A month of one offering, as a calendar and as a list of its free bands."""
    with reading() as here:
        today = civil_day(here.now)
        first = month_of(request.args.get("month"), now=here.now)
        after = _next_month(first)
        found = of_month(
            here.session,
            municipality_id=here.municipality_id,
            offering_id=offering_id,
            first=first,
            days=(after - first).days,
            now=here.now,
            version=here.catalogue_version,
        )
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    last_sold = today + timedelta(days=places.rules.sells_ahead_for_days)
    return render_template(
        "availability/month.html",
        found=found,
        weeks=_weeks(found.days),
        first=first,
        before=(first - timedelta(days=1)).replace(day=1) if first > today else None,
        after=after if after <= last_sold else None,
        today=today,
        office=places.office_contact,
    )


@pages.get("/api/v1/availability")
@public
def masks() -> ResponseReturnValue:
    """Bit masks per court and day; bit i: the half hour from i × 30 minutes after midnight in Asia/Tokyo."""
    with reading() as here:
        asked = request.args.get("first", "")
        first = day_of(asked, now=here.now) if asked else civil_day(here.now)
        days = number_of(request.args, "days", least=1, most=_MOST_DAYS, default=31)
        wanted = numbers_of(request.args, "courts", at_most=_MOST_COURTS)
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        known = _courts(places)
        if not set(wanted) <= known:
            raise NotThere("court")
        if not wanted and len(known) > _MOST_COURTS:
            raise BadInput("courts", sentence="面を courts で指定してください。")
        found = grid(
            here.session,
            municipality_id=here.municipality_id,
            court_ids=wanted or known,
            first_day=first,
            days=days,
        )
    return jsonify(
        first=first.isoformat(),
        days=days,
        taken={str(court): row for court, row in found.taken.items()},
        closed={str(court): row for court, row in found.closed.items()},
    )


def _courts(places: Catalogue) -> set[int]:
    return {
        court.id
        for entry in places.facility_entries.values()
        for space in entry.spaces
        for court in space.courts
    }


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _weeks(days: tuple[DayLine, ...]) -> list[list[DayLine | None]]:
    """Rows of seven from Sunday to Saturday; None before the first and after the last day."""
    blank = days[0].day.isoweekday() % 7
    cells: list[DayLine | None] = [None] * blank + list(days)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]
