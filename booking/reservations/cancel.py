"""Give a reservation up: the quote first, then the same rule applied."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.refunding import alerts, reviews
from booking.refunding.models import AlertDay
from booking.refunding.policy import BackQuote, Cause, Why, quote_back
from booking.reservations.models import Reservation, State
from booking.reservations.queries import ReservationLine, locked_for
from booking.reservations.refusals import IllegalMove, TooLateToCancel
from booking.reservations.release import release
from core import audit
from core.errors import BadInput, Refused
from payments import checkout, refunds

ASK_AGAIN_AFTER = timedelta(seconds=60)
"""How soon the worker looks again at a hold whose payment Stripe has not closed yet."""


class QuoteWorse(Refused):
    """Less comes back than the page had said: a deadline has passed, or it has been paid meanwhile."""

    code = "quote_worse"
    sentence = "画面を開いてから、戻る金額が変わりました。下の金額を確かめて、もう一度選んでください。"


def quote_cancel(
    reservation: Reservation | ReservationLine,
    *,
    now: datetime,
    is_staff: bool = False,
    has_alert: bool = False,
    left_yen: int | None = None,
) -> BackQuote:
    """What cancelling now would give back, by the policy as sold; everything where staff cancel, or where a
    lock may not open for it. `left_yen`: what was paid and is not owed back yet, where it is known. Pure.
    """
    starts_at = (
        reservation.window.starts_at if isinstance(reservation, ReservationLine) else reservation.starts_at
    )
    amount_yen = reservation.amount_yen if reservation.state == State.CONFIRMED else 0
    if is_staff or reservation.door_unreached_at is not None:
        cause = Cause.OPERATOR
    else:
        cause = Cause.ALERT if has_alert else Cause.OWN
    if left_yen is not None:
        amount_yen = min(amount_yen, left_yen)
    return quote_back(reservation.policy, amount_yen, starts_at, now, cause=cause)


def quote_here(
    session: Session, reservation: Reservation | ReservationLine, *, now: datetime, is_staff: bool = False
) -> BackQuote:
    """The same with the alerts and the books of this transaction."""
    left_yen = refunds.left_of(session, references=[reservation.id])[reservation.id]
    alert = alert_over(session, reservation)
    return quote_cancel(
        reservation, now=now, is_staff=is_staff, has_alert=alert is not None, left_yen=left_yen
    )


def alert_over(session: Session, reservation: Reservation | ReservationLine) -> AlertDay | None:
    """The alert that stands over a reservation's start."""
    if isinstance(reservation, ReservationLine):
        facility_id, starts_at = reservation.facility_id, reservation.window.starts_at
        municipality_id = reservation.municipality_id
    else:
        municipality_id, starts_at = reservation.municipality_id, reservation.starts_at
        facility_id = catalogue(session, municipality_id).offering(reservation.offering_id).facility_id
    return alerts.covering(
        session, municipality_id=municipality_id, facility_id=facility_id, starts_at=starts_at
    )


def cancel(
    session: Session,
    *,
    actor: Actor,
    reservation_id: UUID,
    now: datetime,
    reason: str | None = None,
    accepts_loss_yen: int | None = None,
) -> Reservation:
    """Give up a requested, held or confirmed reservation.

    A held one with a payment under way stays held, `cancel_asked_at` set, until Stripe can no longer capture;
    cancelling it again changes nothing. Staff who cancel another's give a reason, and all the money back.
    `accepts_loss_yen`: what the page has said is lost; None: whatever the rule says.

    Raises:
        BadInput: staff gave no reason, or one longer than 200 characters.
        NotThere: not the actor's, who is no manager either.
        TooLateToCancel: its window is over.
        IllegalMove: it is not live any more, or used already.
        QuoteWorse: more would be lost than was accepted.
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
    quote = quote_here(session, reservation, now=now, is_staff=is_staff)
    if accepts_loss_yen is not None and quote.lost_yen > accepts_loss_yen:
        raise QuoteWorse(f"{quote.lost_yen} yen would be lost")
    had_rights = reservation.state == State.CONFIRMED
    release(session, reservation, State.CANCELLED, now=now, reason=reason)
    if quote.refund_yen:
        cause = "alert" if quote.why is Why.ALERT else "cancelled"
        refunds.owe(session, reference=reservation.id, amount_yen=quote.refund_yen, cause=cause, now=now)
    if had_rights and quote.lost_yen:
        reviews.ask(session, reservation, now=now)
    mail.tell(session, reservation, "cancelled", refund_yen=quote.refund_yen, now=now)
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
