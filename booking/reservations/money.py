"""What payments tell us: the upward callbacks of `payments`, inside its transactions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.counter.invoice_money import invoice_settled
from booking.notices import mail
from booking.places.catalogue import catalogue
from booking.reservations import claims
from booking.reservations.confirm import confirm
from booking.reservations.models import Reservation, State
from booking.reservations.queries import locked
from booking.reservations.release import release
from booking.reservations.rules import is_over
from core.errors import ContractBroken
from core.window import Window
from locks import grants
from locks.errors import NotSellable
from payments import refunds


def payment_settled(
    session: Session, *, reference: UUID, payment_id: UUID, amount_yen: int, now: datetime
) -> None:
    """Money for a reservation has arrived: it is confirmed, seated again, or the money goes back by itself.

    Late money wins its courts back where all of them are still free and something of the window is left.

    Raises:
        ContractBroken: we never asked money for such a reservation.
    """
    reservation = locked(session, reference)
    if reservation is None:
        if invoice_settled(
            session, invoice_id=reference, payment_id=payment_id, amount_yen=amount_yen, now=now
        ):
            return
        raise ContractBroken(f"payment {payment_id} for an unknown reservation")
    is_enough = amount_yen >= reservation.amount_yen
    if (is_enough and reservation.state == State.HELD) or (
        is_enough
        and reservation.state in (State.EXPIRED, State.CANCELLED)
        and reservation.permit_number is None
        and _seat_again(session, reservation, now=now)
    ):
        confirm(session, reservation, now=now)
    else:
        _give_back(session, reservation, payment_id=payment_id, amount_yen=amount_yen, now=now)


def attempts_closed(session: Session, *, reference: UUID, now: datetime) -> None:
    """Stripe can capture nothing for a reservation any more: a hold that is over or given up is freed.

    A hold with time left stays: its owner may try another card.
    """
    reservation = locked(session, reference)
    if reservation is None or reservation.state != State.HELD:
        return
    end_hold(session, reservation, now=now)


def refund_changed(
    session: Session, *, reference: UUID, refund_id: UUID, state: str, amount_yen: int, now: datetime
) -> None:
    """A refund went a step further; once Stripe has sent it, the group is told."""
    if state != "succeeded":
        return
    reservation = locked(session, reference)
    if reservation is not None:
        mail.tell(session, reservation, "refunded", refund_yen=amount_yen, cause=str(refund_id), now=now)


def end_hold(session: Session, reservation: Reservation, *, now: datetime) -> bool:
    """End a held reservation that no money can reach any more, if it was given up or its time is over."""
    if reservation.cancel_asked_at is not None:
        release(session, reservation, State.CANCELLED, now=now)
        mail.tell(session, reservation, "cancelled", refund_yen=0, now=now)
        return True
    if reservation.pay_until is None or reservation.pay_until <= now:
        release(session, reservation, State.EXPIRED, now=now)
        mail.tell(session, reservation, "expired", now=now)
        return True
    return False


def _seat_again(session: Session, reservation: Reservation, *, now: datetime) -> bool:
    places = catalogue(session, reservation.municipality_id)
    offering = places.offering(reservation.offering_id)
    window = Window(reservation.starts_at, reservation.ends_at)
    if is_over(places.rules, window, now=now):
        return False
    try:
        grants.require_sellable(
            session, access_point_ids=offering.access_points, courts=offering.courts, window=window, now=now
        )
    except NotSellable:
        return False
    return claims.take_again(session, reservation, offering.courts)


def _give_back(
    session: Session, reservation: Reservation, *, payment_id: UUID, amount_yen: int, now: datetime
) -> None:
    cause = f"late:{payment_id}"
    refunds.owe(session, reference=reservation.id, amount_yen=amount_yen, cause=cause, now=now)
    mail.tell(session, reservation, "late_refunded", refund_yen=amount_yen, cause=str(payment_id), now=now)
