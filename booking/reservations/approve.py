"""Staff's word on a request."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.reservations import claims, postpaid
from booking.reservations.confirm import confirm
from booking.reservations.models import Reservation, State
from booking.reservations.queries import locked_for
from booking.reservations.refusals import Ended, IllegalMove
from booking.reservations.release import release
from booking.reservations.selling import require_sellable
from booking.reservations.states import move
from core import audit
from core.errors import BadInput, NotThere
from payments.states import Method


def approve(session: Session, *, actor: Actor, reservation_id: UUID, now: datetime) -> Reservation:
    """Approve a request: held with a deadline for paying, or confirmed where nothing is to be paid first.

    Raises:
        NotThere: no such reservation of the municipality, or the actor is no manager.
        IllegalMove: it waits for no approval any more.
        Ended: its window has begun; nobody could pay in time.
        NotSellableNow: meanwhile a lock could not know its code in time.

    Source: lock-protocol.md 6.
    """
    reservation = _requested(session, actor, reservation_id)
    if reservation.starts_at <= now:
        raise Ended()
    # Days may have passed since the request, which was asked the same: the lock may be out of reach by now.
    require_sellable(session, reservation, now=now)
    if reservation.pays_by == Method.INVOICE and not postpaid.is_allowed(session, reservation):
        reservation.pays_by = Method.STRIPE
    if reservation.amount_yen and reservation.pays_by != Method.INVOICE:
        town = catalogue(session, actor.municipality_id, version=actor.catalogue_version).rules
        pay_until = min(now + timedelta(seconds=town.pay_after_approval_for_s), reservation.starts_at)
        move(reservation, State.HELD, now=now, due_at=pay_until)
        reservation.pay_until = pay_until
        session.flush()
        mail.tell(session, reservation, "approved", pay_by=pay_until, now=now)
    else:
        claims.require_free_one(session, group_id=reservation.group_id, starts_at=reservation.starts_at)
        confirm(session, reservation, now=now)
    _record(session, actor, reservation, "reservation.approve", now=now)
    return reservation


def reject(
    session: Session, *, actor: Actor, reservation_id: UUID, reason: str, now: datetime
) -> Reservation:
    """Reject a request; its courts are free again and the group is told why.

    Raises:
        BadInput: no reason, or one longer than 200 characters.
        NotThere: no such reservation of the municipality, or the actor is no manager.
        IllegalMove: it waits for no approval any more.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 200:
        raise BadInput("reason", sentence="理由を200文字以内で書いてください。")
    reservation = _requested(session, actor, reservation_id)
    release(session, reservation, State.REJECTED, now=now, reason=reason)
    mail.tell(session, reservation, "rejected", reason=reason, now=now)
    _record(session, actor, reservation, "reservation.reject", now=now)
    return reservation


def _requested(session: Session, actor: Actor, reservation_id: UUID) -> Reservation:
    if not actor.is_manager:
        raise NotThere(f"reservation {reservation_id}")
    reservation = locked_for(session, actor=actor, reservation_id=reservation_id)
    if reservation.state != State.REQUESTED:
        raise IllegalMove(f"{reservation.state} is decided")
    return reservation


def _record(session: Session, actor: Actor, reservation: Reservation, act: str, *, now: datetime) -> None:
    audit.record(
        session,
        municipality_id=reservation.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=str(reservation.id),
        detail={"reason": reservation.reason} if reservation.reason else {},
        now=now,
    )
