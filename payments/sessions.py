"""The loops over attempts: what is paid settles, what is out of time expires. Stripe decides who won."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, retrying
from core.errors import NotThere
from payments.attempts import LOOK_AGAIN, adopt, apply, close, move
from payments.callbacks import Callbacks
from payments.checkout import LISTING_REACHES_BACK, round_key
from payments.due import Loop, fail, give_back, is_leased, lease, locked, put_off, run
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.models import Payment
from payments.remote import RemoteSession, SessionStatus, StripeApi
from payments.states import CAN_CAPTURE, Method, PaymentState
from payments.stripe_port import CALL_TAKES_AT_MOST_S

_NOT_CLOSING = sa.and_(
    Payment.method == Method.STRIPE, Payment.state.in_((PaymentState.OPENING, PaymentState.OPEN))
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the call needs of a leased row."""

    id: UUID
    session_id: str | None
    listed_since: datetime
    expire_key: str


def expire_sessions(database: Database, stripe: StripeApi, callbacks: Callbacks, clock: Clock) -> int:
    """Expire at Stripe what is past its deadline or given up; how many rows were touched.

    What turns out to be paid settles instead. What nobody could expire stays as it is, and so do its claims.
    """

    def begin(session: Session, payment: Payment, now: datetime) -> _Taken | None:
        return _begin_closing(session, payment, callbacks=callbacks, now=now)

    def finish(taken: _Taken) -> None:
        remote = _expired(stripe, taken)
        retrying(lambda: _write_closing(database, stripe, callbacks, taken, remote, clock.now()))

    def which(now: datetime) -> sa.ColumnElement[bool]:
        past = sa.and_(_NOT_CLOSING, Payment.deadline_at <= now)
        return sa.or_(Payment.state == PaymentState.CLOSING, past)

    return run(database, clock, Loop(Payment, which, begin, finish))


def settle(database: Database, stripe: StripeApi, callbacks: Callbacks, clock: Clock) -> int:
    """Re-read at Stripe the attempts that are due, by schedule or by a webhook's hint; how many rows."""

    def finish(taken: _Taken) -> None:
        remote = _read(stripe, taken)
        retrying(lambda: _write(database, stripe, callbacks, taken, remote, clock.now()))

    def which(now: datetime) -> sa.ColumnElement[bool]:
        in_time = sa.and_(_NOT_CLOSING, Payment.deadline_at > now)
        return sa.or_(Payment.state.in_((PaymentState.EXPIRED, PaymentState.PROCESSING)), in_time)

    return run(database, clock, Loop(Payment, which, _begin_reading, finish))


def settle_one(
    database: Database, stripe: StripeApi, callbacks: Callbacks, payment_id: UUID, clock: Clock
) -> PaymentState:
    """Re-read one attempt now, for the page the payer comes back to; its state afterwards.

    Where Stripe does not answer, or a worker is reading it already, the state is as it was.

    Raises:
        NotThere: no such payment.
    """

    def take() -> _Taken | PaymentState:
        now = clock.now()
        with database.transaction() as session:
            payment = locked(session, Payment, payment_id)
            if payment is None:
                raise NotThere
            can_change = payment.state in CAN_CAPTURE and payment.first_sent_at is not None
            if not can_change or is_leased(payment, now=now):
                return PaymentState(payment.state)
            lease(payment, now=now)
            return _taken(payment)

    taken = retrying(take)
    if isinstance(taken, PaymentState):
        return taken
    try:
        remote = _read(stripe, taken)
        return retrying(lambda: _write(database, stripe, callbacks, taken, remote, clock.now()))
    except (StripeUnavailable, StripeRejected) as error:
        fail(database, clock, Payment, payment_id, error)
    with database.reading() as session:
        return PaymentState(session.scalars(sa.select(Payment.state).where(Payment.id == payment_id)).one())


