"""What use costs, from which day on: rates, factors, terms, relief by class. Part of the catalogue."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

ALL_MONTHS = 0b1111_1111_1111


class FeeRate(Base):
    """使用料: yen for a kind of space and size, from a day on; `fees/tables.py` says which counts when."""

    __tablename__ = "fee_rate"
    __table_args__ = (
        sa.CheckConstraint("yen_per_hour >= 0", name="yen_not_negative"),
        sa.CheckConstraint("unit IN ('hour', 'band')", name="unit_known"),
        sa.CheckConstraint("step_minutes IN (30, 60)", name="step_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    space_kind: Mapped[str] = mapped_column(sa.String(24))
    size: Mapped[str] = mapped_column(sa.String(8))
    item: Mapped[str] = mapped_column(sa.String(16))
    """base | lighting | heating | cooling"""
    yen_per_hour: Mapped[int]
    """Yen for one `unit`; zero takes it off the table."""
    from_minute: Mapped[int] = mapped_column(default=0)
    """Charged for bands that start at or after this minute of the day (lighting: 17:00 = 1020)…"""
    valid_from: Mapped[date] = mapped_column(sa.Date)
    valid_until: Mapped[date | None] = mapped_column(sa.Date)
    """First day on which it no longer counts; an item taken off the table."""
    unit: Mapped[str] = mapped_column(sa.String(8), server_default="hour")
    """hour | band"""
    until_minute: Mapped[int] = mapped_column(server_default="1440", default=1440)
    """…and before this one."""
    months: Mapped[int] = mapped_column(server_default=str(ALL_MONTHS), default=ALL_MONTHS)
    """Season: bit 0 is January. Rates of one item and different seasons stand beside each other."""
    step_minutes: Mapped[int] = mapped_column(server_default="60", default=60)
    """A part of this many minutes counts whole."""


class FeeFactor(Base):
    """割増: percent of an item's price for those from out of town or who take money, from a day on."""

    __tablename__ = "fee_factor"
    __table_args__ = (sa.CheckConstraint("percent >= 100", name="percent_not_less"),)

    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    """out_of_town | commercial"""
    item: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    valid_from: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    percent: Mapped[int]
    """200 doubles it; 100 takes it off the table."""


class FeeTerms(Base):
    """How sums are rounded and taxed, from a day on."""

    __tablename__ = "fee_terms"
    __table_args__ = (
        sa.CheckConstraint("round_to_yen > 0", name="multiple_positive"),
        sa.CheckConstraint("rounding IN ('down', 'half_up', 'up')", name="rounding_known"),
        sa.CheckConstraint("tax_percent BETWEEN 0 AND 100", name="tax_in_range"),
    )

    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    round_to_yen: Mapped[int] = mapped_column(default=1)
    """Every line but added tax is a multiple of it."""
    rounding: Mapped[str] = mapped_column(sa.String(8), default="down")
    """down | half_up | up, of what is charged. Relief and tax are rounded down."""
    tax_percent: Mapped[int] = mapped_column(default=10)
    """消費税; zero: not taxed."""
    is_tax_included: Mapped[bool] = mapped_column(default=True)


class ReliefRate(Base):
    """減免: percent off an item for a category of group, from a day on."""

    __tablename__ = "relief_rate"
    __table_args__ = (sa.CheckConstraint("percent BETWEEN 0 AND 100", name="percent_in_range"),)

    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), primary_key=True)
    category: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    item: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    valid_from: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    percent: Mapped[int]
