"""Who acts: read from the session token in one statement, with groups and the catalogue's version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

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


_STATEMENT = (
    sa.select(
        Account.id,
        Account.municipality_id,
        Account.role,
        Account.name,
        Account.mail_address,
        Municipality.catalogue_version,
        Group.id,
        Group.name,
        Group.category,
        Group.approved_from_year,
        Group.approved_until_year,
    )
    .select_from(AccountSession)
    .join(Account, Account.id == AccountSession.account_id)
    .join(Municipality, Municipality.id == Account.municipality_id)
    .outerjoin(Member, Member.account_id == Account.id)
    .outerjoin(Group, sa.and_(Group.id == Member.group_id, Group.municipality_id == Account.municipality_id))
    .where(
        AccountSession.token_digest == sa.bindparam("digest"),
        AccountSession.revoked_at.is_(None),
        AccountSession.expires_at > sa.bindparam("now", type_=AccountSession.expires_at.type),
        Account.disabled_at.is_(None),
    )
    .order_by(Group.name, Group.id)
)


def actor_of(session: Session, token: str, *, now: datetime) -> Actor | None:
    """The actor of a session token, or None: unknown, revoked, run out, or its account disabled."""
    # Typed by the dataclasses it fills: a statement of eleven columns is beyond the stubs.
    rows: Sequence[Any] = session.execute(_STATEMENT, {"digest": token_digest(token), "now": now}).all()
    if not rows:
        return None
    account_id, municipality_id, role, name, mail_address, version = rows[0][:6]
    groups = tuple(GroupOfActor(*row[6:]) for row in rows if row[6] is not None)
    return Actor(account_id, municipality_id, Role(role), name, mail_address, groups, version)
