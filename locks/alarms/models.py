"""Alarms as rows: one that lasts is one row, counted on; over or not, seen by somebody or not."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime, partial_index


class Alarm(Base):
    """Something about an access point that staff should know. `kind` is in `locks/alarms/kinds.py`."""

    __tablename__ = "lock_alarm"
    __table_args__ = (
        # One at a time of a kind and subject: what comes again while it lasts is counted.
        partial_index(
            "uq_lock_alarm_lasting",
            "access_point_id",
            "kind",
            "subject",
            where="ended_at IS NULL",
            unique=True,
        ),
        sa.Index("ix_lock_alarm_municipality_id_began_at", "municipality_id", "began_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    access_point_id: Mapped[int] = mapped_column(sa.ForeignKey("access_point.id"))
    lock_id: Mapped[str | None] = mapped_column(sa.String(16))
    kind: Mapped[str] = mapped_column(sa.String(32))
    subject: Mapped[str] = mapped_column(sa.String(64), default="")
    """Tells two alarms of a kind apart: a holder, a staff code's gid; else empty."""
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(default=1)
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """Numbers and short words, never a code."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its cause was over, or when somebody acknowledged something that only happened once."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(sa.String(64))
    note: Mapped[str | None] = mapped_column(sa.String(400))
