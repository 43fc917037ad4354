"""What a page needs before it starts a payment."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.people.signed_in import Actor
from booking.reservations.models import Reservation, State
from booking.reservations.queries import locked_for
from booking.reservations.refusals import NotPayable
from booking.reservations.selling import require_sellable


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
