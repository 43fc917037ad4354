"""At the counter: cash and slips for a reservation or an invoice. Any card session is closed first."""

from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.counter.owed import item_of_invoice, item_of_reservation, require_amount
from booking.people.signed_in import Actor
from booking.places.models import Municipality
from booking.reservations.models import Reservation
from booking.reservations.pay import require_payable
from booking.reservations.queries import locked_for
from booking.reservations.refusals import NotPayable
from core import audit
from core.clock import civil_day, start_of_day
from core.errors import NotThere, Refused
from payments import counter, invoices
from payments.callbacks import Callbacks
from payments.checkout import Item
from payments.invoice_models import Invoice
from payments.invoices import InvoiceState
from payments.models import Payment
from payments.states import Method

KEPT_WHILE_CLOSING = timedelta(minutes=10)
"""How long a reservation stays for somebody at the counter whose card session is being closed at Stripe."""
SLIP_ENDS_BEFORE_START = timedelta(days=1)


class TooLateForSlip(Refused):
    """A slip would have to be paid less than a day before the start."""

    code = "too_late_for_slip"
    sentence = "利用開始まで1日を切っているため、納付書は発行できません。現金で受け取ってください。"


def take_cash(
    session: Session,
    *,
    actor: Actor,
    reservation_id: UUID,
    payment_id: UUID,
    amount_yen: int,
    callbacks: Callbacks,
    now: datetime,
) -> bool:
    """Take cash for a held reservation, which is confirmed by it. False: not yet, take no money.

    False means that a card session can still capture: it is being closed, the reservation stays meanwhile.
    Commit either way. The same `payment_id` again is the same money.

    Raises:
        NotThere: no such reservation of the municipality, or the actor is no manager.
        NotPayable, NotSellableNow, AlreadyPaid: see `require_payable` and `counter.take`.
        AmountChanged: it is not what is owed.
    """
    reservation = _reservation(session, actor, reservation_id)
    item = item_of_reservation(session, reservation)
    if session.get(Payment, payment_id) is None:
        require_payable(session, actor=actor, reservation_id=reservation_id, now=now)
        require_amount(item, amount_yen)
        if not _is_free(session, reservation, now=now):
            return False
        reservation.pays_by = Method.CASH
        session.flush()
        _record(session, actor, "counter.take_cash", reservation_id, {"amount_yen": amount_yen}, now=now)
    counter.take(
        session,
        payment_id=payment_id,
        municipality_id=actor.municipality_id,
        method=Method.CASH,
        items=[item],
        paid_on=civil_day(now),
        actor=actor.account_id,
        callbacks=callbacks,
        now=now,
    )
    return True


def issue_slip(
    session: Session, *, actor: Actor, reservation_id: UUID, payment_id: UUID, now: datetime
) -> bool:
    """Hand out a slip for a held reservation, which stays until the slip's end. False: as `take_cash`.

    Raises:
        NotThere, NotPayable, NotSellableNow, AlreadyPaid: as `take_cash`.
        TooLateForSlip: the start is too near.
    """
    reservation = _reservation(session, actor, reservation_id)
    item = item_of_reservation(session, reservation)
    until = reservation.pay_until or now
    if session.get(Payment, payment_id) is None:
        require_payable(session, actor=actor, reservation_id=reservation_id, now=now)
        until = min(now + _slip_lasts(session, actor), reservation.starts_at - SLIP_ENDS_BEFORE_START)
        if until <= now:
            raise TooLateForSlip
        if not _is_free(session, reservation, now=now):
            return False
        reservation.pays_by = Method.SLIP
        reservation.pay_until = reservation.next_due_at = until
        session.flush()
        _record(session, actor, "counter.issue_slip", reservation_id, {"payment": str(payment_id)}, now=now)
    counter.issue_slip(
        session,
        payment_id=payment_id,
        municipality_id=actor.municipality_id,
        items=[item],
        pay_until=until,
        now=now,
    )
    return True


def take_for_invoice(
    session: Session,
    *,
    actor: Actor,
    invoice_id: UUID,
    payment_id: UUID,
    method: Method,
    amount_yen: int,
    paid_on: date,
    callbacks: Callbacks,
    now: datetime,
) -> bool:
    """Book cash, or a transfer of that day, for an invoice. False: not yet, as `take_cash`.

    Raises:
        NotThere: no such invoice of the municipality, or the actor is no manager.
        NotPayable, AlreadyPaid, AmountChanged, BadInput: it is paid, or as `counter.take`.
    """
    item, is_new = _invoice(session, actor, invoice_id, payment_id)
    if is_new:
        require_amount(item, amount_yen)
        if not counter.is_free(session, references=[invoice_id], now=now):
            return False
        detail = {"amount_yen": amount_yen, "paid_on": paid_on.isoformat()}
        _record(session, actor, f"counter.take_{method}", invoice_id, detail, now=now)
    counter.take(
        session,
        payment_id=payment_id,
        municipality_id=actor.municipality_id,
        method=method,
        items=[item],
        paid_on=paid_on,
        actor=actor.account_id,
        callbacks=callbacks,
        now=now,
    )
    return True


