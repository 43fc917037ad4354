"""An attempt to pay: written down, opened at Stripe, given up. Two tabs share one attempt and so pay once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, insert_into, retrying
from core.errors import ContractBroken, NotThere
from core.ids import new_id
from payments.attempts import adopt, shut
from payments.due import locked
from payments.errors import (
    AlreadyPaid,
    AttemptOver,
    AttemptStanding,
    BelowLeast,
    FundsAwaited,
    SlipOut,
    StripeFailed,
    StripeRejected,
    StripeUnavailable,
)
from payments.ledger import Account
from payments.models import Payment, PaymentItem
from payments.remote import RemoteSession, SessionLine, SessionOrder, StripeApi
from payments.states import CAN_CAPTURE, Method, PaymentState

SESSION_LIVES_FOR = timedelta(minutes=31)
"""Stripe's least is 30 minutes, by its own clock when the call arrives."""
_STRIPE_LEAST = timedelta(minutes=30)
LEAST_YEN = 50
"""Source: docs.stripe.com/currencies, "Minimum and maximum charge amounts"."""
MOST_ITEMS = 49
"""Each is named in the session's metadata, beside the attempt: Stripe keeps 50 keys."""
LISTING_REACHES_BACK = timedelta(hours=1)
"""How far before our own clock's word a listing starts: a clock that is wrong must not hide a session.

Five minutes wrong, and no message of Stripe's would be believed any more.
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to pay for; `label` is what the hosted page calls it."""

    reference: UUID
    label: str
    amount_yen: int
    account: Account = Account.USAGE_FEES
    """What its money is booked against."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How it may be paid, Stripe's names; `funds_within_days` where one of them pays later."""

    methods: tuple[str, ...] = ("card",)
    funds_within_days: int | None = None


CARD_ONLY = Ways()


@dataclass(frozen=True, slots=True)
class _Intent:
    order: SessionOrder
    key: str
    round: int
    first_sent_at: datetime


def start(
    session: Session,
    *,
    municipality_id: int,
    items: Sequence[Item],
    deadline_at: datetime,
    return_url: str,
    cancel_url: str,
    mail_address: str | None,
    ways: Ways = CARD_ONLY,
    now: datetime,
) -> Payment:
    """The attempt to pay for these items: the one that is open already, else a new one.

    Raises:
        AlreadyPaid: a payment for one of them has settled.
        FundsAwaited: the payer is done with one for them and its money comes later.
        SlipOut: a slip is out for one of them.
        AttemptStanding: an attempt for other items or amounts, or one being closed, can still capture.
        AttemptOver: the deadline has passed.
        BelowLeast: all of it together is less than Stripe takes.
    """
    _require_sound(items)
    if deadline_at <= now:
        raise AttemptOver
    references = [item.reference for item in items]
    standing = _standing(session, references)
    if not standing:
        payment = insert_or_none(
            session,
            Payment(
                id=new_id(now),
                municipality_id=municipality_id,
                amount_yen=sum(item.amount_yen for item in items),
                state=PaymentState.OPENING,
                created_at=now,
                state_changed_at=now,
                deadline_at=deadline_at,
                next_due_at=deadline_at,
                return_url=return_url,
                cancel_url=cancel_url,
                mail_address=mail_address,
                offered_methods=list(ways.methods),
                funds_within_days=ways.funds_within_days,
            ),
            items,
        )
        if payment is not None:
            return payment
        standing = _standing(session, references)
    return _same_attempt(standing, items, now=now)


def open_session(database: Database, stripe: StripeApi, payment_id: UUID, clock: Clock) -> str:
    """The address of the hosted page; asks Stripe for it the first time, and after a crash for the same one.

    Raises:
        AlreadyPaid, FundsAwaited, AttemptOver: there is nothing to pay (any more).
        StripeUnavailable: not known whether Stripe has made it; calling again is safe.
        StripeRejected: Stripe refuses the order; the attempt is closed at its deadline.
    """
    for _ in range(2):
        intent = retrying(lambda: _intend(database, payment_id, clock.now()))
        if isinstance(intent, str):
            return intent
        remote = _created_or_none(stripe, intent, clock.now())
        if remote is not None:
            return retrying(lambda: _record(database, payment_id, remote, clock.now()))  # noqa: B023
        retrying(lambda: _begin_round(database, payment_id, intent.round + 1))  # noqa: B023
    raise StripeUnavailable("two keys have failed")


