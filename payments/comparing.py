"""The books against Stripe's: what each has that the other has not, to the yen, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments.book_models import StripeMovement, StripePayout
from payments.ledger import Account
from payments.matching import PAIR
from payments.models import LedgerEntry, Refund
from payments.movements import FEE
from payments.states import RefundState

GRACE = timedelta(hours=22)
"""How long either side may be ahead of the other. With a run every hour, whatever stays is told within 24."""
GONE_BACK = ("failed", "canceled")
"""States of a payout whose money came back to the balance."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that only one of the two says, or both say differently. `subject` names it over all runs."""

    subject: str
    yen: int
    """Books minus Stripe."""
    since: datetime
    is_explained: bool = False
    """Under way: young, or waiting for something that is followed elsewhere."""
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    is_yen: bool = True
    """Other money is told and is in neither of the two sums."""

    def told(self) -> dict[str, Any]:
        """As it is kept with a run."""
        return {"subject": self.subject, "yen": self.yen, "since": self.since.isoformat()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of one instant, and what they leave open."""

    stripe_yen: int
    """Net of all movements ever copied."""
    ledger_yen: int
    """`stripe_balance` in the books."""
    under_way: tuple[Difference, ...]
    open: tuple[Difference, ...]
    """Not explained, the oldest first; after them other money than yen, which stays and must hide none."""

    @property
    def explained_yen(self) -> int:
        """The part of the difference that is under way."""
        return sum(one.yen for one in self.under_way)


def compare(session: Session, *, municipality_id: int, now: datetime) -> Comparison:
    """Compare as of this session's snapshot; several statements, so give it one (`snapshot`)."""
    one_sided = [
        *_movements_alone(session, municipality_id, now),
        *_sets_alone(session, municipality_id, now),
    ]
    unequal = [
        *_unequal(session, municipality_id, now),
        *_fees_unequal(session, municipality_id, now),
    ]
    stripe_yen = _sum(session, StripeMovement.net, municipality_id, StripeMovement.currency == "jpy")
    ledger_yen = _sum(
        session,
        LedgerEntry.amount_yen,
        municipality_id,
        LedgerEntry.account == Account.STRIPE_BALANCE,
    )
    told = sum(one.yen for one in (*one_sided, *unequal))
    rest = ledger_yen - stripe_yen - told
    if rest:
        unequal.append(Difference("total", rest, now))
    every = [*one_sided, *unequal, *_payouts(session, municipality_id, now)]
    return Comparison(
        stripe_yen=stripe_yen,
        ledger_yen=ledger_yen,
        under_way=tuple(one for one in every if one.is_explained),
        open=tuple(
            sorted(
                (one for one in every if not one.is_explained),
                key=lambda one: (not one.is_yen, one.since, one.subject),
            )
        ),
    )


def snapshot(session: Session) -> None:
    """Let all statements of a fresh session see the same instant; on SQLite they do."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _sum(
    session: Session,
    column: sa.orm.InstrumentedAttribute[int],
    municipality_id: int,
    where: sa.ColumnElement[bool],
) -> int:
    kind = column.class_
    total = session.scalar(
        sa.select(sa.func.sum(column)).where(kind.municipality_id == municipality_id, where)
    )
    return int(total or 0)


def _movements_alone(session: Session, municipality_id: int, now: datetime) -> list[Difference]:
    """Stripe's movements that no set explains. A refund under way is booked once it has come through."""
    rows = session.execute(
        sa.select(StripeMovement, Refund.state)
        .outerjoin(Refund, Refund.id == StripeMovement.refund_id)
        .where(StripeMovement.municipality_id == municipality_id, StripeMovement.matched_set.is_(None))
        .order_by(StripeMovement.created_at, StripeMovement.id)
    )
    return [
        Difference(
            f"movement:{one.id}",
            -one.amount if one.currency == "jpy" else 0,
            one.created_at,
            is_explained=now - one.created_at < GRACE or state in (RefundState.OWED, RefundState.PENDING),
            payment_id=one.payment_id,
            refund_id=one.refund_id,
            is_yen=one.currency == "jpy",
        )
        for one, state in rows
        if one.amount or one.currency != "jpy"
    ]


def _sets_alone(session: Session, municipality_id: int, now: datetime) -> list[Difference]:
    """Sets on Stripe's balance without their movement."""
    total, since = sa.func.sum(LedgerEntry.amount_yen), sa.func.min(LedgerEntry.at, type_=LedgerEntry.at.type)
    rows = session.execute(
        sa.select(LedgerEntry.set_key, total, since)
        .outerjoin(StripeMovement, StripeMovement.matched_set == LedgerEntry.set_key)
        .where(
            LedgerEntry.municipality_id == municipality_id,
            LedgerEntry.account == Account.STRIPE_BALANCE,
            StripeMovement.id.is_(None),
            LedgerEntry.set_key.not_like(f"{FEE}%"),
        )
        .group_by(LedgerEntry.set_key)
        .order_by(since, LedgerEntry.set_key)
    )
    return [
        Difference(f"set:{key}", int(yen), at, is_explained=now - at < GRACE) for key, yen, at in rows if yen
    ]


def _unequal(session: Session, municipality_id: int, now: datetime) -> list[Difference]:
    """Movements that were met with a set which says something else by now: somebody changed one of them."""
    total = sa.func.coalesce(sa.func.sum(LedgerEntry.amount_yen), 0)
    rows = session.execute(
        sa.select(StripeMovement.id, StripeMovement.amount, total)
        .outerjoin(
            LedgerEntry,
            sa.and_(
                LedgerEntry.set_key == StripeMovement.matched_set,
                LedgerEntry.account == Account.STRIPE_BALANCE,
            ),
        )
        .where(
            StripeMovement.municipality_id == municipality_id,
            StripeMovement.currency == "jpy",
            StripeMovement.matched_set.is_not(None),
            StripeMovement.matched_set.not_like(f"{PAIR}%"),
        )
        .group_by(StripeMovement.id, StripeMovement.amount)
        .having(total != StripeMovement.amount)
        .order_by(StripeMovement.id)
    )
    return [Difference(f"amount:{key}", int(ours) - theirs, now) for key, theirs, ours in rows]


def _fees_unequal(session: Session, municipality_id: int, now: datetime) -> list[Difference]:
    total = sa.func.coalesce(sa.func.sum(LedgerEntry.amount_yen), 0)
    rows = session.execute(
        sa.select(StripeMovement.id, StripeMovement.fee, total)
        .outerjoin(
            LedgerEntry,
            sa.and_(
                LedgerEntry.set_key == FEE + StripeMovement.id,
                LedgerEntry.account == Account.STRIPE_BALANCE,
            ),
        )
        .where(
            StripeMovement.municipality_id == municipality_id,
            StripeMovement.fee != 0,
            StripeMovement.currency == "jpy",
        )
        .group_by(StripeMovement.id, StripeMovement.fee)
        .having(total != -StripeMovement.fee)
        .order_by(StripeMovement.id)
    )
    return [Difference(f"fee:{key}", int(ours) + theirs, now) for key, theirs, ours in rows]


def _payouts(session: Session, municipality_id: int, now: datetime) -> list[Difference]:
    """Payouts whose movements do not add up to them; in no sum of the balance, so told without yen."""
    rows = session.execute(
        sa.select(StripePayout.id, StripePayout.created_at)
        .where(
            StripePayout.municipality_id == municipality_id,
            StripePayout.checked_at.is_(None),
            StripePayout.state.not_in(GONE_BACK),
        )
        .order_by(StripePayout.created_at, StripePayout.id)
    )
    return [Difference(f"payout:{key}", 0, at, is_explained=now - at < GRACE) for key, at in rows]
