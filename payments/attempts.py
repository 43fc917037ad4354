"""What Stripe said about an attempt, turned into rows: settled, closed, or look again later."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.ids import new_id
from payments import ledger
from payments.callbacks import Callbacks
from payments.cases import About, CaseKind, open_case
from payments.due import give_back
from payments.ledger import Account, Line
from payments.metrics import ATTEMPTS
from payments.models import Payment, PaymentItem, Refund
from payments.remote import RemoteSession, SessionStatus
from payments.states import CAN_CAPTURE, Method, PaymentState, RefundState, require_payment_move

LOOK_AGAIN = timedelta(seconds=20)
"""While somebody may be on the card page; webhooks and the return page are quicker, where they come."""
LOOK_AGAIN_LATE = timedelta(hours=1)
"""The longest pause while a voucher waits to be paid at a till, for days; a lost message costs no more."""
_LOOK_AGAIN_SOON = timedelta(minutes=1)
FUNDS_COME_WITHIN = timedelta(days=3)
"""Where Stripe does not say until when it waits."""


def move(payment: Payment, state: PaymentState, *, now: datetime) -> None:
    """Put an attempt into another state and do what belongs to it.

    Raises:
        ContractBroken: the table does not list the move.
    """
    require_payment_move(PaymentState(payment.state), state)
    payment.state, payment.state_changed_at = state, now
    if state in CAN_CAPTURE:
        return
    ATTEMPTS.labels(state).inc()
    payment.next_due_at = payment.leased_until = payment.mail_address = payment.url = None
    if state != PaymentState.SETTLED:
        for item in payment.items:
            item.is_standing = False


def close(session: Session, payment: Payment, *, callbacks: Callbacks, now: datetime) -> None:
    """Nothing can be captured any more: release what it was for."""
    # An attempt that was over once may come back and end again; another may stand for the same by then.
    standing = [item.reference for item in payment.items if item.is_standing]
    move(payment, PaymentState.EXPIRED, now=now)
    session.flush()
    for reference in standing:
        callbacks.attempts_closed(session, reference=reference, now=now)


def shut(payment: Payment, *, now: datetime) -> None:
    """End an attempt: at once where Stripe has never heard of it, else the loop has it expired."""
    is_unheard = payment.state == PaymentState.OPENING and payment.first_sent_at is None
    if is_unheard or (payment.method != Method.STRIPE and payment.state == PaymentState.OPEN):
        # A slip is ours to take back; what is paid with it all the same is late money.
        move(payment, PaymentState.EXPIRED, now=now)
    elif payment.state in (PaymentState.OPENING, PaymentState.OPEN):
        move(payment, PaymentState.CLOSING, now=now)
        payment.next_due_at = now


def shut_rivals(session: Session, payment: Payment, *, now: datetime) -> None:
    """End what stands for the same by now: money has come for an attempt that was over."""
    late = [item.reference for item in payment.items if not item.is_standing]
    if not late:
        return
    rivals = sa.select(PaymentItem.payment_id).where(PaymentItem.reference.in_(late), PaymentItem.is_standing)
    for rival in session.scalars(
        sa.select(Payment)
        .where(Payment.id.in_(rivals))
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all():
        shut(rival, now=now)
    session.flush()


def adopt(payment: Payment, remote: RemoteSession, *, now: datetime) -> None:
    """Write down which session an attempt has; an attempt given up meanwhile gets it expired at once."""
    if payment.stripe_session_id is not None:
        return
    payment.stripe_session_id = remote.id
    payment.stripe_payment_intent_id = remote.payment_intent_id
    payment.attempts, payment.last_error = 0, None
    if payment.state == PaymentState.OPENING:
        move(payment, PaymentState.OPEN, now=now)
        payment.url = remote.url
        give_back(payment, due_at=min(now + LOOK_AGAIN, payment.deadline_at))
        return
    if payment.state == PaymentState.EXPIRED:
        move(payment, PaymentState.CLOSING, now=now)
    give_back(payment, due_at=now)


def apply(
    session: Session,
    payment: Payment,
    remote: RemoteSession,
    *,
    callbacks: Callbacks,
    is_live: bool,
    now: datetime,
) -> None:
    """Bring an attempt's rows to what Stripe says; the same word a second time changes nothing."""
    if payment.state in (PaymentState.SETTLED, PaymentState.MISMATCHED):
        return
    payment.attempts, payment.last_error = 0, None
    payment.stripe_payment_intent_id = remote.payment_intent_id or payment.stripe_payment_intent_id
    if remote.status == SessionStatus.PAID:
        _capture(session, payment, remote, callbacks=callbacks, is_live=is_live, now=now)
    elif remote.status == SessionStatus.EXPIRED:
        if payment.state == PaymentState.EXPIRED:
            payment.next_due_at = payment.leased_until = None
        else:
            close(session, payment, callbacks=callbacks, now=now)
    elif remote.status == SessionStatus.AWAITING_FUNDS:
        _await_funds(session, payment, remote, callbacks=callbacks, now=now)
    elif payment.state == PaymentState.EXPIRED:
        # We were told it was over, and it is not: have it expired again.
        move(payment, PaymentState.CLOSING, now=now)
        give_back(payment, due_at=now)
    else:
        give_back(payment, due_at=_next_look(payment, now))


