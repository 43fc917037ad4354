"""Staff rights and their codes. The digits are kept wrapped: a lock added later needs their verifiers too."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime


class StaffKind(StrEnum):
    """As on the wire (protocol 4, `staff`)."""

    STAFF = "staff"
    EMERGENCY = "emergency"


class StaffRight(Base):
    """A person's right to open doors between two instants, or a municipality's emergency right (no person).

    A staff right reaches the code groups that it has codes for.
    """

    __tablename__ = "staff_right"
    __table_args__ = (sa.Index("ix_staff_right_municipality_id_kind", "municipality_id", "kind"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(16))
    person: Mapped[UUID | None] = mapped_column(index=True)
    """Opaque; booking's account. None for an emergency right."""
    label: Mapped[str] = mapped_column(sa.String(80))
    """Who, or what for, in the words of whoever gave it."""
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime)
    given_by: Mapped[str] = mapped_column(sa.String(64))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffCode(Base):
    """Ten digits of a right at one code group. Replaced by a new row, never changed."""

    __tablename__ = "staff_code"
    __table_args__ = (sa.Index("ix_staff_code_code_group_id_withdrawn_at", "code_group_id", "withdrawn_at"),)

    gid: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    """As on the wire: `[a-z0-9-]{1,32}`."""
    staff_right_id: Mapped[int] = mapped_column(sa.ForeignKey("staff_right.id"), index=True)
    code_group_id: Mapped[int] = mapped_column(sa.ForeignKey("code_group.id"))
    wrapped_code: Mapped[bytes] = mapped_column(sa.LargeBinary)
    code_digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    """Keyed by the service, so that no two codes are ever equal and none can be looked up."""
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_why: Mapped[str | None] = mapped_column(sa.String(16))
    """ended | used | stolen."""
    printed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Of an emergency code: when it last went onto the sheet for the safe."""
