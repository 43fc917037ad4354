"""Papers as issued: what each one says is frozen, numbers have no gaps, every print is counted."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime


class Issuer(Base):
    """発行者: who stands on the papers, from a day on."""

    __tablename__ = "issuer"

    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    """Of the municipality, as on papers (見本市長 …)."""
    department: Mapped[str] = mapped_column(sa.String(120))
    address: Mapped[str] = mapped_column(sa.String(120))
    telephone: Mapped[str] = mapped_column(sa.String(20))
    registration_number: Mapped[str | None] = mapped_column(sa.String(14))
    """適格請求書発行事業者登録番号: T and 13 digits."""
    permit_conditions: Mapped[str] = mapped_column(sa.Text)
    """使用の条件, one a line."""


class Paper(Base):
    """One paper. What it says is frozen when it is issued."""

    __tablename__ = "paper"
    __table_args__ = (
        sa.UniqueConstraint("municipality_id", "kind", "fiscal_year", "number"),
        sa.UniqueConstraint("kind", "subject"),
        sa.Index("ix_paper_group", "group_id", "issued_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    """receipt | permit | refund_notice | invoice | statement"""
    fiscal_year: Mapped[int]
    number: Mapped[int]
    subject: Mapped[str] = mapped_column(sa.String(80))
    """What it is of: `payment:<id>` (`papers/shares.py`: and `:<position>` where it paid for several groups),
    `reservation:<id>`, `refund:<id>`, `invoice:<id>`, `<group>:<month>`.
    """
    group_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user_group.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    addressee: Mapped[str] = mapped_column(sa.String(80))
    addressee_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """It may be changed once."""
    content: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Its money went back whole; the number stays used."""


class PaperPrint(Base):
    """Each time a paper was handed out: from the second on it says 再発行."""

    __tablename__ = "paper_print"

    paper_id: Mapped[UUID] = mapped_column(sa.ForeignKey("paper.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))


class PaperCounter(Base):
    """Last number given of a kind and year; taken with a row lock, last in the transaction: no gaps."""

    __tablename__ = "paper_counter"

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    fiscal_year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]