def _next_look(payment: Payment, now: datetime) -> datetime:
    if payment.state == PaymentState.CLOSING:
        return now
    if payment.state == PaymentState.PROCESSING:
        return _next_look_at_voucher(payment, now)
    return min(now + LOOK_AGAIN, payment.deadline_at)


def _next_look_at_voucher(payment: Payment, now: datetime) -> datetime:
    """Often while it is fresh and once more when its deadline has passed, ever more seldom after either."""
    ends_at = payment.funds_due_at
    is_past = ends_at is not None and ends_at <= now
    since = ends_at if ends_at is not None and is_past else payment.state_changed_at
    next_at = now + min(max((now - since) / 4, _LOOK_AGAIN_SOON), LOOK_AGAIN_LATE)
    return next_at if ends_at is None or is_past else min(next_at, ends_at)


def _await_funds(
    session: Session, payment: Payment, remote: RemoteSession, *, callbacks: Callbacks, now: datetime
) -> None:
    """The payer is done: what it was for is kept until Stripe's own deadline."""
    due_at = remote.funds_due_at or payment.funds_due_at or now + FUNDS_COME_WITHIN
    is_news = payment.state != PaymentState.PROCESSING or payment.funds_due_at != due_at
    if payment.state != PaymentState.PROCESSING:
        move(payment, PaymentState.PROCESSING, now=now)
    payment.url, payment.funds_due_at = remote.voucher_url, due_at
    give_back(payment, due_at=_next_look_at_voucher(payment, now))
    session.flush()
    if is_news:
        for item in payment.items:
            if item.is_standing:
                callbacks.payment_processing(session, reference=item.reference, funds_due_at=due_at, now=now)


def _capture(
    session: Session,
    payment: Payment,
    remote: RemoteSession,
    *,
    callbacks: Callbacks,
    is_live: bool,
    now: datetime,
) -> None:
    payment.captured_amount, payment.captured_currency = remote.amount, remote.currency
    payment.settled_at = now
    if (remote.amount, remote.currency, remote.is_live) != (payment.amount_yen, "jpy", is_live):
        _refuse_capture(session, payment, remote, callbacks=callbacks, is_live=is_live, now=now)
        return
    move(payment, PaymentState.SETTLED, now=now)
    session.flush()
    shut_rivals(session, payment, now=now)
    fees = [Line(Account(item.account), -item.amount_yen, item.reference) for item in payment.items]
    ledger.post(
        session,
        municipality_id=payment.municipality_id,
        set_key=f"capture:{payment.id}",
        lines=[Line(Account.STRIPE_BALANCE, payment.amount_yen), *fees],
        payment_id=payment.id,
        now=now,
    )
    for item in payment.items:
        callbacks.payment_settled(
            session, reference=item.reference, payment_id=payment.id, amount_yen=item.amount_yen, now=now
        )


def _refuse_capture(
    session: Session,
    payment: Payment,
    remote: RemoteSession,
    *,
    callbacks: Callbacks,
    is_live: bool,
    now: datetime,
) -> None:
    standing = [item.reference for item in payment.items if item.is_standing]
    move(payment, PaymentState.MISMATCHED, now=now)
    payment.last_error = (
        f"captured {remote.amount} {remote.currency}, live={remote.is_live}; "
        f"asked {payment.amount_yen} jpy, live={is_live}"
    )
    session.flush()
    is_ours = remote.is_live == is_live
    open_case(
        session,
        municipality_id=payment.municipality_id,
        kind=CaseKind.WRONG_AMOUNT if is_ours else CaseKind.FOREIGN_MODE,
        about=About(
            subject=str(payment.id),
            reference=payment.items[0].reference,
            payment_id=payment.id,
            amount_yen=remote.amount if remote.currency == "jpy" else None,
            detail={
                "asked": f"{payment.amount_yen} jpy",
                "captured": f"{remote.amount} {remote.currency}",
                "is_live": remote.is_live,
            },
        ),
        now=now,
    )
    if remote.amount > 0 and is_ours:
        _owe_everything(session, payment, remote, now=now)
    for reference in standing:
        callbacks.attempts_closed(session, reference=reference, now=now)


def _owe_everything(session: Session, payment: Payment, remote: RemoteSession, *, now: datetime) -> None:
    refund = Refund(
        id=new_id(now),
        municipality_id=payment.municipality_id,
        payment_id=payment.id,
        reference=payment.items[0].reference,
        amount_yen=remote.amount,
        cause="mismatch",
        state=RefundState.OWED,
        created_at=now,
        state_changed_at=now,
        next_due_at=now,
    )
    session.add(refund)
    session.flush()
    if remote.currency != "jpy":
        return  # The books are in yen; the row itself keeps the currency.
    came_in = [Line(Account.STRIPE_BALANCE, remote.amount), Line(Account.UNALLOCATED, -remote.amount)]
    goes_out = [Line(Account.UNALLOCATED, remote.amount), Line(Account.REFUNDS_PAYABLE, -remote.amount)]
    for set_key, lines in ((f"capture:{payment.id}", came_in), (f"owe:{refund.id}", goes_out)):
        ledger.post(
            session,
            municipality_id=payment.municipality_id,
            set_key=set_key,
            lines=lines,
            payment_id=payment.id,
            refund_id=refund.id,
            now=now,
        )
