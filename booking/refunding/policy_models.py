"""What comes back when, as data. Part of the catalogue."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class RefundPolicy(Base):
    """還付の定め, from a day of booking on. The narrowest scope counts; what is sold keeps its own."""

    __tablename__ = "refund_policy"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    facility_id: Mapped[int | None] = mapped_column(sa.ForeignKey("facility.id"))
    space_kind: Mapped[str | None] = mapped_column(sa.String(24))
    valid_from: Mapped[date] = mapped_column(sa.Date)
    stages: Mapped[list[dict[str, int]]] = mapped_column(sa.JSON)
    """[{"before_s": seconds before the start, "percent"}], longest first; empty: nothing comes back."""
    kept_yen: Mapped[int] = mapped_column(default=0)
    """取消手数料: kept from what comes back where the group decides by itself; never where an alert or the
    operator does."""
    unused_percent: Mapped[int] = mapped_column(default=0)
    """After the deadline, where the locks show that nobody came in or that the code was dead in time."""
    alert_percent: Mapped[int] = mapped_column(default=100)
    """Where a heat or weather alert covers the start and the group says so before it."""
