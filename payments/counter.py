"""Money that people bring: cash at the counter, slips paid at a bank, transfers found on a statement.

Each is a row of `payment` like an attempt at Stripe: its items stand under the same unique index, so that
what is paid here cannot be paid by card as well.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from core.clock import Clock, civil_day
from core.database import Database, insert_into, retrying
from core.errors import BadInput, ContractBroken, NotThere
from payments import attempts, checkout, ledger
from payments.callbacks import Callbacks
from payments.checkout import Item
from payments.due import locked
from payments.errors import AlreadyPaid, AttemptStanding, SlipOut
from payments.invoice_models import MoneyCounter
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem
from payments.states import Method, PaymentState

COMES_TO = {Method.CASH: Account.CASH, Method.SLIP: Account.BANK, Method.TRANSFER: Account.BANK}
"""Where the money of each way is once it is booked."""
_BATCH = 100

log = structlog.get_logger()


def is_free(session: Session, *, references: Sequence[UUID], now: datetime) -> bool:
    """Ask that nothing else can pay for these any more; whether that is so already.

    Commit either way: where it is not so yet, the loop closes the session at Stripe and tells booking.
    """
    # All of them, not up to the first that is open: the others shall not wait for a second try.
    closed = [checkout.close(session, reference=one, now=now) for one in sorted(references)]
    return all(closed)


def take(
    session: Session,
    *,
    payment_id: UUID,
    municipality_id: int,
    method: Method,
    items: Sequence[Item],
    paid_on: date,
    actor: UUID,
    callbacks: Callbacks,
    now: datetime,
) -> Payment:
    """Book money that is here: cash in the drawer, or a transfer on the bank statement of `paid_on`.

    `payment_id` is drawn when the form is shown: the same one again is the same money.

    Raises:
        AlreadyPaid: something else has paid for one of them.
        AttemptStanding: something else can still pay for one of them; see `is_free`.
        SlipOut: the id is a slip's.
        BadInput: the day is in the future.
        NotThere: the id is another municipality's.
    """
    known = locked(session, Payment, payment_id)
    if known is not None:
        return _same(known, municipality_id, method, items)
    _require_past(paid_on, now=now)
    payment = _write(session, _row(payment_id, municipality_id, method, items, until=now, now=now), items)
    _settle(session, payment, paid_on=paid_on, actor=actor, callbacks=callbacks, now=now)
    return payment


def issue_slip(
    session: Session,
    *,
    payment_id: UUID,
    municipality_id: int,
    items: Sequence[Item],
    pay_until: datetime,
    now: datetime,
) -> Payment:
    """A slip with the next number, to be paid until `pay_until`. The counter is taken last.

    Raises:
        AlreadyPaid, AttemptStanding, NotThere: as `take`.
    """
    known = locked(session, Payment, payment_id)
    if known is not None:
        return _same(known, municipality_id, Method.SLIP, items)
    row = _row(payment_id, municipality_id, Method.SLIP, items, until=pay_until, now=now)
    payment = _write(session, row, items)
    payment.slip_number = next_number(session, municipality_id=municipality_id, kind="slip")
    session.flush()
    return payment


def book_slip(
    session: Session,
    *,
    municipality_id: int,
    payment_id: UUID,
    paid_on: date,
    actor: UUID,
    callbacks: Callbacks,
    now: datetime,
) -> bool:
    """Book a slip as paid; False: it was booked already, and nothing has changed.

    Paid after its end it is late money: booking seats the reservation again, or owes the money back.

    Raises:
        NotThere: no such slip of the municipality.
        BadInput: a day in the future, or before the slip was there.
    """
    payment = _slip(session, municipality_id, payment_id)
    if payment.state == PaymentState.SETTLED:
        return False
    _require_past(paid_on, now=now)
    if paid_on < civil_day(payment.created_at):
        raise BadInput("paid_on", sentence="納付日が、納付書を発行した日より前になっています。")
    _settle(session, payment, paid_on=paid_on, actor=actor, callbacks=callbacks, now=now)
    return True


def void_slip(
    session: Session, *, municipality_id: int, payment_id: UUID, callbacks: Callbacks, now: datetime
) -> bool:
    """Take a slip back; False: it was over already. What it was for can be paid another way.

    Raises:
        NotThere: no such slip of the municipality.
        AlreadyPaid: it is paid.
    """
    payment = _slip(session, municipality_id, payment_id)
    if payment.state == PaymentState.SETTLED:
        raise AlreadyPaid
    if payment.state != PaymentState.OPEN:
        return False
    attempts.close(session, payment, callbacks=callbacks, now=now)
    return True


def expire_slips(database: Database, callbacks: Callbacks, clock: Clock) -> int:
    """End the slips whose time is over, each in a transaction of its own; how many.

    One that cannot be ended is tried again with the next run, and holds up no other.
    """
    now = clock.now()
    out = (Payment.method == Method.SLIP, Payment.state == PaymentState.OPEN, Payment.next_due_at <= now)
    with database.reading() as session:
        due = session.scalars(sa.select(Payment.id).where(*out).order_by(Payment.next_due_at).limit(_BATCH))
        found = list(due)

    def end(payment_id: UUID) -> int:
        with database.transaction() as session:
            payment = session.scalar(
                sa.select(Payment).where(Payment.id == payment_id, *out).with_for_update(skip_locked=True)
            )
            if payment is None:
                return 0
            attempts.close(session, payment, callbacks=callbacks, now=now)
            return 1

    ended = 0
    for one in found:
        try:
            ended += retrying(partial(end, one))
        except Exception as error:
            log.error("slip_not_ended", payment_id=str(one), error=type(error).__name__)
    return ended


def next_number(session: Session, *, municipality_id: int, kind: str) -> int:
    """The next number of a kind, without gaps; its row stays locked to the end of the transaction."""
    statement = insert_into(session, MoneyCounter).values(
        municipality_id=municipality_id, kind=kind, last_number=1
    )
    number: int | None = session.scalar(
        statement.on_conflict_do_update(
            index_elements=["municipality_id", "kind"],
            set_={"last_number": MoneyCounter.last_number + 1},
        ).returning(MoneyCounter.last_number)
    )
    assert number is not None, "an upsert returns its row"
    return number


def _row(
    payment_id: UUID,
    municipality_id: int,
    method: Method,
    items: Sequence[Item],
    *,
    until: datetime,
    now: datetime,
) -> Payment:
    return Payment(
        id=payment_id,
        municipality_id=municipality_id,
        amount_yen=sum(item.amount_yen for item in items),
        state=PaymentState.OPEN,
        created_at=now,
        state_changed_at=now,
        deadline_at=until,
        next_due_at=until,
        return_url="",
        cancel_url="",
        method=method,
        offered_methods=[],
    )


def _write(session: Session, payment: Payment, items: Sequence[Item]) -> Payment:
    """The row, refused where something else has paid or can pay for one of the items."""
    references = [item.reference for item in items]
    if not references or payment.amount_yen <= 0:
        raise ContractBroken("nothing to pay")
    written = checkout.insert_or_none(session, payment, items)
    if written is not None:
        return written
    states = session.scalars(
        sa.select(Payment.state)
        .join(PaymentItem)
        .where(PaymentItem.reference.in_(references), PaymentItem.is_standing)
    ).all()
    raise AlreadyPaid if PaymentState.SETTLED in states else AttemptStanding


def _same(known: Payment, municipality_id: int, method: Method, items: Sequence[Item]) -> Payment:
    """The row of an earlier tap, where it was the same tap.

    A page that was gone back to sends its id with another button: a slip that is out is no cash.
    """
    asked = {(item.reference, item.amount_yen) for item in items}
    has = {(item.reference, item.amount_yen) for item in known.items}
    if known.municipality_id != municipality_id or asked != has:
        raise NotThere(f"payment {known.id}")
    if known.method != method:
        raise AlreadyPaid if known.state == PaymentState.SETTLED else SlipOut
    return known


def _settle(
    session: Session, payment: Payment, *, paid_on: date, actor: UUID, callbacks: Callbacks, now: datetime
) -> None:
    payment.captured_amount, payment.captured_currency = payment.amount_yen, "jpy"
    payment.settled_at, payment.paid_on, payment.received_by = now, paid_on, str(actor)
    attempts.move(payment, PaymentState.SETTLED, now=now)
    session.flush()
    attempts.shut_rivals(session, payment, now=now)
    against = [Line(Account(item.account), -item.amount_yen, item.reference) for item in payment.items]
    ledger.post(
        session,
        municipality_id=payment.municipality_id,
        set_key=f"capture:{payment.id}",
        lines=[Line(COMES_TO[Method(payment.method)], payment.amount_yen), *against],
        payment_id=payment.id,
        now=now,
    )
    for item in payment.items:
        callbacks.payment_settled(
            session, reference=item.reference, payment_id=payment.id, amount_yen=item.amount_yen, now=now
        )


def _slip(session: Session, municipality_id: int, payment_id: UUID) -> Payment:
    payment = locked(session, Payment, payment_id)
    if payment is None or payment.municipality_id != municipality_id or payment.method != Method.SLIP:
        raise NotThere(f"slip {payment_id}")
    return payment


def _require_past(paid_on: date, *, now: datetime) -> None:
    if paid_on > civil_day(now):
        raise BadInput("paid_on", sentence="納付日が、きょうより先になっています。")
