"""What can be booked: facilities, spaces, courts, offerings, and when they are offered."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, UtcDateTime


class SpaceKind(StrEnum):
    """室場の種類."""

    GYM = "gym"
    GROUND = "ground"
    MARTIAL_ARTS_ROOM = "martial_arts_room"


class DayKind(StrEnum):
    """Kind of a civil day; decides which bands are offered."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    HOLIDAY = "holiday"
    """Sunday or public holiday."""
    VACATION = "vacation"
    """School vacation on what would be a weekday."""
    CLOSED = "closed"
    """The municipality's closed days (the year's end); only a facility with bands of this kind is open."""


class Municipality(Base):
    """自治体: the tenant and its rules."""

    __tablename__ = "municipality"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(6), unique=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    catalogue_version: Mapped[int] = mapped_column(default=1)
    """Rises with every change of anything in this module; see `places/catalogue.py`."""
    office_contact: Mapped[str] = mapped_column(sa.String(200))
    """Whom to ask, as shown to residents (name of the office, telephone)."""
    hold_for_s: Mapped[int] = mapped_column(default=600)
    pay_after_approval_for_s: Mapped[int] = mapped_column(default=259200)
    sells_ahead_for_days: Mapped[int] = mapped_column(default=60)
    sells_until_s_before_end: Mapped[int] = mapped_column(default=1800)
    max_bands: Mapped[int] = mapped_column(default=2)
    """How many contiguous bands one reservation may take."""
    max_holds_per_group: Mapped[int] = mapped_column(default=10)
    free_cancel_until_s: Mapped[int] = mapped_column(default=86400)
    """Cancelled this long before the start or earlier: full refund; later: none. Frozen as sold."""
    refund_alone_up_to_yen: Mapped[int] = mapped_column(server_default="10000", default=10000)
    """A batch of refunds above it needs a second person."""
    slip_pay_for_s: Mapped[int] = mapped_column(server_default="259200", default=259200)
    """納付書: how long a slip may be paid, never past a day before the start."""
    delayed_methods: Mapped[list[str]] = mapped_column(sa.JSON, server_default="[]", default=list)
    """Ways to pay whose money comes later (konbini), offered where the start is far enough."""
    delayed_pays_within_s: Mapped[int] = mapped_column(server_default="259200", default=259200)
    """How long Stripe waits for such money; offered only where that ends a day before the start."""
    invoice_pays_within_days: Mapped[int] = mapped_column(server_default="30", default=30)
    reveal_before_start_s: Mapped[int] = mapped_column(default=10800)
    reveal_after_end_s: Mapped[int] = mapped_column(default=86400)


class CalendarDay(Base):
    """A day whose kind does not follow from its weekday."""

    __tablename__ = "calendar_day"

    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), primary_key=True)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(60))


class Facility(Base):
    """施設・学校."""

    __tablename__ = "facility"
    __table_args__ = (sa.UniqueConstraint("municipality_id", "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    slug: Mapped[str] = mapped_column(sa.String(40))
    """Stable key of the seed; never shown."""
    school_code: Mapped[str | None] = mapped_column(sa.String(13))
    """MEXT school code, where known."""
    stage: Mapped[str] = mapped_column(sa.String(16))
    """elementary | junior_high | sample"""
    address: Mapped[str | None] = mapped_column(sa.String(120))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    note: Mapped[str | None] = mapped_column(sa.String(200))
    approval_required: Mapped[bool] = mapped_column(default=False)
    sort_key: Mapped[int] = mapped_column(default=0)


class FacilityName(Base):
    """A facility's name from a day on (schools merge and are renamed)."""

    __tablename__ = "facility_name"

    facility_id: Mapped[int] = mapped_column(sa.ForeignKey("facility.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    kana: Mapped[str | None] = mapped_column(sa.String(120))


class Space(Base):
    """室場."""

    __tablename__ = "space"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    facility_id: Mapped[int] = mapped_column(sa.ForeignKey("facility.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(24))
    name: Mapped[str] = mapped_column(sa.String(60))
    has_hvac: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    """冷暖房: heating and cooling are sold with it."""
    sort_key: Mapped[int] = mapped_column(default=0)


class Court(Base):
    """面: the smallest claimable part of a space."""

    __tablename__ = "court"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    space_id: Mapped[int] = mapped_column(sa.ForeignKey("space.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    share: Mapped[float] = mapped_column(default=1.0)
    """Part of its space: 0.5 for a half court. Numerators and denominators of utilisation count by it."""
    sort_key: Mapped[int] = mapped_column(default=0)


class Offering(Base):
    """貸出単位: a named set of courts that a resident books."""

    __tablename__ = "offering"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    space_id: Mapped[int] = mapped_column(sa.ForeignKey("space.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    size: Mapped[str] = mapped_column(sa.String(8))
    """full | half: chooses the fee."""
    capacity: Mapped[int | None]
    sports: Mapped[list[str]] = mapped_column(sa.JSON)
    sort_key: Mapped[int] = mapped_column(default=0)
    withdrawn_on: Mapped[date | None] = mapped_column(sa.Date)


class OfferingCourt(Base):
    """A court that an offering claims."""

    __tablename__ = "offering_court"

    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offering.id"), primary_key=True)
    court_id: Mapped[int] = mapped_column(sa.ForeignKey("court.id"), primary_key=True, index=True)


class OfferingAccessPoint(Base):
    """An access point (of `locks`, by its id) that a reservation of the offering opens."""

    __tablename__ = "offering_access_point"

    offering_id: Mapped[int] = mapped_column(sa.ForeignKey("offering.id"), primary_key=True)
    access_point_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)


class TimeBand(Base):
    """利用区分: an offered span of a kind of day. The narrowest scope with any for the day counts alone."""

    __tablename__ = "time_band"
    __table_args__ = (
        sa.CheckConstraint("starts_minute % 30 = 0 AND ends_minute % 30 = 0", name="on_grid"),
        sa.CheckConstraint(
            "0 <= starts_minute AND starts_minute < ends_minute AND ends_minute <= 1440", name="in_day"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    facility_id: Mapped[int | None] = mapped_column(sa.ForeignKey("facility.id"))
    space_id: Mapped[int | None] = mapped_column(sa.ForeignKey("space.id"))
    day_kind: Mapped[str] = mapped_column(sa.String(16))
    starts_minute: Mapped[int]
    """Minutes from midnight in Asia/Tokyo."""
    ends_minute: Mapped[int]
    valid_from: Mapped[date] = mapped_column(sa.Date)
    valid_until: Mapped[date | None] = mapped_column(sa.Date)
    """First day on which it no longer counts."""


class Closure(Base):
    """利用不可日: courts that are not to be had in a window; claims their granules."""

    __tablename__ = "closure"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    facility_id: Mapped[int] = mapped_column(sa.ForeignKey("facility.id"))
    space_id: Mapped[int | None] = mapped_column(sa.ForeignKey("space.id"))
    """None: the whole facility."""
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(sa.String(80))
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
