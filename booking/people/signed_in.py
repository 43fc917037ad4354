"""Who acts: read from the session token in one statement, with groups and the catalogue's version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.payer import Payer
from booking.fees.relief_models import ReliefApplication
from booking.people.models import Account, AccountSession, Group, Member, Role
from booking.places.models import Municipality
from core.clock import fiscal_year
from core.ids import token_digest


@dataclass(frozen=True, slots=True)
class GroupOfActor:
    """A group that the actor may act for."""

    id: UUID
    name: str
    category: str
    approved_from_year: int | None
    approved_until_year: int | None
    is_out_of_town: bool = False
    is_commercial: bool = False
    is_postpaid: bool = False
    has_relief: bool = False
    """An application for relief was granted, for whatever days: only then is it worth asking for which."""

    @property
    def payer(self) -> Payer:
        """What its fees go by."""
        return Payer(self.category, self.is_out_of_town, self.is_commercial)

    def is_approved_on(self, day: date) -> bool:
        """Whether its registration covers the fiscal year of a civil day."""
        if self.approved_from_year is None or self.approved_until_year is None:
            return False
        return self.approved_from_year <= fiscal_year(day) <= self.approved_until_year


@dataclass(frozen=True, slots=True)
class Actor:
    """The account behind a request, as it is in the same transaction."""

    account_id: UUID
    municipality_id: int
    role: Role
    name: str
    mail_address: str
    groups: tuple[GroupOfActor, ...]
    catalogue_version: int

    @property
    def is_manager(self) -> bool:
        """Whether the manager pages are this account's."""
        return self.role is Role.MANAGER

    def group_or_none(self, group_id: UUID) -> GroupOfActor | None:
        """The actor's group with this id."""
        return next((group for group in self.groups if group.id == group_id), None)


def _statement() -> sa.Select[Any]:
    # Columns of tables, not of mapped classes: every request runs it, and the mapper's share would be half.
    session, account, municipality, member, group, relief = (
        kind.__table__ for kind in (AccountSession, Account, Municipality, Member, Group, ReliefApplication)
    )
    return (
        sa.select(
            account.c.id,
            account.c.municipality_id,
            account.c.role,
            account.c.name,
            account.c.mail_address,
            municipality.c.catalogue_version,
            group.c.id,
            group.c.name,
            group.c.category,
            group.c.approved_from_year,
            group.c.approved_until_year,
            group.c.is_out_of_town,
            group.c.is_commercial,
            group.c.is_postpaid,
            sa.exists().where(relief.c.group_id == group.c.id, relief.c.state == "granted"),
        )
        .select_from(session)
        .join(account, account.c.id == session.c.account_id)
        .join(municipality, municipality.c.id == account.c.municipality_id)
        .outerjoin(member, member.c.account_id == account.c.id)
        .outerjoin(
            group,
            sa.and_(group.c.id == member.c.group_id, group.c.municipality_id == account.c.municipality_id),
        )
        .where(
            session.c.token_digest == sa.bindparam("digest"),
            session.c.revoked_at.is_(None),
            session.c.expires_at > sa.bindparam("now", type_=session.c.expires_at.type),
            account.c.disabled_at.is_(None),
        )
        .order_by(group.c.name, group.c.id)
    )


_STATEMENT = _statement()


def actor_of(session: Session, token: str, *, now: datetime) -> Actor | None:
    """The actor of a session token, or None: unknown, revoked, run out, or its account disabled."""
    # Typed by the dataclasses it fills: a statement of so many columns is beyond the stubs.
    rows: Sequence[Any] = session.execute(_STATEMENT, {"digest": token_digest(token), "now": now}).all()
    if not rows:
        return None
    account_id, municipality_id, role, name, mail_address, version = rows[0][:6]
    groups = tuple(GroupOfActor(*row[6:]) for row in rows if row[6] is not None)
    return Actor(account_id, municipality_id, Role(role), name, mail_address, groups, version)
