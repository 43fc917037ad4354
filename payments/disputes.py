"""Disputes: found by message and by listing, followed until won or lost, booked as Stripe moves the money.

The right to come in is not touched: what a payer's bank decides weeks later opens and closes no door.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, insert_into, retrying
from core.ids import new_id
from payments import ledger
from payments.case_models import Dispute
from payments.cases import About, CaseKind, open_case, settle_case
from payments.due import Loop, give_back, run
from payments.errors import StripeRejected, StripeUnavailable
from payments.ledger import Account, Line
from payments.models import LedgerEntry, Payment, Refund
from payments.remote import RemoteDispute, StripeApi
from payments.states import RefundState

LOST = "lost"
CAME_RIGHT = frozenset({"won", "warning_closed", "prevented"})
FINAL = frozenset({LOST, *CAME_RIGHT})
"""Stripe's words for disputes that are over."""
_LISTED_SINCE = timedelta(days=45)
"""How far back a listing looks; longer than any silence we mean to survive."""
_LOOK_AGAIN = timedelta(hours=6)
DISPUTED = "disputed"
"""Stands in a refund that waits until a dispute is over."""
ANSWERED = "answered by a dispute"
"""Stands in the refund whose money has reached the payer through the card company."""


def find_disputes(
    database: Database, stripe: StripeApi, clock: Clock, municipality_id: Callable[[], int]
) -> int:
    """List Stripe's disputes and write down what is new or has moved: messages may never come; how many."""
    try:
        listed = stripe.list_disputes(created_after=clock.now() - _LISTED_SINCE)
    except (StripeUnavailable, StripeRejected):
        return 0
    with database.reading() as session:
        known = {
            row.stripe_dispute_id: (row.state, row.withdrawn_yen)
            for row in session.scalars(
                sa.select(Dispute).where(Dispute.stripe_dispute_id.in_([one.id for one in listed]))
            )
        }
    news = [one for one in listed if known.get(one.id) != (one.state, _withdrawn_yen(one))]
    for one in news:
        _keep(database, one, municipality_id, clock)
    return len(news)


def follow_disputes(database: Database, stripe: StripeApi, clock: Clock) -> int:
    """Re-read the disputes that are due, by schedule or by a message's hint; how many rows were touched."""

    def finish(taken: tuple[str, int]) -> None:
        remote = stripe.read_dispute(taken[0])
        _keep(database, remote, lambda: taken[1], clock)

    def begin(_session: Session, dispute: Dispute, _now: datetime) -> tuple[str, int]:
        return dispute.stripe_dispute_id, dispute.municipality_id

    return run(database, clock, Loop(Dispute, lambda _now: sa.true(), begin, finish))


