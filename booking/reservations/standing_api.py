"""Where the codes of a reservation stand, as JSON: per access point, and never a digit (docs/api.md)."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from booking.app.guards import reading, signed_in
from booking.places.catalogue import catalogue
from booking.reservations.code_pages import reveal_window
from booking.reservations.pages import own
from booking.reservations.words import STANDINGS
from locks.standing import DoorStanding, standings_by_access_point, worst

pages = Blueprint("standing_api", __name__)


@pages.get("/api/v1/reservations/<uuid:reservation_id>/codes-standing")
@signed_in
def codes_standing(reservation_id: UUID) -> ResponseReturnValue:
    """One line for each access point that the reservation opens, or opened until it was taken back."""
    with reading() as here:
        line = own(here, reservation_id)
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        doors = standings_by_access_point(here.session, holder=line.id, now=here.now)
        now = here.now
    shown_from, shown_until = reveal_window(line, places.rules)
    answer = jsonify(
        reservation=str(line.id),
        state=str(line.state),
        as_of=_iso(now),
        standing=str(worst(door.standing for door in doors)) if doors else None,
        digits_shown_from=_iso(shown_from),
        digits_shown_until=_iso(shown_until),
        access_points=[_as_json(door, now) for door in doors],
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _as_json(door: DoorStanding, now: datetime) -> dict[str, object]:
    heard = door.last_contact_at
    return {
        "id": door.access_point_id,
        "name": door.access_point_name,
        "kind": str(door.kind),
        "standing": str(door.standing),
        "sentence": STANDINGS[door.standing][0],
        "opens_from": _iso(door.opens_from),
        "opens_until": _iso(door.opens_until),
        "last_contact_at": None if heard is None else _iso(heard),
        "last_contact_s_ago": None if heard is None else max(0, int((now - heard).total_seconds())),
    }


def _iso(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
