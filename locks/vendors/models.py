"""PINs that a vendor's cloud should hold: one row a grant and lock, moved on by a loop until both agree."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime, partial_index


class PinState(StrEnum):
    """Where a PIN stands; what it should be follows from its grant."""

    WANTED = "wanted"
    """To be pushed."""
    SENT = "sent"
    """The cloud has it; whether the lock does is not known yet."""
    ON_THE_LOCK = "on_the_lock"
    """The vendor says that the lock holds it."""
    REVOKING = "revoking"
    """To be taken back, or taken back at the cloud; the lock may still open for it."""
    GONE = "gone"
    """The vendor says that the lock does not hold it."""


class VendorPin(Base):
    """A grant at a lock that keeps plain PINs. The digits are computed when they are sent, never stored."""

    __tablename__ = "vendor_pin"
    __table_args__ = (partial_index("ix_vendor_pin_due", "due_at", where="due_at IS NOT NULL"),)

    grant_id: Mapped[int] = mapped_column(sa.ForeignKey("access_grant.id"), primary_key=True)
    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(sa.String(16), default=PinState.WANTED)
    code_epoch: Mapped[int]
    """The code group's, under which the digits were computed."""
    pin_ref: Mapped[str | None] = mapped_column(sa.String(128))
    """What the vendor calls it."""
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the loop looks at it next; while one is at it, the end of its lease."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Calls since the state last changed."""
    last_error: Mapped[str | None] = mapped_column(sa.String(64))
