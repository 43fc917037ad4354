"""What Stripe's own books say, the nights on which both were compared, and months that are closed."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime, partial_index


class StripeMovement(Base):
    """A balance transaction, as Stripe lists it; copied once, then only matched."""

    __tablename__ = "stripe_movement"
    __table_args__ = (
        sa.Index("ix_stripe_movement_created", "municipality_id", "created_at"),
        sa.Index("ix_stripe_movement_payout", "payout_id"),
        partial_index("ix_stripe_movement_unmatched", "municipality_id", where="matched_set IS NULL"),
        sa.Index("uq_stripe_movement_matched_set", "matched_set", unique=True),
    )

    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    """`txn_…`"""
    municipality_id: Mapped[int]
    type: Mapped[str] = mapped_column(sa.String(64))
    """Stripe's: charge, payment, refund, adjustment, payout, stripe_fee …"""
    amount: Mapped[int]
    fee: Mapped[int]
    net: Mapped[int]
    """`amount` minus `fee`; yen."""
    currency: Mapped[str] = mapped_column(sa.String(3))
    source_id: Mapped[str | None] = mapped_column(sa.String(255))
    """The charge, refund, dispute or payout it is of."""
    payment_intent_id: Mapped[str | None] = mapped_column(sa.String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    available_on: Mapped[datetime] = mapped_column(UtcDateTime)
    payout_id: Mapped[str | None] = mapped_column(sa.String(255))
    copied_at: Mapped[datetime] = mapped_column(UtcDateTime)
    payment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("payment.id"))
    refund_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("refund.id"))
    dispute_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("dispute.id"))
    matched_set: Mapped[str | None] = mapped_column(sa.String(200))
    """The ledger set that says the same; empty: nothing of ours explains it yet."""


class MovementExplanation(Base):
    """What a person says a movement was that nothing of ours explains."""

    __tablename__ = "movement_explanation"
    __table_args__ = (
        sa.CheckConstraint("(booked_at IS NULL) = (booked_by IS NULL)", name="booked_by_somebody"),
        sa.CheckConstraint("booked_by IS NULL OR needs_second = (booked_by <> made_by)", name="two_people"),
    )

    movement_id: Mapped[str] = mapped_column(sa.ForeignKey("stripe_movement.id"), primary_key=True)
    municipality_id: Mapped[int]
    account: Mapped[str | None] = mapped_column(sa.String(32))
    """What it is booked against; empty: other money than yen, of which nothing is booked."""
    note: Mapped[str] = mapped_column(sa.String(300))
    needs_second: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[UUID]
    booked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    booked_by: Mapped[UUID | None]


class StripePayout(Base):
    """What Stripe paid out to the municipality's bank account."""

    __tablename__ = "stripe_payout"

    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    municipality_id: Mapped[int]
    amount: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(32))
    arrives_on: Mapped[date] = mapped_column(sa.Date)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    copied_at: Mapped[datetime] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its movements were added up to its amount."""


class SettlementRun(Base):
    """One comparison of the ledger with Stripe's books."""

    __tablename__ = "settlement_run"
    __table_args__ = (sa.Index("ix_settlement_run_begun", "municipality_id", "begun_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    movements: Mapped[int] = mapped_column(default=0)
    stripe_yen: Mapped[int] = mapped_column(default=0)
    """Net of all movements ever copied: what is at Stripe."""
    ledger_yen: Mapped[int] = mapped_column(default=0)
    """`stripe_balance` in the books."""
    explained_yen: Mapped[int] = mapped_column(default=0)
    """Part of the difference that is young enough to be under way."""
    differences: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list)
    error: Mapped[str | None] = mapped_column(sa.String(200))


class AuditNight(Base):
    """One nightly audit over all invariants of money: what was checked and what was found."""

    __tablename__ = "audit_night"
    __table_args__ = (sa.Index("ix_audit_night_begun", "municipality_id", "begun_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checks: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    """Per check: rows looked at, findings."""


class MonthClose(Base):
    """A month whose books are shut: totals as handed over, and a digest that shows a later change."""

    __tablename__ = "month_close"

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    """Its first day; months are of Asia/Tokyo."""
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(sa.String(64))
    totals: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    last_entry_id: Mapped[int] = mapped_column(sa.BigInteger)
    digest: Mapped[str] = mapped_column(sa.String(64))
