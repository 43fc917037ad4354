"""The loops over refunds: sent once in effect, followed until the money is back, never dropped in silence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, retrying
from core.errors import ContractBroken
from payments import ledger
from payments.callbacks import Callbacks
from payments.case_sweep import about_refund
from payments.cases import CaseKind, open_case, settle_case
from payments.checkout import round_key
from payments.disputes import ANSWERED, DISPUTED, has_answered
from payments.disputes import is_open as is_disputed
from payments.due import Loop, give_back, locked, run
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.ledger import Account, Line
from payments.metrics import REFUNDS
from payments.models import Payment, Refund
from payments.remote import RefundOrder, RefundStatus, RemoteRefund, StripeApi
from payments.states import Method, RefundState, require_refund_move

_KEY_IS_SURE_FOR = timedelta(hours=23)
"""Stripe forgets idempotency keys after 24 hours."""
_POLL_SOONEST, _POLL_LATEST = timedelta(minutes=1), timedelta(hours=6)
_RETRY_FAILED_AFTER, _RETRY_FAILED_LATEST = timedelta(hours=1), timedelta(hours=24)
_WHILE_DISPUTED = timedelta(hours=6)
_BALANCE_SHORT = "balance_insufficient"
_STATE_OF = {
    RefundStatus.PENDING: RefundState.PENDING,
    RefundStatus.SUCCEEDED: RefundState.SUCCEEDED,
    RefundStatus.FAILED: RefundState.FAILED,
}


@dataclass(frozen=True, slots=True)
class _Send:
    """What the call needs of a leased refund."""

    order: RefundOrder
    round: int
    is_repeat: bool
    """An earlier call may have had its effect: look before sending."""
    is_key_forgotten: bool
    """And if it had none, the key protects from nothing any more."""


@dataclass(frozen=True, slots=True)
class _Poll:
    id: UUID
    stripe_refund_id: str


def send_refunds(database: Database, stripe: StripeApi, callbacks: Callbacks, clock: Clock) -> int:
    """Send what is owed back, and again what failed; how many rows were touched."""

    def finish(send: _Send) -> None:
        try:
            remote = _sent(database, stripe, send, clock)
        except StripeRejected as error:
            reason, word = str(error), error.stripe_code
            retrying(
                lambda: _write_refusal(database, callbacks, send.order.refund_id, reason, word, clock.now())
            )
            return
        retrying(lambda: _write(database, callbacks, send.order.refund_id, remote, clock.now()))

    def which(_now: datetime) -> sa.ColumnElement[bool]:
        return sa.and_(
            Refund.state.in_((RefundState.OWED, RefundState.FAILED)), Refund.method == Method.STRIPE
        )

    def begin(session: Session, refund: Refund, now: datetime) -> _Send | None:
        return _begin_sending(session, refund, callbacks, now)

    return run(database, clock, Loop(Refund, which, begin, finish))


def poll_refunds(database: Database, stripe: StripeApi, callbacks: Callbacks, clock: Clock) -> int:
    """Re-read at Stripe the refunds under way, and those a webhook hinted at; how many rows were touched."""

    def finish(poll: _Poll) -> None:
        remote = stripe.read_refund(poll.stripe_refund_id)
        retrying(lambda: _write(database, callbacks, poll.id, remote, clock.now()))

    def begin(_session: Session, refund: Refund, _now: datetime) -> _Poll | None:
        assert refund.stripe_refund_id is not None, "only Stripe's word makes a refund pending or succeeded"
        return _Poll(refund.id, refund.stripe_refund_id)

    def which(_now: datetime) -> sa.ColumnElement[bool]:
        return sa.and_(
            Refund.state.in_((RefundState.PENDING, RefundState.SUCCEEDED)), Refund.method == Method.STRIPE
        )

    return run(database, clock, Loop(Refund, which, begin, finish))


def _begin_sending(session: Session, refund: Refund, callbacks: Callbacks, now: datetime) -> _Send | None:
    payment = session.get_one(Payment, refund.payment_id)
    if payment.stripe_payment_intent_id is None:
        raise ContractBroken(f"refund {refund.id} of a payment without an intent")
    if refund.sent_at is None and is_disputed(session, payment_id=payment.id):
        # The money is with the card company; Stripe would refuse, and a lost dispute has given it back.
        if has_answered(session, refund):
            _answer(session, refund, callbacks=callbacks, now=now)
        else:
            refund.last_error = DISPUTED
            give_back(refund, due_at=now + _WHILE_DISPUTED)
        return None
    is_repeat = refund.round > 0 or refund.sent_at is not None
    is_old = refund.sent_at is not None and now - refund.sent_at > _KEY_IS_SURE_FOR
    refund.sent_at = refund.sent_at or now
    return _Send(
        order=RefundOrder(
            refund_id=refund.id,
            payment_id=payment.id,
            reference=refund.reference,
            payment_intent_id=payment.stripe_payment_intent_id,
            amount=refund.amount_yen,
        ),
        round=refund.round,
        is_repeat=is_repeat,
        is_key_forgotten=is_old,
    )


def _answer(session: Session, refund: Refund, *, callbacks: Callbacks, now: datetime) -> None:
    """Nothing is sent: the payer has it through the card company, and what was lost by it was owed anyway."""
    before = RefundState(refund.state)
    refund.last_error, refund.next_due_at, refund.leased_until = ANSWERED, None, None
    _move(session, refund, before, RefundState.SUCCEEDED, callbacks=callbacks, now=now)


def _sent(database: Database, stripe: StripeApi, send: _Send, clock: Clock) -> RemoteRefund:
    """The refund at Stripe, found or made now."""
    order, number = send.order, send.round
    if send.is_repeat:
        found = stripe.find_refund(order.refund_id, payment_intent_id=order.payment_intent_id)
        if found is not None:
            return found
        if send.is_key_forgotten:
            number += 1
            retrying(lambda: _begin_round(database, order.refund_id, number, clock.now()))
    try:
        return stripe.create_refund(order, key=round_key(f"refund:{order.refund_id}", number))
    except StripeFailed as error:
        found = stripe.find_refund(order.refund_id, payment_intent_id=order.payment_intent_id)
        if found is not None:
            return found
        # Proof that the stored failure sent nothing: the next try has a key of its own.
        retrying(lambda: _begin_round(database, order.refund_id, number + 1, None))
        raise StripeUnavailable(str(error)) from error


def _begin_round(database: Database, refund_id: UUID, number: int, sent_at: datetime | None) -> None:
    with database.transaction() as session:
        refund = _still_there(session, refund_id)
        if refund.round < number:
            refund.round, refund.sent_at = number, sent_at


def _write(
    database: Database, callbacks: Callbacks, refund_id: UUID, remote: RemoteRefund, now: datetime
) -> None:
    """The outcome as Stripe told it; the same word again only moves the next look."""
    with database.transaction() as session:
        refund = _still_there(session, refund_id)
        before, after = RefundState(refund.state), _STATE_OF[remote.status]
        refund.stripe_refund_id = remote.id
        if after == RefundState.FAILED:
            _end_round(refund, remote.failure_reason or "failed")
            _list(session, refund, CaseKind.REFUND_FAILED, now=now)
        else:
            refund.attempts, refund.last_error = 0, None
        if before != after:
            _move(session, refund, before, after, callbacks=callbacks, now=now)
        _schedule(refund, now)


def _write_refusal(
    database: Database,
    callbacks: Callbacks,
    refund_id: UUID,
    reason: str,
    stripe_code: str | None,
    now: datetime,
) -> None:
    """Stripe would not take it: still owed, listed for staff, tried again."""
    with database.transaction() as session:
        refund = _still_there(session, refund_id)
        _end_round(refund, reason)
        is_short = stripe_code == _BALANCE_SHORT
        _list(session, refund, CaseKind.BALANCE_SHORT if is_short else CaseKind.REFUND_FAILED, now=now)
        if refund.state != RefundState.FAILED:
            _move(
                session, refund, RefundState(refund.state), RefundState.FAILED, callbacks=callbacks, now=now
            )
        _schedule(refund, now)


def _end_round(refund: Refund, reason: str) -> None:
    """Stripe has said no, and would say it again to the same key."""
    refund.attempts += 1
    refund.last_error = reason[:200]
    refund.round, refund.sent_at = refund.round + 1, None


def _move(
    session: Session,
    refund: Refund,
    before: RefundState,
    after: RefundState,
    *,
    callbacks: Callbacks,
    now: datetime,
) -> None:
    require_refund_move(before, after)
    refund.state, refund.state_changed_at = after, now
    REFUNDS.labels(after).inc()
    session.flush()
    if after == RefundState.SUCCEEDED:
        if refund.last_error == ANSWERED:
            _post(
                session,
                refund,
                f"refund_by_dispute:{refund.id}",
                Account.DISPUTE_LOSSES,
                refund.amount_yen,
                now,
            )
        else:
            _book(session, refund, "refund", refund.amount_yen, now)
        _settle_cases(session, refund, now=now)
    elif before == RefundState.SUCCEEDED:
        _book(session, refund, "refund_undone", -refund.amount_yen, now)
    callbacks.refund_changed(
        session,
        reference=refund.reference,
        refund_id=refund.id,
        state=after,
        amount_yen=refund.amount_yen,
        now=now,
    )


def _list(session: Session, refund: Refund, kind: CaseKind, *, now: datetime) -> None:
    open_case(session, municipality_id=refund.municipality_id, kind=kind, about=about_refund(refund), now=now)


def _settle_cases(session: Session, refund: Refund, *, now: datetime) -> None:
    """What the money's way back had opened is closed by its arrival."""
    about_it = [
        (kind, str(refund.id))
        for kind in (CaseKind.REFUND_FAILED, CaseKind.REFUND_SLOW, CaseKind.BALANCE_SHORT)
    ]
    about_it += [(kind, str(refund.payment_id)) for kind in (CaseKind.PAID_TWICE, CaseKind.WRONG_AMOUNT)]
    for kind, subject in about_it:
        settle_case(
            session,
            municipality_id=refund.municipality_id,
            kind=kind,
            subject=subject,
            note=f"refunded: {refund.stripe_refund_id or ANSWERED}",
            now=now,
        )