def close(session: Session, *, reference: UUID, now: datetime) -> bool:
    """Ask that no attempt can capture for a reference any more.

    True where that is so already: no attempt, or none that Stripe has heard of, or one that is final. Else
    the loop expires the session at Stripe and calls `attempts_closed`, or `payment_settled` where the payer
    was first. An attempt for several references closes for all of them. Money that is on its way (konbini)
    is waited for.
    """
    for payment in _standing(session, [reference]):
        if payment.state == PaymentState.PROCESSING:
            return _is_given_up(payment, reference)
        shut(payment, now=now)
        session.flush()
        if payment.state in CAN_CAPTURE:
            return False
    return True


def give_up(session: Session, *, reference: UUID, now: datetime) -> bool:
    """As `close`, for somebody who wants it no more: also money on its way is not waited for.

    Stripe lets nobody take a voucher back: a complete session cannot be expired, nor its intent cancelled; a
    slip may be at a bank already. Should it be paid all the same, `payment_settled` comes, and
    `queries.is_given_up` says to give it back.

    Source: docs.stripe.com/api/payment_intents/cancel, "Checkout Session".
    """
    for payment in _standing(session, [reference]):
        is_on_its_way = payment.state == PaymentState.PROCESSING or payment.method == Method.SLIP
        for item in payment.items:
            if is_on_its_way and item.reference == reference:
                item.given_up_at = item.given_up_at or now
    session.flush()
    return close(session, reference=reference, now=now)


def live_of(session: Session, *, reference: UUID) -> Payment | None:
    """The attempt that can still capture for a reference."""
    return session.scalar(
        sa.select(Payment)
        .join(PaymentItem)
        .where(PaymentItem.reference == reference, PaymentItem.is_standing, Payment.state.in_(CAN_CAPTURE))
    )


def round_key(stem: str, number: int) -> str:
    """The idempotency key of a round; the first has no number."""
    return f"{stem}:{number}" if number else stem


def _require_sound(items: Sequence[Item]) -> None:
    if not items or len({item.reference for item in items}) != len(items):
        raise ContractBroken("an attempt pays for at least one thing, and for each once")
    if len(items) > MOST_ITEMS:
        raise ContractBroken(f"an attempt for {len(items)} things")
    if any(item.amount_yen <= 0 for item in items):
        raise ContractBroken("nothing to pay is confirmed without an attempt")
    if sum(item.amount_yen for item in items) < LEAST_YEN:
        raise BelowLeast


