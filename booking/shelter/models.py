"""A shelter opening (避難所開設): who asked for which doors, and who else agreed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime


class ShelterState(StrEnum):
    """Life of a shelter opening."""

    REQUESTED = "requested"
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"


class ShelterOpening(Base):
    """One act for one, several or all facilities; two people, never one."""

    __tablename__ = "shelter_opening"
    __table_args__ = (
        sa.Index("ix_shelter_opening_municipality_id_state", "municipality_id", "state"),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="two_people"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    state: Mapped[str] = mapped_column(sa.String(16), default=ShelterState.REQUESTED)
    reason: Mapped[str] = mapped_column(sa.String(200))
    closes_until: Mapped[datetime] = mapped_column(UtcDateTime)
    """Until when the facilities are closed to residents, from the decision on."""
    requested_by: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("account.id"))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ShelterFacility(Base):
    """A facility that the opening is for."""

    __tablename__ = "shelter_facility"

    shelter_opening_id: Mapped[UUID] = mapped_column(sa.ForeignKey("shelter_opening.id"), primary_key=True)
    facility_id: Mapped[int] = mapped_column(sa.ForeignKey("facility.id"), primary_key=True)
    closure_id: Mapped[int | None] = mapped_column(sa.ForeignKey("closure.id"))
    """What keeps residents away from it while the shelter is open; empty before the decision."""
