"""Asking the locks again about what was reserved earlier."""

from datetime import datetime

from sqlalchemy.orm import Session

from booking.places.catalogue import catalogue
from booking.reservations.models import Reservation
from booking.reservations.refusals import NotSellableNow
from core.window import Window
from locks import grants
from locks.errors import NotSellable


def require_sellable(session: Session, reservation: Reservation, *, now: datetime) -> None:
    """Refuse to go on with a reservation whose code some lock could not know in time.

    Raises:
        NotSellableNow: a lock concerned could not be relied on to open for it.

    Source: lock-protocol.md 6.
    """
    offering = catalogue(session, reservation.municipality_id).offering(reservation.offering_id)
    window = Window(reservation.starts_at, reservation.ends_at)
    try:
        grants.require_sellable(
            session, access_point_ids=offering.access_points, courts=offering.courts, window=window, now=now
        )
    except NotSellable as error:
        raise NotSellableNow(error.why, str(error)) from error
