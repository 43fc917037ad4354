"""Give a reservation up: the quote first, then the same rule applied."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.signed_in import Actor
from booking.reservations.models import Reservation, State
from booking.reservations.queries import ReservationLine, locked_for
from booking.reservations.refusals import IllegalMove, TooLateToCancel
from booking.reservations.release import release
from payments import checkout, refunds

ASK_AGAIN_AFTER = timedelta(seconds=60)
"""How soon the worker looks again at a hold whose payment Stripe has not closed yet."""


@dataclass(frozen=True, slots=True)
class CancelQuote:
    """What giving up now brings back."""

    refund_yen: int
    is_free: bool
    """Whether nothing is lost by it."""


def quote_cancel(reservation: Reservation | ReservationLine, *, now: datetime) -> CancelQuote:
    """What cancelling now would refund, by the policy as sold. Pure."""
    if reservation.state != State.CONFIRMED or not reservation.amount_yen:
        return CancelQuote(refund_yen=0, is_free=True)
    if now <= _free_until(reservation):
        return CancelQuote(refund_yen=reservation.amount_yen, is_free=True)
    return CancelQuote(refund_yen=0, is_free=False)


def cancel(
    session: Session, *, actor: Actor, reservation_id: UUID, now: datetime, reason: str | None = None
) -> Reservation:
    """Give up a requested, held or confirmed reservation.

    A held one with a payment under way stays held, `cancel_asked_at` set, until Stripe can no longer capture;
    cancelling it again changes nothing.

    Raises:
        NotThere: not the actor's, who is no manager either.
        TooLateToCancel: its window is over.
        IllegalMove: it is not live any more, or used already.
    """
    reservation = locked_for(session, actor=actor, reservation_id=reservation_id)
    if reservation.state == State.HELD:
        give_up_hold(session, reservation, now=now)
        return reservation
    if reservation.state not in (State.REQUESTED, State.CONFIRMED):
        raise IllegalMove(f"{reservation.state} -> cancelled")
    if reservation.ends_at <= now:
        raise TooLateToCancel()
    back = quote_cancel(reservation, now=now).refund_yen
    release(session, reservation, State.CANCELLED, now=now, reason=reason)
    if back:
        refunds.owe(session, reference=reservation.id, amount_yen=back, cause="cancelled", now=now)
    mail.tell(session, reservation, "cancelled", refund_yen=back, now=now)
    return reservation


def give_up_hold(session: Session, reservation: Reservation, *, now: datetime) -> None:
    """Cancel a held reservation as soon as no payment can come any more, at once where none can already."""
    if checkout.close(session, reference=reservation.id, now=now):
        release(session, reservation, State.CANCELLED, now=now)
        mail.tell(session, reservation, "cancelled", refund_yen=0, now=now)
        return
    if reservation.cancel_asked_at is None:
        reservation.cancel_asked_at = now
    reservation.next_due_at = now + ASK_AGAIN_AFTER
    session.flush()


def _free_until(reservation: Reservation | ReservationLine) -> datetime:
    if isinstance(reservation, ReservationLine):
        return reservation.free_cancel_until
    return datetime.fromisoformat(reservation.policy["free_cancel_until"])
