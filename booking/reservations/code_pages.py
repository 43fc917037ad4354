"""The code that opens the door: shown to its group, in its time, with what the lock has said about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

from flask import Blueprint, current_app, make_response, render_template, send_from_directory
from flask.typing import ResponseReturnValue

from booking.app.guards import public, reading, signed_in
from booking.places.catalogue import catalogue
from booking.places.entries import Rules
from booking.reservations.models import State
from booking.reservations.pages import own
from booking.reservations.queries import ReservationLine
from locks import standing
from locks.standing import ShownCode

pages = Blueprint("codes", __name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """One code and all that it opens in one stretch of time; several doors of a gym share their digits."""

    code: str
    opens_from: datetime
    opens_until: datetime
    doors: tuple[ShownCode, ...]

    def __repr__(self) -> str:
        return f"Doors({self.opens_from}, {len(self.doors)} doors)"


@pages.get("/reservations/<uuid:reservation_id>/code")
@signed_in
def show_code(reservation_id: UUID) -> ResponseReturnValue:
    """The digits within the time in which they are shown; before and after it, when that is."""
    with reading() as here:
        # The digits are the group's alone: a manager, who may see the reservation, has no page with them.
        line = own(here, reservation_id)
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        shown_from, shown_until = reveal_window(line, places.rules)
        is_shown = line.state in (State.CONFIRMED, State.USED) and shown_from <= here.now < shown_until
        codes = (
            standing.codes_of(here.session, here.services.keyring, holder=line.id, now=here.now)
            if is_shown
            else []
        )
    page = render_template(
        "reservations/code.html",
        line=line,
        is_shown=is_shown,
        shown_from=shown_from,
        shown_until=shown_until,
        groups=_by_digits(codes),
        kinds=sorted({code.kind for code in codes}),
        office=places.office_contact,
        now=here.now,
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    if is_shown:
        # The service worker keeps the page up to this instant, and no page without it.
        answer.headers["X-Keep-Until"] = format_datetime(shown_until, usegmt=True)
    return answer


@pages.get("/sw.js")
@public
def service_worker() -> ResponseReturnValue:
    """Served from the root, so that it may watch over the code pages."""
    answer = send_from_directory(current_app.static_folder or "", "sw.js")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def reveal_window(line: ReservationLine, rules: Rules) -> tuple[datetime, datetime]:
    """From when to when the digits of a confirmed reservation are shown; design.md 4."""
    begin = line.window.starts_at - timedelta(seconds=rules.reveal_before_start_s)
    if line.state is State.CONFIRMED:
        begin = max(begin, line.state_changed_at)
    return begin, line.window.ends_at + timedelta(seconds=rules.reveal_after_end_s)


def _by_digits(codes: Sequence[ShownCode]) -> list[Doors]:
    found: dict[tuple[datetime, str], list[ShownCode]] = {}
    for code in codes:
        found.setdefault((code.opens_from, code.code), []).append(code)
    return [
        Doors(digits, opens_from, doors[0].opens_until, tuple(doors))
        for (opens_from, digits), doors in found.items()
    ]
