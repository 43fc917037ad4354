"""Choose a window, see what it costs and under which terms, and take it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, public, reading, signed_in, writing
from booking.app.http_errors import status_of, wants_json
from booking.app.parsing import Sent, id_of, window_of
from booking.availability.month import of_month
from booking.availability.status import BandLine, BandStatus
from booking.fees.payer import Payer
from booking.fees.quote import Quote, quote
from booking.fees.relief import relief_of
from booking.people.signed_in import GroupOfActor
from booking.places.catalogue import Catalogue, catalogue
from booking.refunding.policy import as_sold, stages_of
from booking.reservations import hold as holding
from booking.reservations.refusals import (
    Ended,
    Misaligned,
    NotOffered,
    NotSellableNow,
    SlotClosed,
    SlotTaken,
    TooFarAhead,
    TooLong,
)
from booking.reservations.rules import require_offered
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused, SignInNeeded
from core.ids import new_token
from core.window import Window
from locks.reliance import reliance
from payments.states import Method

pages = Blueprint("book", __name__)

_GONE = (SlotTaken, SlotClosed, Ended, TooFarAhead, NotOffered, TooLong, Misaligned, NotSellableNow)
"""Refusals after which only another slot helps."""


@dataclass(frozen=True, slots=True)
class HoldForm:
    """What the confirm screen sends: the window, the group, and the key that makes a double tap one."""

    window: Window
    group_id: UUID
    request_key: str
    pays_by: Method = Method.STRIPE

    @classmethod
    def parse(cls, sent: Sent) -> "HoldForm":
        """Read it strictly; amounts and owners are not in it.

        Raises:
            BadInput: something is missing or unreadable.
        """
        key = sent.get("request_key", "")
        if not 16 <= len(key) <= 64:
            raise BadInput("request_key")
        # The one way that is chosen before the hold; card, cash and slip are chosen while it is held.
        pays_by = Method.INVOICE if sent.get("pays_by") == Method.INVOICE else Method.STRIPE
        return cls(window_of(sent), id_of(sent, "group_id"), key, pays_by)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group that could book, and what it would pay."""

    group: GroupOfActor
    is_approved: bool
    price: Quote


@pages.get("/offerings/<int:offering_id>/book")
@public
def confirm_screen(offering_id: int) -> ResponseReturnValue:
    """The window, its price and its terms; signed in with a group, also the button."""
    return _screen(offering_id, window_of(request.args), None)


@pages.post("/offerings/<int:offering_id>/holds")
@signed_in
def take(offering_id: int) -> ResponseReturnValue:
    """Hold the window and go on to its page; refused: the same screen with the reason and the input kept."""
    try:
        with writing() as here:
            wanted = HoldForm.parse(request.form)
            places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
            made = holding.hold(
                here.session,
                actor=here.actor,
                group_id=wanted.group_id,
                offering_id=offering_id,
                window=wanted.window,
                request_key=wanted.request_key,
                pays_by=wanted.pays_by,
                now=here.now,
            )
    except (NotThere, SignInNeeded):
        raise
    except Refused as error:
        if wants_json():
            return jsonify(code=error.code, message=error.sentence), status_of(error)
        if isinstance(error, SlotTaken | SlotClosed):
            # When hundreds want one slot at once, all but one come here: nothing more is asked for them.
            return _gone(places, offering_id, wanted.window, error), status_of(error)
        return _screen(offering_id, window_of(request.form), error)
    return redirect(f"/reservations/{made.id}", code=303)


def _screen(offering_id: int, window: Window, error: Refused | None) -> ResponseReturnValue:
    """The confirm screen; where the slot is gone already, the short one."""
    with reading() as here:
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        choices = _choices(here, places, offering_id, window)
    refusal = choices.pop("refusal")
    error = error or refusal
    if isinstance(error, _GONE):
        page = _gone(places, offering_id, window, error)
    else:
        page = _rendered("book", places, offering_id, window, error, **choices)
    return (page, status_of(error)) if error and request.method == "POST" else page


