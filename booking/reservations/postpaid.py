"""後納: a reservation that is confirmed now and paid with its month's invoice."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.places.catalogue import catalogue
from booking.reservations.models import Reservation
from core.clock import TOKYO, civil_day
from payments import invoices


def is_allowed(session: Session, reservation: Reservation) -> bool:
    """Whether its group may pay by invoice as of now."""
    return bool(session.scalar(sa.select(Group.is_postpaid).where(Group.id == reservation.group_id)))


def charge(session: Session, reservation: Reservation, *, now: datetime) -> None:
    """Put it on the invoice of the month of use; nothing where it is free."""
    places = catalogue(session, reservation.municipality_id)
    offering = places.offering(reservation.offering_id)
    day = civil_day(reservation.starts_at)
    place = f"{places.facility_name(offering.facility_id, on=day)} {offering.space_name} {offering.name}"
    begin = reservation.starts_at.astimezone(TOKYO)
    invoices.charge(
        session,
        municipality_id=reservation.municipality_id,
        payer=reservation.group_id,
        reference=reservation.id,
        label=f"{day.month}月{day.day}日 {begin:%H:%M} {place}",
        amount_yen=reservation.amount_yen,
        used_on=day,
        now=now,
    )