def _standing(session: Session, references: Sequence[UUID]) -> Sequence[Payment]:
    of_these = sa.select(PaymentItem.payment_id).where(
        PaymentItem.reference.in_(references), PaymentItem.is_standing
    )
    return session.scalars(
        sa.select(Payment)
        .where(Payment.id.in_(of_these))
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def insert_or_none(session: Session, payment: Payment, items: Sequence[Item]) -> Payment | None:
    """The new attempt, or None where somebody else's for one of the items came first."""
    rows = [
        {
            "payment_id": payment.id,
            "reference": item.reference,
            "position": number,
            "label": item.label[:200],
            "amount_yen": item.amount_yen,
            "account": item.account,
            "is_standing": True,
        }
        for number, item in enumerate(sorted(items, key=lambda item: item.reference), 1)
    ]
    savepoint = session.begin_nested()
    session.add(payment)
    session.flush()
    statement = (
        insert_into(session, PaymentItem)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(PaymentItem.reference)
    )
    if len(session.execute(statement).all()) < len(rows):
        savepoint.rollback()
        return None
    savepoint.commit()
    session.refresh(payment, ["items"])
    return payment


def _is_given_up(payment: Payment, reference: UUID) -> bool:
    return any(item.reference == reference and item.given_up_at is not None for item in payment.items)


def _same_attempt(standing: Sequence[Payment], items: Sequence[Item], *, now: datetime) -> Payment:
    if any(payment.state == PaymentState.SETTLED for payment in standing):
        raise AlreadyPaid
    if any(payment.method != Method.STRIPE for payment in standing):
        raise SlipOut
    if any(payment.state == PaymentState.PROCESSING for payment in standing):
        raise FundsAwaited
    wanted = {(item.reference, item.amount_yen) for item in items}
    for payment in standing:
        is_same = {(item.reference, item.amount_yen) for item in payment.items} == wanted
        if is_same and payment.state != PaymentState.CLOSING and payment.deadline_at > now:
            return payment
    raise AttemptStanding


def _intend(database: Database, payment_id: UUID, now: datetime) -> _Intent | str:
    with database.transaction() as session:
        payment = locked(session, Payment, payment_id)
        if payment is None:
            raise NotThere
        if payment.state == PaymentState.SETTLED:
            raise AlreadyPaid
        if payment.state == PaymentState.PROCESSING:
            raise FundsAwaited
        if payment.deadline_at <= now:
            raise AttemptOver
        if payment.state == PaymentState.OPEN and payment.url is not None:
            return payment.url
        if payment.state != PaymentState.OPENING:
            raise AttemptOver
        payment.first_sent_at = payment.first_sent_at or now
        payment.session_expires_at = payment.session_expires_at or now + SESSION_LIVES_FOR
        payment.last_sent_at = now
        return _Intent(
            order=SessionOrder(
                payment_id=payment.id,
                references=tuple(item.reference for item in payment.items),
                lines=tuple(SessionLine(item.label, item.amount_yen) for item in payment.items),
                success_url=payment.return_url,
                cancel_url=payment.cancel_url,
                mail_address=payment.mail_address,
                expires_at=payment.session_expires_at,
                methods=tuple(payment.offered_methods),
                funds_within_days=payment.funds_within_days,
            ),
            key=round_key(f"payment:{payment.id}:create", payment.round),
            round=payment.round,
            first_sent_at=payment.first_sent_at,
        )


def _created_or_none(stripe: StripeApi, intent: _Intent, now: datetime) -> RemoteSession | None:
    """The session, made now or before; None with proof that this round's key has made none and never will."""
    try:
        return stripe.create_session(intent.order, key=intent.key)
    except StripeFailed:
        # Stored under the key; whether it came before or after the effect only a listing tells.
        pass
    except StripeRejected:
        # Repeated so late that `expires_at` is under Stripe's least; the old call can have no effect now.
        if intent.order.expires_at - now > _STRIPE_LEAST:
            raise
    since = intent.first_sent_at - LISTING_REACHES_BACK
    return stripe.find_session(intent.order.payment_id, created_after=since)


def _begin_round(database: Database, payment_id: UUID, number: int) -> None:
    with database.transaction() as session:
        payment = locked(session, Payment, payment_id)
        if payment is not None and payment.state == PaymentState.OPENING and payment.round < number:
            payment.round, payment.session_expires_at = number, None


def _record(database: Database, payment_id: UUID, remote: RemoteSession, now: datetime) -> str:
    with database.transaction() as session:
        payment = locked(session, Payment, payment_id)
        if payment is None:
            raise NotThere
        adopt(payment, remote, now=now)
        is_ours = payment.stripe_session_id == remote.id
        state, url = payment.state, payment.url
    if not is_ours:
        log.warning("stripe_session_stray", payment_id=str(payment_id), session_id=remote.id)
    if state == PaymentState.SETTLED:
        raise AlreadyPaid
    if state != PaymentState.OPEN or url is None:
        raise AttemptOver
    return url
