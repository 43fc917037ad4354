"""What waits for a person: one row each, with an owner and a next due time, until somebody closes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime, partial_index


class Case(Base):
    """Odd money, or a check that failed. The same kind and subject is one case while it is open."""

    __tablename__ = "money_case"
    __table_args__ = (
        sa.CheckConstraint("(closed_at IS NULL) = (next_due_at IS NOT NULL)", name="open_is_due"),
        partial_index(
            "uq_money_case_open", "municipality_id", "kind", "subject", where="closed_at IS NULL", unique=True
        ),
        partial_index("ix_money_case_due", "next_due_at", where="next_due_at IS NOT NULL"),
        sa.Index("ix_money_case_opened", "municipality_id", "opened_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(32))
    """A `payments.cases.CaseKind`."""
    subject: Mapped[str] = mapped_column(sa.String(255))
    """What it is about, for the machine: an id of ours or of Stripe's."""
    reference: Mapped[UUID | None]
    payment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("payment.id"))
    refund_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("refund.id"))
    dispute_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("dispute.id"))
    amount_yen: Mapped[int | None]
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was last found to be so."""
    times_seen: Mapped[int] = mapped_column(default=1)
    owner: Mapped[str | None] = mapped_column(sa.String(64))
    """The account that has taken it on; nobody yet: everybody at the money desk is told."""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When staff were last mailed about it."""
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(sa.String(64))
    """An account's id, or "system" where it came right by itself."""
    closing_note: Mapped[str | None] = mapped_column(sa.String(400))


class Dispute(Base):
    """A payer's objection at the card company, followed until it is won or lost."""

    __tablename__ = "dispute"
    __table_args__ = (
        sa.CheckConstraint(
            "state IN ('won', 'lost', 'warning_closed', 'prevented') OR next_due_at IS NOT NULL",
            name="unfinished_is_due",
        ),
        partial_index("ix_dispute_due", "next_due_at", where="next_due_at IS NOT NULL"),
        sa.Index("ix_dispute_payment", "payment_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int]
    stripe_dispute_id: Mapped[str] = mapped_column(sa.String(255), unique=True)
    payment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("payment.id"))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(sa.String(3))
    reason: Mapped[str] = mapped_column(sa.String(64))
    state: Mapped[str] = mapped_column(sa.String(32))
    """Stripe's own word for it."""
    evidence_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_yen: Mapped[int] = mapped_column(default=0)
    """What Stripe took back from our balance for it and has not returned."""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.String(200))