def _book(session: Session, refund: Refund, event: str, amount_yen: int, now: datetime) -> None:
    payment = session.get_one(Payment, refund.payment_id)
    if payment.captured_currency != "jpy":
        return
    set_key = f"{event}:{refund.id}:{refund.stripe_refund_id}"
    _post(session, refund, set_key, Account.STRIPE_BALANCE, amount_yen, now)


def _post(
    session: Session, refund: Refund, set_key: str, leaves: Account, amount_yen: int, now: datetime
) -> None:
    ledger.post(
        session,
        municipality_id=refund.municipality_id,
        set_key=set_key,
        lines=[
            Line(Account.REFUNDS_PAYABLE, amount_yen, refund.reference),
            Line(leaves, -amount_yen, refund.reference),
        ],
        payment_id=refund.payment_id,
        refund_id=refund.id,
        now=now,
    )


def _schedule(refund: Refund, now: datetime) -> None:
    if refund.state == RefundState.SUCCEEDED:
        refund.next_due_at = refund.leased_until = None
    elif refund.state == RefundState.PENDING:
        age = now - refund.state_changed_at
        give_back(refund, due_at=now + min(max(age / 4, _POLL_SOONEST), _POLL_LATEST))
    else:
        wait = _RETRY_FAILED_AFTER * 2 ** min(max(refund.attempts - 1, 0), 5)
        give_back(refund, due_at=now + min(wait, _RETRY_FAILED_LATEST))


def _still_there(session: Session, refund_id: UUID) -> Refund:
    refund = locked(session, Refund, refund_id)
    assert refund is not None, "refunds are never deleted"
    return refund