def issue_slip_for_invoice(
    session: Session, *, actor: Actor, invoice_id: UUID, payment_id: UUID, now: datetime
) -> bool:
    """Hand out a slip for an invoice, good until the invoice's day at least. False: not yet, as `take_cash`.

    Raises:
        NotThere, NotPayable, AlreadyPaid: as `take_for_invoice`.
    """
    item, is_new = _invoice(session, actor, invoice_id, payment_id)
    if is_new:
        if not counter.is_free(session, references=[invoice_id], now=now):
            return False
        _record(session, actor, "counter.issue_slip", invoice_id, {"payment": str(payment_id)}, now=now)
    due_on = session.get_one(Invoice, invoice_id).due_on
    counter.issue_slip(
        session,
        payment_id=payment_id,
        municipality_id=actor.municipality_id,
        items=[item],
        pay_until=max(now + _slip_lasts(session, actor), start_of_day(due_on + timedelta(days=1))),
        now=now,
    )
    return True


def book_slip(
    session: Session, *, actor: Actor, payment_id: UUID, paid_on: date, callbacks: Callbacks, now: datetime
) -> bool:
    """Book a slip as paid on a day; False: it was booked before.

    Raises:
        NotThere, BadInput: see `counter.book_slip`; NotThere also where the actor is no manager.
    """
    _require_manager(actor)
    is_booked = counter.book_slip(
        session,
        municipality_id=actor.municipality_id,
        payment_id=payment_id,
        paid_on=paid_on,
        actor=actor.account_id,
        callbacks=callbacks,
        now=now,
    )
    if is_booked:
        _record(session, actor, "slip.book", payment_id, {"paid_on": paid_on.isoformat()}, now=now)
    return is_booked


def void_slip(
    session: Session, *, actor: Actor, payment_id: UUID, callbacks: Callbacks, now: datetime
) -> None:
    """Take a slip back; what it was for may be paid another way while it lasts.

    Raises:
        NotThere, AlreadyPaid: see `counter.void_slip`; NotThere also where the actor is no manager.
    """
    _require_manager(actor)
    if not counter.void_slip(
        session,
        municipality_id=actor.municipality_id,
        payment_id=payment_id,
        callbacks=callbacks,
        now=now,
    ):
        return
    of_this = [item.reference for item in session.get_one(Payment, payment_id).items]
    session.execute(
        sa.update(Reservation)
        .where(Reservation.id.in_(of_this), Reservation.pays_by == Method.SLIP)
        .values(pays_by=Method.STRIPE)
    )
    _record(session, actor, "slip.void", payment_id, {}, now=now)


def _is_free(session: Session, reservation: Reservation, *, now: datetime) -> bool:
    if counter.is_free(session, references=[reservation.id], now=now):
        return True
    until = max(reservation.pay_until or now, now + KEPT_WHILE_CLOSING)
    reservation.pay_until = reservation.next_due_at = until
    session.flush()
    return False


def _reservation(session: Session, actor: Actor, reservation_id: UUID) -> Reservation:
    _require_manager(actor)
    return locked_for(session, actor=actor, reservation_id=reservation_id)


def _invoice(session: Session, actor: Actor, invoice_id: UUID, payment_id: UUID) -> tuple[Item, bool]:
    """What is to be paid, and whether this tap is the first."""
    _require_manager(actor)
    invoice = invoices.locked(session, invoice_id)
    if invoice is None or invoice.municipality_id != actor.municipality_id:
        raise NotThere(f"invoice {invoice_id}")
    is_new = session.get(Payment, payment_id) is None
    if is_new and invoice.state != InvoiceState.ISSUED:
        raise NotPayable(invoice.state)
    return item_of_invoice(invoice), is_new


def _slip_lasts(session: Session, actor: Actor) -> timedelta:
    town = sa.select(Municipality.slip_pay_for_s).where(Municipality.id == actor.municipality_id)
    return timedelta(seconds=session.scalars(town).one())


def _require_manager(actor: Actor) -> None:
    if not actor.is_manager:
        raise NotThere("the counter")


def _record(
    session: Session, actor: Actor, act: str, subject: UUID, detail: dict[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=str(subject),
        detail=detail,
        now=now,
    )
