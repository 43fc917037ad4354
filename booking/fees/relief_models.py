"""減免申請: what groups ask for beyond what their class gets, and what was decided."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime


class ReliefApplication(Base):
    """減免申請: a group asks, with a reason and a document; a manager decides, with a reason."""

    __tablename__ = "relief_application"
    __table_args__ = (
        sa.CheckConstraint("state <> 'asked' OR next_due_at IS NOT NULL", name="undecided_is_due"),
        sa.CheckConstraint("percent IS NULL OR percent BETWEEN 1 AND 100", name="percent_in_range"),
        sa.Index("ix_relief_application_group", "group_id", "valid_from"),
        sa.Index("ix_relief_application_state", "municipality_id", "state", "asked_at"),
        sa.UniqueConstraint("group_id", "request_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    group_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user_group.id"))
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))
    request_key: Mapped[str] = mapped_column(sa.String(64))
    valid_from: Mapped[date] = mapped_column(sa.Date)
    """First day of use it is asked for."""
    valid_until: Mapped[date] = mapped_column(sa.Date)
    """Last day of use it is asked for."""
    reason: Mapped[str] = mapped_column(sa.String(400))
    state: Mapped[str] = mapped_column(sa.String(16))
    """asked | granted | refused | withdrawn"""
    scope: Mapped[str | None] = mapped_column(sa.String(16))
    """full | percent | base_only, as decided."""
    percent: Mapped[int | None]
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("account.id"))
    decision_reason: Mapped[str | None] = mapped_column(sa.String(400))
    document_name: Mapped[str | None] = mapped_column(sa.String(120))
    document_type: Mapped[str | None] = mapped_column(sa.String(40))


class ReliefDocument(Base):
    """The document of an application; apart, so that lists do not read it."""

    __tablename__ = "relief_document"

    application_id: Mapped[UUID] = mapped_column(sa.ForeignKey("relief_application.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
