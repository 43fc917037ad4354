"""Orders that change how an access point behaves for a while (`operating_mode`, protocol 4)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime, partial_index


class ModeOrder(Base):
    """An access point's mode from one instant to another; the newest that lasts counts."""

    __tablename__ = "mode_order"
    __table_args__ = (
        sa.Index("ix_mode_order_access_point_id_ended_at", "access_point_id", "ended_at"),
        partial_index("ix_mode_order_due", "until_at", where="ended_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    access_point_id: Mapped[int] = mapped_column(sa.ForeignKey("access_point.id"))
    mode: Mapped[str] = mapped_column(sa.String(16))
    """passage | vacation."""
    why: Mapped[str] = mapped_column(sa.String(16))
    """hold_open | shelter | vacation."""
    subject: Mapped[str] = mapped_column(sa.String(64), default="")
    """Of a shelter: its id."""
    from_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: until somebody ends it."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lock_id: Mapped[str | None] = mapped_column(sa.ForeignKey("lock.id"))
    """The lock whose versions the next two count; empty where there was none."""
    ordered_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The first version that carries the order."""
    ended_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The first version that does not any more."""
