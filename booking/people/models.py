"""Who uses the system: accounts, their sessions, groups and who belongs to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime


class Role(StrEnum):
    """What an account may see beyond its own things."""

    RESIDENT = "resident"
    MANAGER = "manager"


class Account(Base):
    """A person who signs in."""

    __tablename__ = "account"
    __table_args__ = (sa.UniqueConstraint("municipality_id", "mail_address"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"))
    mail_address: Mapped[str] = mapped_column(sa.String(254))
    """Lower case."""
    name: Mapped[str] = mapped_column(sa.String(80))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    """argon2id, encoded."""
    role: Mapped[str] = mapped_column(sa.String(16), default=Role.RESIDENT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AccountSession(Base):
    """A signed-in device. The cookie holds the token, the row its digest; revoked rows are dead at once."""

    __tablename__ = "account_session"

    token_digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    device: Mapped[str] = mapped_column(sa.String(120))


class SignInFailure(Base):
    """A failed sign-in; slows the next ones from the same place, never locks the account for its owner."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (
        sa.Index("ix_sign_in_failure_mail", "mail_digest", "at"),
        sa.Index("ix_sign_in_failure_place", "place_digest", "at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    mail_digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    place_digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Group(Base):
    """団体: has the right to book, for the fiscal years it is approved for."""

    __tablename__ = "user_group"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(sa.ForeignKey("municipality.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    category: Mapped[str] = mapped_column(sa.String(16))
    """general | youth; relief and priority go by it."""
    sport: Mapped[str | None] = mapped_column(sa.String(40))
    approved_from_year: Mapped[int | None]
    """First fiscal year of the approval; None: not approved yet."""
    approved_until_year: Mapped[int | None]
    """Last fiscal year of the approval."""
    is_out_of_town: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    """市外: too few of its members live, work or learn in the municipality; its fees have a factor."""
    is_commercial: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    """営利: it takes money of those who come; its fees have a factor."""
    is_postpaid: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    """後納: approved to pay by monthly invoice."""


class Member(Base):
    """構成員 who may act for a group."""

    __tablename__ = "member"

    group_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user_group.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("account.id"), primary_key=True, index=True)
    is_representative: Mapped[bool] = mapped_column(default=False)