def _begin_reading(_session: Session, payment: Payment, _now: datetime) -> _Taken | None:
    if payment.first_sent_at is not None:
        return _taken(payment)
    _look_later(payment, payment.deadline_at)
    return None


def _begin_closing(
    session: Session, payment: Payment, *, callbacks: Callbacks, now: datetime
) -> _Taken | None:
    if payment.first_sent_at is None:
        close(session, payment, callbacks=callbacks, now=now)
        return None
    if payment.state != PaymentState.CLOSING:
        move(payment, PaymentState.CLOSING, now=now)
    if payment.stripe_session_id is None:
        # A listing proves nothing while a call that would make the session may still be on its way.
        quiet_at = (payment.last_sent_at or now) + timedelta(seconds=CALL_TAKES_AT_MOST_S)
        if quiet_at > now:
            give_back(payment, due_at=quiet_at)
            return None
    return _taken(payment)


def _taken(payment: Payment) -> _Taken:
    assert payment.first_sent_at is not None
    return _Taken(
        id=payment.id,
        session_id=payment.stripe_session_id,
        listed_since=payment.first_sent_at - LISTING_REACHES_BACK,
        expire_key=round_key(f"payment:{payment.id}:expire", payment.round),
    )


def _read(stripe: StripeApi, taken: _Taken) -> RemoteSession | None:
    """The session as it is; None: Stripe lists none for this attempt."""
    if taken.session_id is None:
        return stripe.find_session(taken.id, created_after=taken.listed_since)
    return stripe.read_session(taken.session_id)


def _expired(stripe: StripeApi, taken: _Taken) -> RemoteSession | None:
    """The session after asking that it be expired; None: there has never been one."""
    if taken.session_id is None:
        return _read(stripe, taken)
    try:
        return stripe.expire_session(taken.session_id, key=taken.expire_key)
    except (StripeFailed, StripeRejected):
        # Complete, expired already, or a stored failure: only the object itself says which.
        return stripe.read_session(taken.session_id)


def _write(
    database: Database,
    stripe: StripeApi,
    callbacks: Callbacks,
    taken: _Taken,
    remote: RemoteSession | None,
    now: datetime,
) -> PaymentState:
    """The outcome of reading."""
    with database.transaction() as session:
        payment = _still_there(session, taken)
        if remote is None:
            _look_later(payment, min(now + LOOK_AGAIN, max(payment.deadline_at, now)))
            return PaymentState(payment.state)
        adopt(payment, remote, now=now)
        apply(session, payment, remote, callbacks=callbacks, is_live=stripe.is_live, now=now)
        return PaymentState(payment.state)


def _write_closing(
    database: Database,
    stripe: StripeApi,
    callbacks: Callbacks,
    taken: _Taken,
    remote: RemoteSession | None,
    now: datetime,
) -> None:
    """The outcome of expiring, or of looking for a session to expire."""
    with database.transaction() as session:
        payment = _still_there(session, taken)
        if payment.state != PaymentState.CLOSING:
            return
        if remote is None:
            # None was ever made, unless the answer to the call that made it came in while we were listing.
            if payment.stripe_session_id is None:
                close(session, payment, callbacks=callbacks, now=now)
            else:
                give_back(payment, due_at=now)
            return
        adopt(payment, remote, now=now)
        apply(session, payment, remote, callbacks=callbacks, is_live=stripe.is_live, now=now)
        if taken.session_id is not None and remote.status == SessionStatus.OPEN:
            # Still open: the refusal may be stored under the key, and asking twice is harmless.
            payment.round += 1
            put_off(payment, StripeRejected("still open"), now=now)


def _look_later(payment: Payment, due_at: datetime) -> None:
    if payment.state in CAN_CAPTURE:
        give_back(payment, due_at=due_at)
    else:
        payment.next_due_at = payment.leased_until = None


def _still_there(session: Session, taken: _Taken) -> Payment:
    payment = locked(session, Payment, taken.id)
    assert payment is not None, "payments are never deleted"
    return payment
