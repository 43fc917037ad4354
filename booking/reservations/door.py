"""What the locks ask and tell us: the upward callbacks of `locks`, inside its transactions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.places.catalogue import catalogue
from booking.places.models import Municipality, Offering, OfferingAccessPoint
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.queries import locked
from booking.reservations.rules import runs
from booking.reservations.states import move
from core.clock import civil_day
from core.window import granule_start

EARLY = timedelta(seconds=600)
LATE = timedelta(seconds=900)
"""How much before and after its window a code opens (lock protocol 2)."""


def sellable_windows(
    session: Session,
    *,
    access_point_id: int,
    first: int,
    last: int,
    now: datetime,  # noqa: ARG001 - every step takes it
) -> list[tuple[int, int, frozenset[int]]]:
    """Every (granule, length, courts of one offering) in `[first, last)` that may be sold, ascending.

    What is offered and not closed, sold now or free: it may be sold again once cancelled. Three statements.
    """
    municipality_id = _municipality_of(session, access_point_id)
    if municipality_id is None or last <= first:
        return []
    places = catalogue(session, municipality_id)
    offerings = list(places.offerings_opening(access_point_id))
    closed = _closed(session, municipality_id, {c for o in offerings for c in o.courts}, first, last + 48)
    day, end = civil_day(granule_start(first)), civil_day(granule_start(last - 1))
    found = []
    while day <= end:
        for offering in offerings:
            for window in runs(places.bands_from(offering.id, day), places.rules.max_bands):
                if civil_day(window.starts_at) != day:
                    continue
                granules = window.granules
                is_closed = bool(closed) and any(
                    (court, g) in closed for court in offering.courts for g in granules
                )
                if first <= granules.start < last and not is_closed:
                    found.append((granules.start, len(granules), frozenset(offering.courts)))
        day += timedelta(days=1)
    return sorted(found, key=lambda entry: (entry[0], entry[1], sorted(entry[2])))


def access_opened(session: Session, *, holder: UUID, at: datetime, offline: bool, now: datetime) -> None:
    """A door was opened with a reservation's code: in its window this is what makes it used.

    Anything else (a cancelled one, another window) changes nothing here; the lock's event stays on record.
    """
    del offline  # An opening counts the same; the event itself keeps the flag.
    reservation = locked(session, holder)
    if reservation is None:
        return
    if not reservation.starts_at - EARLY <= at <= reservation.ends_at + LATE:
        return
    if reservation.state in (State.CONFIRMED, State.NO_SHOW):
        move(reservation, State.USED, now=now, due_at=None)
        reservation.first_opened_at = at
    elif reservation.state == State.USED and (
        reservation.first_opened_at is None or at < reservation.first_opened_at
    ):
        # Events of two locks arrive in any order.
        reservation.first_opened_at = at
    session.flush()


def lock_state_changed(session: Session, *, lock_id: str, access_point_id: int, now: datetime) -> None:
    """A lock reported; pages read its state where they show it, so that nothing is kept here."""
    del session, lock_id, access_point_id, now


def codes_changed(session: Session, *, holders: Sequence[UUID], now: datetime) -> None:
    """Tell those by mail who may have seen a code that is another one now."""
    rows = session.execute(
        sa.select(Reservation, Municipality.reveal_before_start_s)
        .join(Municipality, Municipality.id == Reservation.municipality_id)
        .where(
            Reservation.id.in_(holders),
            Reservation.state.in_((State.CONFIRMED, State.USED)),
            Reservation.ends_at > now,
        )
        .order_by(Reservation.id)
    )
    for reservation, reveal_s in rows:
        if reservation.starts_at - timedelta(seconds=reveal_s) <= now:
            mail.tell(session, reservation, "codes_changed", cause=now.isoformat(), now=now)


def start_unreached(session: Session, *, holder: UUID, access_point_id: int, now: datetime) -> None:
    """A day before its start a lock does not know of this reservation: from now on giving it up costs
    nothing, and its maker is told what else there is. Once, however many locks it concerns.
    """
    del access_point_id  # One door that may stay shut is as bad as two.
    reservation = locked(session, holder)
    if (
        reservation is None
        or reservation.state != State.CONFIRMED
        or reservation.door_unreached_at is not None
    ):
        return
    reservation.door_unreached_at = now
    mail.tell(session, reservation, "door_unreached", now=now)
    session.flush()


def _municipality_of(session: Session, access_point_id: int) -> int | None:
    return session.scalar(
        sa.select(Offering.municipality_id)
        .join(OfferingAccessPoint, OfferingAccessPoint.offering_id == Offering.id)
        .where(OfferingAccessPoint.access_point_id == access_point_id)
        .limit(1)
    )


def _closed(
    session: Session, municipality_id: int, courts: set[int], first: int, last: int
) -> set[tuple[int, int]]:
    rows = session.execute(
        sa.select(Claim.court_id, Claim.granule).where(
            Claim.municipality_id == municipality_id,
            Claim.court_id.in_(courts),
            Claim.granule >= first,
            Claim.granule < last,
            Claim.closure_id.is_not(None),
        )
    )
    return {(court, granule) for court, granule in rows}