def write(session: Session, remote: RemoteDispute, *, municipality_id: int, now: datetime) -> Dispute:
    """Bring a dispute's row, booking and case to what Stripe says; the same word again changes nothing.

    `municipality_id`: whose it is where no payment of ours tells.
    """
    payment = _payment_or_none(session, remote.payment_intent_id)
    # Listing and message may both be the first to see it: one makes the row, the other waits for it here.
    statement = insert_into(session, Dispute).values(_made(remote, payment, municipality_id, now))
    is_new = session.scalar(statement.on_conflict_do_nothing().returning(Dispute.id)) is not None
    dispute = session.scalars(
        sa.select(Dispute)
        .where(Dispute.stripe_dispute_id == remote.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    before = "" if is_new else dispute.state
    _book(session, dispute, state=remote.state, withdrawn=_withdrawn_yen(remote), now=now)
    dispute.amount, dispute.evidence_due_at = remote.amount, remote.evidence_due_at
    dispute.attempts, dispute.last_error = 0, None
    if before != remote.state:
        dispute.state, dispute.state_changed_at = remote.state, now
    if remote.state in FINAL:
        dispute.next_due_at = dispute.leased_until = None
    else:
        give_back(dispute, due_at=now + _LOOK_AGAIN)
    session.flush()
    if before != remote.state:
        _list(session, dispute, payment, now=now)
    return dispute


def is_open(session: Session, *, payment_id: UUID) -> bool:
    """Whether the money of a payment is with a card company just now: Stripe would refuse to refund it."""
    return (
        session.scalar(
            sa.select(Dispute.id)
            .where(
                Dispute.payment_id == payment_id,
                Dispute.withdrawn_yen > 0,
                Dispute.state.not_in(FINAL - {LOST}),
            )
            .limit(1)
        )
        is not None
    )


def has_answered(session: Session, refund: Refund) -> bool:
    """Whether lost disputes have given the payer what is owed back here, besides what they answered before.

    Their rows stay locked: two refunds at once cannot both count on the same yen.
    """
    lost = session.scalars(
        sa.select(Dispute)
        .where(Dispute.payment_id == refund.payment_id, Dispute.state == LOST)
        .order_by(Dispute.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    answered = session.scalar(
        sa.select(sa.func.sum(Refund.amount_yen)).where(
            Refund.payment_id == refund.payment_id, by_card_company()
        )
    )
    return sum(one.withdrawn_yen for one in lost) - int(answered or 0) >= refund.amount_yen


def by_card_company() -> sa.ColumnElement[bool]:
    """Refunds that a lost dispute made unnecessary."""
    return sa.and_(Refund.state == RefundState.SUCCEEDED, Refund.last_error == ANSWERED)


def _keep(
    database: Database, remote: RemoteDispute, municipality_id: Callable[[], int], clock: Clock
) -> None:
    def once() -> None:
        with database.transaction() as session:
            write(session, remote, municipality_id=whose, now=clock.now())

    whose = municipality_id()
    retrying(once)


def _made(
    remote: RemoteDispute, payment: Payment | None, municipality_id: int, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(now),
        "municipality_id": payment.municipality_id if payment is not None else municipality_id,
        "stripe_dispute_id": remote.id,
        "payment_id": payment.id if payment is not None else None,
        "amount": remote.amount,
        "currency": remote.currency,
        "reason": remote.reason[:64],
        "state": remote.state,
        "evidence_due_at": remote.evidence_due_at,
        "opened_at": remote.created_at,
        "state_changed_at": now,
        "withdrawn_yen": 0,
        "next_due_at": now,
        "attempts": 0,
    }


def _payment_or_none(session: Session, intent_id: str | None) -> Payment | None:
    if intent_id is None:
        return None
    return session.scalar(sa.select(Payment).where(Payment.stripe_payment_intent_id == intent_id))


def _withdrawn_yen(remote: RemoteDispute) -> int:
    return remote.withdrawn if remote.currency == "jpy" else 0


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a dispute's money stands in the books."""

    account: Account
    yen: int


def _book(session: Session, dispute: Dispute, *, state: str, withdrawn: int, now: datetime) -> None:
    """Move the books from where the dispute's money stood to where Stripe says it is."""
    before = _Position(_account(dispute.state), dispute.withdrawn_yen)
    after = _Position(_account(state), withdrawn)
    moved = after.yen - before.yen
    if moved:
        name = "dispute_withdrawn" if moved > 0 else "dispute_returned"
        _post(session, dispute, name, Line(before.account, moved), Line(Account.STRIPE_BALANCE, -moved), now)
    if after.account != before.account and after.yen:
        _post(
            session,
            dispute,
            "dispute_lost" if after.account == Account.DISPUTE_LOSSES else "dispute_reopened",
            Line(after.account, after.yen),
            Line(before.account, -after.yen),
            now,
        )
    dispute.withdrawn_yen = withdrawn


def _account(state: str) -> Account:
    return Account.DISPUTE_LOSSES if state == LOST else Account.DISPUTED


def _post(session: Session, dispute: Dispute, name: str, debit: Line, credit: Line, now: datetime) -> None:
    """The set `<name>:<dispute>`; a second of the kind is numbered: Stripe may take back twice."""
    stem = f"{name}:{dispute.id}"
    sets = session.scalar(
        sa.select(sa.func.count(sa.distinct(LedgerEntry.set_key))).where(
            LedgerEntry.set_key.startswith(stem, autoescape=True)
        )
    )
    ledger.post(
        session,
        municipality_id=dispute.municipality_id,
        set_key=f"{stem}:{sets + 1}" if sets else stem,
        lines=[debit, credit],
        payment_id=dispute.payment_id,
        now=now,
    )


def _list(session: Session, dispute: Dispute, payment: Payment | None, *, now: datetime) -> None:
    if dispute.state in CAME_RIGHT:
        settle_case(
            session,
            municipality_id=dispute.municipality_id,
            kind=CaseKind.DISPUTE,
            subject=dispute.stripe_dispute_id,
            note=f"Stripe: {dispute.state}",
            now=now,
        )
        return
    due_at = dispute.evidence_due_at
    open_case(
        session,
        municipality_id=dispute.municipality_id,
        kind=CaseKind.DISPUTE,
        about=About(
            subject=dispute.stripe_dispute_id,
            reference=payment.items[0].reference if payment is not None else None,
            payment_id=dispute.payment_id,
            dispute_id=dispute.id,
            amount_yen=dispute.amount if dispute.currency == "jpy" else None,
            detail={
                "state": dispute.state,
                "reason": dispute.reason,
                "evidence_due_at": due_at.isoformat() if due_at is not None else None,
                "refunded_yen": _refunded(session, payment),
            },
        ),
        now=now,
    )


def _refunded(session: Session, payment: Payment | None) -> int:
    """What has gone back already: the evidence of a dispute over money that was returned."""
    if payment is None:
        return 0
    total = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_yen), 0)).where(
            Refund.payment_id == payment.id, Refund.state.in_((RefundState.PENDING, RefundState.SUCCEEDED))
        )
    )
    return int(total or 0)
