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
from core import audit
from core.errors import BadInput
from payments import checkout, refunds

ASK_AGAIN_AFTER = timedelta(seconds=60)
"""How soon the worker looks again at a hold whose payment Stripe has not closed yet."""


@dataclass(frozen=True, slots=True)
class CancelQuote:
    """What giving up now brings back."""

    refund_yen: int
    is_free: bool
    """Whether nothing is lost by it."""


def quote_cancel(
    reservation: Reservation | ReservationLine, *, now: datetime, is_staff: bool = False
) -> CancelQuote:
    """What cancelling now would refund, by the policy as sold; everything where staff cancel, or where a
    lock may not open for it. Pure.
    """
    if reservation.state != State.CONFIRMED or not reservation.amount_yen:
        return CancelQuote(refund_yen=0, is_free=True)
    is_our_fault = is_staff or reservation.door_unreached_at is not None
    if is_our_fault or now <= _free_until(reservation):
        return CancelQuote(refund_yen=reservation.amount_yen, is_free=True)
    return CancelQuote(refund_yen=0, is_free=False)


def cancel(
    session: Session, *, actor: Actor, reservation_id: UUID, now: datetime, reason: str | None = None
) -> Reservation:
    """Give up a requested, held or confirmed reservation.

    A held one with a payment under way stays held, `cancel_asked_at` set, until Stripe can no longer capture;
    cancelling it again changes nothing. Staff who cancel another's give a reason, and all the money back.

    Raises:
        BadInput: staff gave no reason, or one longer than 200 characters.
        NotThere: not the actor's, who is no manager either.
        TooLateToCancel: its window is over.
        IllegalMove: it is not live any more, or used already.
    """
    reservation = locked_for(session, actor=actor, reservation_id=reservation_id)
    is_staff = actor.group_or_none(reservation.group_id) is None
    reason = _reason_of_staff(reason) if is_staff else None
    if is_staff:
        _record(session, actor, reservation, reason, now=now)
    if reservation.state == State.HELD:
        give_up_hold(session, reservation, now=now, reason=reason)
        return reservation
    if reservation.state not in (State.REQUESTED, State.CONFIRMED):
        raise IllegalMove(f"{reservation.state} -> cancelled")
    if reservation.ends_at <= now:
        raise TooLateToCancel()
    back = quote_cancel(reservation, now=now, is_staff=is_staff).refund_yen
    release(session, reservation, State.CANCELLED, now=now, reason=reason)
    if back:
        refunds.owe(session, reference=reservation.id, amount_yen=back, cause="cancelled", now=now)
    mail.tell(session, reservation, "cancelled", refund_yen=back, now=now)
    return reservation


def give_up_hold(
    session: Session, reservation: Reservation, *, now: datetime, reason: str | None = None
) -> None:
    """Cancel a held reservation as soon as no payment can come any more, at once where none can already."""
    if checkout.give_up(session, reference=reservation.id, now=now):
        release(session, reservation, State.CANCELLED, now=now, reason=reason)
        mail.tell(session, reservation, "cancelled", refund_yen=0, now=now)
        return
    reservation.reason = reason or reservation.reason
    if reservation.cancel_asked_at is None:
        reservation.cancel_asked_at = now
    reservation.next_due_at = now + ASK_AGAIN_AFTER
    session.flush()


def _reason_of_staff(reason: str | None) -> str:
    reason = (reason or "").strip()
    if not 0 < len(reason) <= 200:
        raise BadInput("reason", sentence="理由を200文字以内で書いてください。")
    return reason


def _record(
    session: Session, actor: Actor, reservation: Reservation, reason: str | None, *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=reservation.municipality_id,
        actor=str(actor.account_id),
        act="reservation.cancel",
        subject=str(reservation.id),
        detail={"reason": reason},
        now=now,
    )


def _free_until(reservation: Reservation | ReservationLine) -> datetime:
    if isinstance(reservation, ReservationLine):
        return reservation.free_cancel_until
    return datetime.fromisoformat(reservation.policy["free_cancel_until"])
