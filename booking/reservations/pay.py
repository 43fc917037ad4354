"""What a page needs before it starts a payment."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.people.signed_in import Actor
from booking.places.models import Municipality
from booking.reservations.models import Reservation, State
from booking.reservations.money import FUNDS_TOLD_WITHIN
from booking.reservations.queries import ReservationLine, locked_for
from booking.reservations.refusals import NotPayable
from booking.reservations.selling import require_sellable
from core.clock import civil_day, start_of_day
from payments import checkout
from payments.checkout import Ways

KONBINI_YEN = range(120, 300_001)
"""What Stripe takes at a till, in yen."""


def ways_of(session: Session, reservation: Reservation | ReservationLine, *, now: datetime) -> Ways:
    """How it may be paid: what pays later only where that ends a day before the start.

    A voucher lasts whole days of Tokyo; the card page stays open for half an hour, over midnight perhaps.

    Source: docs.stripe.com/payments/konbini, "Expiration".
    """
    town = session.scalars(sa.select(Municipality).join(Group).where(Group.id == reservation.group_id)).one()
    days = town.delayed_pays_within_s // 86400
    offered = [
        one for one in town.delayed_methods if one != "konbini" or reservation.amount_yen in KONBINI_YEN
    ]
    ends_at = start_of_day(civil_day(now + checkout.SESSION_LIVES_FOR) + timedelta(days=days + 1))
    starts_at = (
        reservation.window.starts_at if isinstance(reservation, ReservationLine) else reservation.starts_at
    )
    if not offered or days < 1 or ends_at + FUNDS_TOLD_WITHIN > starts_at - timedelta(days=1):
        return checkout.CARD_ONLY
    return Ways(("card", *offered), days)


def require_payable(
    session: Session, *, actor: Actor, reservation_id: UUID, now: datetime
) -> tuple[Reservation, datetime]:
    """The reservation, locked, and until when it may be paid; start the payment in this transaction.

    The lock orders this against the worker and a cancellation: once they have asked for Stripe's sessions to
    be closed, no new one begins.

    Raises:
        NotThere: not the actor's.
        NotPayable: paid, free, given up, or its hold is over.
        NotSellableNow: since it was held, a lock fell silent that would not know its code.
    """
    reservation = locked_for(session, actor=actor, reservation_id=reservation_id)
    until = reservation.pay_until
    if reservation.state != State.HELD or reservation.cancel_asked_at is not None:
        raise NotPayable(reservation.state)
    if until is None or until <= now:
        raise NotPayable("over")
    # An approved request may be paid for days: nobody pays for a door that stays shut.
    require_sellable(session, reservation, now=now)
    return reservation, until
