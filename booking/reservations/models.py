"""The reservation, and the claims that decide who has a court."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime, partial_index


class State(StrEnum):
    """Life of a reservation; `states.py` lists the moves."""

    REQUESTED = "requested"
    HELD = "held"
    CONFIRMED = "confirmed"
    USED = "used"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REVOKED = "revoked"


class Channel(StrEnum):
    """受付経路."""

    ONLINE = "online"
    COUNTER = "counter"
    PHONE = "phone"


class Reservation(Base):
    """予約: one offering, one window, one group; what was sold is frozen here."""

    __tablename__ = "reservation"
    __table_args__ = (
        sa.UniqueConstraint("group_id", "request_key"),
        sa.CheckConstraint("amount_yen >= 0", name="amount_not_negative"),
        sa.CheckConstraint("starts_at < ends_at", name="starts_before_end"),
        partial_index("ix_reservation_due", "next_due_at", where="next_due_at IS NOT NULL"),
        # Holds are counted in the statement that takes claims: it must not read a group's whole past.
        partial_index("ix_reservation_unsettled", "group_id", where="state IN ('held', 'requested')"),
        sa.Index("ix_reservation_day", "municipality_id", "starts_at"),
        sa.Index("ix_reservation_group", "group_id", "starts_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offering.id"))
    group_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user_group.id"))
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))
    """Who made it; the group owns it."""
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(sa.String(16))
    channel: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the worker must look at it; empty only in final states."""
    pay_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """End of the hold: until then a payment may begin. Kept afterwards; empty if nothing was to be paid."""
    amount_yen: Mapped[int]
    fee_lines: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON)
    """[{"item", "label", "hours", "yen_per_hour", "amount_yen", …}] as `fees/quote.py` has them."""
    policy: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """The cancellation policy as sold, see `refunding/policy.py`; `free_cancel_until` (ISO) is in each."""
    request_key: Mapped[str] = mapped_column(sa.String(64))
    """Drawn when the form was shown; the same key again is the same reservation."""
    cancel_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A held one whose owner gave up while Stripe could still capture; freed once Stripe cannot."""
    permit_number: Mapped[int | None]
    """使用許可番号, without gaps per municipality."""
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    """Why it was rejected, cancelled by staff or revoked; shown to the group."""
    pays_by: Mapped[str] = mapped_column(sa.String(16), server_default="stripe", default="stripe")
    """How its amount is paid, a `payments.states.Method`: chosen while it is held, changed only unpaid."""
    first_opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    door_unreached_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when we know that a lock may not learn of it in time; from then on cancelling costs nothing."""


class Claim(Base):
    """The row that decides: one court, one granule, one owner. The primary key is the referee."""

    __tablename__ = "claim"
    __table_args__ = (
        sa.CheckConstraint("(reservation_id IS NULL) <> (closure_id IS NULL)", name="one_owner"),
        sa.Index("ix_claim_granule", "municipality_id", "granule"),
        {"sqlite_with_rowid": False},
    )

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    court_id: Mapped[int] = mapped_column(sa.ForeignKey("court.id"), primary_key=True, autoincrement=False)
    granule: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    reservation_id: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("reservation.id", deferrable=True, initially="DEFERRED"), index=True
    )
    closure_id: Mapped[int | None] = mapped_column(sa.ForeignKey("closure.id"), index=True)


class PermitCounter(Base):
    """Last permit number given; taken with a row lock, last in the transaction, so that there are no gaps."""

    __tablename__ = "permit_counter"

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]
