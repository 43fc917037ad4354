"""Days of alert, late cancellations under review, refunds that staff decide together."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime, partial_index


class AlertDay(Base):
    """警報・熱中症警戒アラート: groups may stay away, with their money back if they say so in time."""

    __tablename__ = "alert_day"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    """heat | storm | snow | other"""
    facility_id: Mapped[int | None] = mapped_column(sa.ForeignKey("facility.id"))
    """None: everywhere."""
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    declared_at: Mapped[datetime] = mapped_column(UtcDateTime)
    declared_by: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))
    note: Mapped[str] = mapped_column(sa.String(200))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RefundReview(Base):
    """A late cancellation that the locks' word may still turn into a refund, by rule."""

    __tablename__ = "refund_review"
    __table_args__ = (
        sa.CheckConstraint("(state = 'waiting') = (next_due_at IS NOT NULL)", name="waiting_is_due"),
        partial_index("ix_refund_review_due", "next_due_at", where="next_due_at IS NOT NULL"),
    )

    reservation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reservation.id"), primary_key=True)
    municipality_id: Mapped[int]
    percent: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(sa.String(16))
    """waiting | granted | refused"""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refund_yen: Mapped[int | None]
    evidence: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """What the locks said, per access point."""


class RefundBatch(Base):
    """還付の一括: sums that staff decide to give back; above the limit a second person approves."""

    __tablename__ = "refund_batch"
    __table_args__ = (
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> made_by OR NOT needs_second", name="four_eyes"
        ),
        sa.UniqueConstraint("municipality_id", "request_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    request_key: Mapped[str] = mapped_column(sa.String(64))
    reason: Mapped[str] = mapped_column(sa.String(200))
    state: Mapped[str] = mapped_column(sa.String(16))
    """waiting | approved | rejected"""
    needs_second: Mapped[bool]
    total_yen: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("account.id"))


class RefundBatchItem(Base):
    """One reservation of a batch and what it gets."""

    __tablename__ = "refund_batch_item"
    __table_args__ = (sa.CheckConstraint("amount_yen > 0", name="amount_positive"),)

    batch_id: Mapped[UUID] = mapped_column(sa.ForeignKey("refund_batch.id"), primary_key=True)
    reservation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reservation.id"), primary_key=True)
    amount_yen: Mapped[int]
