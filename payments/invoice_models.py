"""後納: what groups owe until their monthly invoice is paid."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime, partial_index


class Charge(Base):
    """A sum that a payer owes, or is let off (below zero), for one reference and cause."""

    __tablename__ = "charge"
    __table_args__ = (
        sa.CheckConstraint("amount_yen <> 0", name="amount_not_zero"),
        sa.UniqueConstraint("reference", "cause"),
        sa.Index("ix_charge_payer", "municipality_id", "payer", "used_on"),
        sa.Index("ix_charge_invoice", "invoice_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    payer: Mapped[UUID]
    """The group, an opaque id here."""
    reference: Mapped[UUID]
    cause: Mapped[str] = mapped_column(sa.String(64))
    """`use`, or why it was taken back."""
    label: Mapped[str] = mapped_column(sa.String(200))
    amount_yen: Mapped[int]
    used_on: Mapped[date] = mapped_column(sa.Date)
    """Its month's invoice has it; a correction that comes later is on the next."""
    charged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    invoice_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("invoice.id"))


class Invoice(Base):
    """請求: one payer's charges of one month."""

    __tablename__ = "invoice"
    __table_args__ = (
        sa.UniqueConstraint("municipality_id", "payer", "month"),
        sa.CheckConstraint("state <> 'issued' OR next_due_at IS NOT NULL", name="unpaid_is_due"),
        partial_index("ix_invoice_due", "next_due_at", where="next_due_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Also the reference of the payment that settles it."""
    municipality_id: Mapped[int]
    payer: Mapped[UUID]
    month: Mapped[date] = mapped_column(sa.Date)
    amount_yen: Mapped[int]
    """Below zero: the payer has that to its credit, carried to the next."""
    state: Mapped[str] = mapped_column(sa.String(16))
    """issued | paid | carried"""
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_on: Mapped[date] = mapped_column(sa.Date)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_by: Mapped[str | None] = mapped_column(sa.String(16))
    """A `payments.states.Method`."""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Reminder, then a case."""
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MoneyCounter(Base):
    """Last number given of a kind; taken with a row lock, last in the transaction: no gaps."""

    __tablename__ = "money_counter"

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    last_number: Mapped[int]
