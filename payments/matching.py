"""Movements on Stripe's balance meet the sets of our books that say the same, or each other."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments.book_models import StripeMovement
from payments.case_models import Dispute
from payments.disputes import FINAL
from payments.ledger import Account
from payments.models import LedgerEntry, Refund
from payments.movements import payments_by_intent
from payments.states import RefundState

CAPTURES = frozenset({"charge", "payment"})
REFUNDS = frozenset({"refund", "payment_refund"})
REFUNDS_BACK = frozenset({"refund_failure"})

PAIR = "pair:"
"""Two movements that cancel each other, and of which our books know nothing: nothing is booked."""


def match_next(
    session: Session, *, municipality_id: int, after: tuple[datetime, str] | None, limit: int
) -> tuple[int, tuple[datetime, str] | None]:
    """Meet up to `limit` movements with the sets that say the same, oldest first, from `after` on.

    How many were met, and where to go on (None: that was the last).
    """
    place = sa.tuple_(StripeMovement.created_at, StripeMovement.id)
    statement = (
        sa.select(StripeMovement)
        .where(StripeMovement.municipality_id == municipality_id, StripeMovement.matched_set.is_(None))
        .order_by(StripeMovement.created_at, StripeMovement.id)
        .limit(limit)
        .with_for_update()
    )
    if after is not None:
        at, movement_id = after
        statement = statement.where(
            place > sa.tuple_(sa.bindparam("at", at, StripeMovement.created_at.type), movement_id)
        )
    waiting = session.scalars(statement).all()
    if not waiting:
        return 0, None
    met = _match(session, municipality_id, waiting)
    session.flush()
    return met, (waiting[-1].created_at, waiting[-1].id)


def have_read_again(session: Session, *, municipality_id: int, now: datetime) -> int:
    """Refunds whose money is back, in whatever currency, and no message told us: due now; how many.

    The loop that reads them at Stripe does the rest; with a new round the movement is no longer theirs.
    """
    back = sa.select(StripeMovement.source_id).where(
        StripeMovement.municipality_id == municipality_id,
        StripeMovement.matched_set.is_(None),
        StripeMovement.type.in_(REFUNDS_BACK),
    )
    statement = (
        sa.update(Refund)
        .where(
            Refund.state == RefundState.SUCCEEDED,
            Refund.next_due_at.is_(None),
            Refund.stripe_refund_id.in_(back),
        )
        .values(next_due_at=now)
        .returning(Refund.id)
    )
    return len(session.scalars(statement).all())


def _match(session: Session, municipality_id: int, waiting: Sequence[StripeMovement]) -> int:
    payments = payments_by_intent(session, municipality_id, (one.payment_intent_id for one in waiting))
    refunds = _refunds(session, municipality_id, waiting, payments)
    candidates: dict[str, list[str]] = {}
    for one in waiting:
        one.payment_id = one.payment_id or payments.get(one.payment_intent_id or "")
        if one.type in CAPTURES:
            candidates[one.id] = [f"capture:{one.payment_id}"] if one.currency == "jpy" else []
        elif one.type in REFUNDS | REFUNDS_BACK:
            event = "refund" if one.type in REFUNDS else "refund_undone"
            near = _near(refunds, one)
            candidates[one.id] = [f"{event}:{refund.id}:{one.source_id}" for refund in near]
            one.refund_id = near[0].id if near else None
        elif one.source_id is not None:
            candidates[one.id] = _dispute_sets(session, municipality_id, one)
    sums = balance_of_sets(session, {key for keys in candidates.values() for key in keys})
    taken = _taken(session, sums)
    met = 0
    for one in waiting:
        for key in candidates.get(one.id, []):
            if key not in taken and sums.get(key) == one.amount:
                one.matched_set = key
                taken.add(key)
                met += 1
                break
    return met + _pair(session, municipality_id, waiting, refunds)


def _near(refunds: Sequence[Refund], one: StripeMovement) -> list[Refund]:
    """Refunds that a movement may be of: by Stripe's id, else (a new round replaces it) by payment."""
    same = [refund for refund in refunds if refund.stripe_refund_id == one.source_id]
    return same or [
        refund
        for refund in refunds
        if refund.payment_id == one.payment_id and refund.amount_yen == abs(one.amount)
    ]


