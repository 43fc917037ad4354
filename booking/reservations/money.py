"""What payments tell us: the upward callbacks of `payments`, inside its transactions."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.counter.invoice_money import invoice_refunded, invoice_settled
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
from payments import checkout, queries, refund_list, refunds
from payments.cases import About, CaseKind, open_case

FUNDS_TOLD_WITHIN = timedelta(hours=2)
"""How long after its own deadline Stripe may take to say what became of money that comes later."""
_ALREADY_PAID = (State.CONFIRMED, State.USED, State.NO_SHOW)


def payment_settled(
    session: Session, *, reference: UUID, payment_id: UUID, amount_yen: int, now: datetime
) -> None:
    """Money for a reservation has arrived: it is confirmed, seated again, or the money goes back by itself.

    Late money wins its courts back where all of them are still free and something of the window is left. What
    its owner gave up while the money was on its way is not taken again.

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
    is_wanted = amount_yen >= reservation.amount_yen and not queries.is_given_up(
        session, payment_id=payment_id, reference=reference
    )
    if (is_wanted and reservation.state == State.HELD) or (
        is_wanted
        and reservation.state in (State.EXPIRED, State.CANCELLED)
        and reservation.permit_number is None
        and _seat_again(session, reservation, now=now)
    ):
        confirm(session, reservation, now=now)
        surplus = amount_yen - reservation.amount_yen
        if surplus:
            # Asked before a relief was granted, captured after it: the rest belongs to the payer.
            cause = f"surplus:{payment_id}"
            refunds.owe(session, reference=reference, amount_yen=surplus, cause=cause, now=now)
    else:
        _give_back(session, reservation, payment_id=payment_id, amount_yen=amount_yen, now=now)


def attempts_closed(session: Session, *, reference: UUID, now: datetime) -> None:
    """Stripe can capture nothing for a reservation any more: a hold that is over or given up is freed.

    A hold with time left stays: its owner may try another card. Not where money was awaited in vain: the time
    left was for that money.
    """
    reservation = locked(session, reference)
    if reservation is None or reservation.state != State.HELD:
        return
    if queries.has_lapsed(session, reference=reference):
        reservation.pay_until = now
    end_hold(session, reservation, now=now)


def payment_processing(session: Session, *, reference: UUID, funds_due_at: datetime, now: datetime) -> None:
    """The money comes later: the hold lasts as long as Stripe waits for it, and its owner is told.

    One that was given up meanwhile is freed: the money, should it come, goes back.
    """
    reservation = locked(session, reference)
    if reservation is None or reservation.state != State.HELD:
        return
    if reservation.cancel_asked_at is not None:
        checkout.give_up(session, reference=reference, now=now)
        end_hold(session, reservation, now=now)
        return
    until = funds_due_at + FUNDS_TOLD_WITHIN
    reservation.pay_until = max(reservation.pay_until or until, until)
    reservation.next_due_at = reservation.pay_until
    session.flush()
    mail.tell(
        session, reservation, "awaiting_funds", pay_by=funds_due_at, cause=funds_due_at.isoformat(), now=now
    )


def refund_changed(
    session: Session, *, reference: UUID, refund_id: UUID, state: str, amount_yen: int, now: datetime
) -> None:
    """A refund went a step further; once it is with the payer or on its way, the group is told."""
    if state != "succeeded":
        return
    reservation = locked(session, reference)
    if reservation is not None:
        is_answered = refund_list.is_by_card_company(session, refund_id=refund_id)
        template = "refunded_by_card_company" if is_answered else "refunded"
        mail.tell(session, reservation, template, refund_yen=amount_yen, cause=str(refund_id), now=now)
    else:
        invoice_refunded(session, invoice_id=reference, refund_id=refund_id, refund_yen=amount_yen, now=now)


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
    if reservation.state in _ALREADY_PAID:
        _list_as_paid_twice(session, reservation, payment_id=payment_id, amount_yen=amount_yen, now=now)
        template = "paid_twice"
    elif queries.is_given_up(session, payment_id=payment_id, reference=reservation.id):
        template = "paid_after_cancel"
    else:
        template = "late_refunded"
    mail.tell(session, reservation, template, refund_yen=amount_yen, cause=str(payment_id), now=now)


def _list_as_paid_twice(
    session: Session, reservation: Reservation, *, payment_id: UUID, amount_yen: int, now: datetime
) -> None:
    """Staff see it until the money is back, which closes it."""
    open_case(
        session,
        municipality_id=reservation.municipality_id,
        kind=CaseKind.PAID_TWICE,
        about=About(
            subject=str(payment_id),
            reference=reservation.id,
            payment_id=payment_id,
            amount_yen=amount_yen,
        ),
        now=now,
    )
