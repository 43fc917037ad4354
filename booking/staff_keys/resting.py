"""Whether a door may rest: whoever has asked for, holds or has paid for a time there comes first."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.models import OfferingAccessPoint
from booking.reservations.models import Reservation
from booking.reservations.states import OPEN
from locks.modes.orders import StillSold


def require_nobody_booked(session: Session, *, access_point_id: int, until: datetime, now: datetime) -> None:
    """Refuse where a live reservation opens the door before `until`; `locks` knows only of those paid for.

    Raises:
        StillSold: there is one.
    """
    found = sa.exists().where(
        OfferingAccessPoint.access_point_id == access_point_id,
        Reservation.offering_id == OfferingAccessPoint.offering_id,
        Reservation.state.in_(OPEN),
        Reservation.starts_at <= until,
        Reservation.ends_at > now,
    )
    if session.scalar(sa.select(found)):
        raise StillSold