def _gone(places: Catalogue, offering_id: int, window: Window, error: Refused) -> str:
    """The short screen: why it cannot be had, and where to look next."""
    return _rendered("gone", places, offering_id, window, error)


def _rendered(
    name: str, places: Catalogue, offering_id: int, window: Window, error: Refused | None, **more: Any
) -> str:
    day = civil_day(window.starts_at)
    offering = places.offering(offering_id)
    return render_template(
        f"reservations/{name}.html",
        offering=offering,
        facility=places.facility(offering.facility_id, on=day),
        window=window,
        day=day,
        error=error,
        is_answer=request.method == "POST",
        **more,
    )


def _choices(here: Here, places: Catalogue, offering_id: int, window: Window) -> dict[str, Any]:
    """What the confirm screen shows of a slot that may still be had."""
    month = of_month(
        here.session,
        municipality_id=here.municipality_id,
        offering_id=offering_id,
        first=civil_day(window.starts_at),
        days=2,
        now=here.now,
        version=places.version,
    )
    # The next day's too: around the clock, a window may run over midnight.
    bands = month.days[0].bands + month.days[1].bands
    return {
        "refusal": _refusal(here, places, offering_id, window, bands),
        "start": window.granules.start,
        "length": len(window.granules),
        "sent": request.form,
        "lengths": _lengths(bands, window, places.rules.max_bands),
        "candidates": _candidates(here, places, offering_id, window),
        "guide_price": quote(places, offering_id=offering_id, window=window, payer=Payer("general")),
        "sold": as_sold(places, places.offering(offering_id), window, now=here.now),
        "stages_of": stages_of,
        "rules": places.rules,
        "office": places.office_contact,
        "now": here.now,
        "request_key": request.form.get("request_key") or new_token(),
    }


def _refusal(
    here: Here, places: Catalogue, offering_id: int, window: Window, bands: tuple[BandLine, ...]
) -> Refused | None:
    """Why the window could not be taken if somebody tried now; the trying itself decides again."""
    try:
        require_offered(places, offering_id, window, now=here.now)
    except NotThere:
        raise
    except Refused as error:
        return error
    inside = [band for band in bands if _within(band.window, window)]
    statuses = {band.status for band in inside}
    if BandStatus.CLOSED in statuses:
        return SlotClosed()
    if BandStatus.TAKEN in statuses:
        return SlotTaken()
    # Two bands that are listed apart need not be listed as one: the rule is asked about the whole window.
    offering = places.offering(offering_id)
    first, length = window.granules.start, len(window.granules)
    locks = reliance(
        here.session,
        access_point_ids=offering.access_points,
        first=first,
        last=first + length,
        now=here.now,
    )
    why = locks.why_not(offering.access_points, offering.courts, first, length)
    return NotSellableNow(why) if why is not None else None


def _candidates(here: Here, places: Catalogue, offering_id: int, window: Window) -> list[Candidate]:
    if here.visitor is None:
        return []
    day = civil_day(window.starts_at)
    return [
        Candidate(
            group,
            group.is_approved_on(day),
            quote(
                places,
                offering_id=offering_id,
                window=window,
                payer=group.payer,
                relief=relief_of(here.session, group, day),
            ),
        )
        for group in here.visitor.groups
    ]


def _lengths(bands: tuple[BandLine, ...], window: Window, most: int) -> list[Window]:
    """Windows of one band or more from the same start that are all free; only where there is a choice."""
    edge = window.starts_at
    found: list[Window] = []
    for band in bands:
        if band.window.starts_at == edge and band.status is BandStatus.FREE and len(found) < most:
            edge = band.window.ends_at
            found.append(Window(window.starts_at, edge))
    return found if len(found) > 1 else []


def _within(part: Window, whole: Window) -> bool:
    return part.starts_at < whole.ends_at and whole.starts_at < part.ends_at