def _pair(
    session: Session, municipality_id: int, waiting: Sequence[StripeMovement], refunds: Sequence[Refund]
) -> int:
    """Let those cancel each other that no set of ours can meet; how many were met."""
    met = 0
    session.flush()
    over = {
        one: key
        for one in waiting
        if one.matched_set is None and (key := _cancelled_within(session, one, refunds)) is not None
    }
    if not over:
        return met
    unmet = session.scalars(
        sa.select(StripeMovement)
        .where(
            StripeMovement.municipality_id == municipality_id,
            sa.or_(
                StripeMovement.source_id.in_(set(over.values())),
                StripeMovement.payment_intent_id.in_(set(over.values())),
            ),
            StripeMovement.matched_set.is_(None),
        )
        .order_by(StripeMovement.created_at, StripeMovement.id)
    ).all()
    for one, key in over.items():
        for other in unmet if one.matched_set is None else ():
            cancels = (other.amount, other.currency) == (-one.amount, one.currency)
            # A later one waits for its own turn: it may have a set.
            is_earlier = other.matched_set is None and other.created_at <= one.created_at
            if cancels and is_earlier and key in (other.source_id, other.payment_intent_id):
                one.matched_set, other.matched_set = f"{PAIR}{other.id}", f"{PAIR}{one.id}"
                met += 2
                break
    return met


def _cancelled_within(session: Session, one: StripeMovement, refunds: Sequence[Refund]) -> str | None:
    """Among the movements of which refund, dispute or payment another may cancel this one; None: of none yet.

    A refund that failed, a dispute that is over: out and back before we looked, so that no set will follow.
    A payment in other money than yen, or one that nothing of ours explains: taken and given back.
    """
    if one.amount == 0:
        return None
    if one.type in CAPTURES | REFUNDS | REFUNDS_BACK:
        ours = [
            refund
            for refund in refunds
            if refund.stripe_refund_id == one.source_id or refund.payment_id == one.payment_id
        ]
        if one.currency != "jpy" or one.payment_id is None:
            # While a refund is under way it may still be found to have come back.
            return one.payment_intent_id if all(refund.next_due_at is None for refund in ours) else None
        is_live = any(
            refund.stripe_refund_id == one.source_id and refund.state != RefundState.FAILED for refund in ours
        )
        return one.source_id if one.type not in CAPTURES and not is_live else None
    dispute = session.get(Dispute, one.dispute_id) if one.dispute_id is not None else None
    return one.source_id if dispute is not None and dispute.state in FINAL else None


def balance_of_sets(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """What each of some sets does to Stripe's balance; sets that there are not are left out."""
    rows = session.execute(
        sa.select(LedgerEntry.set_key, sa.func.sum(LedgerEntry.amount_yen))
        .where(LedgerEntry.set_key.in_(list(keys)), LedgerEntry.account == Account.STRIPE_BALANCE)
        .group_by(LedgerEntry.set_key)
    )
    return {key: int(total) for key, total in rows}


def _taken(session: Session, keys: Iterable[str]) -> set[str]:
    found = session.scalars(
        sa.select(StripeMovement.matched_set).where(StripeMovement.matched_set.in_(list(keys)))
    )
    return {key for key in found if key is not None}


def _refunds(
    session: Session,
    municipality_id: int,
    waiting: Sequence[StripeMovement],
    payments: Mapping[str, UUID],
) -> Sequence[Refund]:
    sources = [one.source_id for one in waiting if one.type in REFUNDS | REFUNDS_BACK]
    if not sources:
        return []
    return session.scalars(
        sa.select(Refund)
        .where(
            Refund.municipality_id == municipality_id,
            sa.or_(Refund.stripe_refund_id.in_(sources), Refund.payment_id.in_(set(payments.values()))),
        )
        .order_by(Refund.created_at, Refund.id)
    ).all()


def _dispute_sets(session: Session, municipality_id: int, one: StripeMovement) -> list[str]:
    """The sets of the dispute that an adjustment is of, oldest first."""
    dispute = session.scalar(
        sa.select(Dispute).where(
            Dispute.municipality_id == municipality_id, Dispute.stripe_dispute_id == one.source_id
        )
    )
    if dispute is None:
        return []
    one.dispute_id, one.payment_id = dispute.id, dispute.payment_id or one.payment_id
    rows = session.execute(
        sa.select(LedgerEntry.set_key, sa.func.min(LedgerEntry.id))
        .where(
            LedgerEntry.municipality_id == municipality_id,
            LedgerEntry.account == Account.STRIPE_BALANCE,
            LedgerEntry.payment_id.is_not_distinct_from(dispute.payment_id),
            LedgerEntry.set_key.startswith("dispute"),
            LedgerEntry.set_key.contains(str(dispute.id)),
        )
        .group_by(LedgerEntry.set_key)
        .order_by(sa.func.min(LedgerEntry.id))
    )
    return [key for key, _ in rows]
