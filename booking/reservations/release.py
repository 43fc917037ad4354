"""Give courts and rights back: the one way out of a live state."""

from datetime import datetime

from sqlalchemy.orm import Session

from booking.fees.lines import frozen_lines, relief_yen_of
from booking.reservations import claims
from booking.reservations.models import Reservation, State
from booking.reservations.states import move
from locks import grants
from payments import relief


def release(
    session: Session, reservation: Reservation, to: State, *, now: datetime, reason: str | None = None
) -> None:
    """End a reservation whose row is locked: its claims are free, its codes dead at the locks' next contact.

    Money and mail are the caller's, who knows why.

    Raises:
        IllegalMove: its state does not lead there.
    """
    had_rights = reservation.state == State.CONFIRMED
    move(reservation, to, now=now, due_at=None, reason=reason)
    claims.free(session, reservation)
    if had_rights:
        grants.withdraw(session, holder=reservation.id, now=now)
        if relief_yen_of(frozen_lines(reservation.fee_lines)):
            relief.undo_relief(
                session, municipality_id=reservation.municipality_id, reference=reservation.id, now=now
            )
    session.flush()
