"""Sample people and groups, named as samples. Nobody real, and no address that could receive a mail."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Group, Member, Role
from booking.people.passwords import hash_password
from core.clock import civil_day, fiscal_year
from core.ids import new_id


@dataclass(frozen=True, slots=True)
class _Person:
    mail_address: str
    name: str
    role: Role = Role.RESIDENT


@dataclass(frozen=True, slots=True)
class _GroupOf:
    name: str
    category: str
    sport: str
    members: tuple[str, ...]
    """Mail addresses; the first is the representative."""
    is_approved: bool = True
    is_out_of_town: bool = False
    is_postpaid: bool = False


PEOPLE = (
    _Person("mihon-kanri@example.jp", "見本 管理者", Role.MANAGER),
    _Person("mihon-kanri2@example.jp", "見本 管理者02", Role.MANAGER),
    _Person("mihon-shimin@example.jp", "見本 利用者01"),
    _Person("mihon-shimin2@example.jp", "見本 利用者02"),
    _Person("mihon-shimin3@example.jp", "見本 利用者03"),
    _Person("mihon-shimin4@example.jp", "見本 利用者05"),
    _Person("mihon-hitori@example.jp", "見本 利用者04"),
)
"""The last one is in no group. Two managers: some acts want a second person."""

GROUPS = (
    _GroupOf(
        "見本団体01", "general", "バレーボール", ("mihon-shimin@example.jp", "mihon-shimin2@example.jp")
    ),
    _GroupOf("見本団体02（少年）", "youth", "バスケットボール", ("mihon-shimin2@example.jp",)),
    _GroupOf("見本団体03", "general", "バドミントン", ("mihon-shimin3@example.jp",)),
    _GroupOf("見本団体04（承認前）", "general", "卓球", ("mihon-shimin3@example.jp",), is_approved=False),
    _GroupOf(
        "見本団体05（後納）", "general", "バレーボール", ("mihon-shimin4@example.jp",), is_postpaid=True
    ),
    _GroupOf(
        "見本団体06（市外）",
        "general",
        "バスケットボール",
        ("mihon-shimin4@example.jp",),
        is_out_of_town=True,
    ),
)


def plant_people(session: Session, municipality_id: int, *, sample_password: str, now: datetime) -> None:
    """Add the people and groups that are missing; a password is given only to an account made now."""
    rows = session.execute(
        sa.select(Account.mail_address, Account.id).where(Account.municipality_id == municipality_id)
    )
    accounts = {row.mail_address: row.id for row in rows}
    missing = [person for person in PEOPLE if person.mail_address not in accounts]
    # Argon2 is slow by design: the sample accounts share one hash as they share one password.
    password_hash = hash_password(sample_password) if missing else ""
    for person in missing:
        accounts[person.mail_address] = new_id(now)
        session.add(
            Account(
                id=accounts[person.mail_address],
                municipality_id=municipality_id,
                mail_address=person.mail_address,
                name=person.name,
                password_hash=password_hash,
                role=person.role,
                created_at=now,
            )
        )
    session.flush()
    known = set(session.scalars(sa.select(Group.name).where(Group.municipality_id == municipality_id)))
    year = fiscal_year(civil_day(now))
    for group in GROUPS:
        if group.name in known:
            continue
        made = Group(
            id=new_id(now),
            municipality_id=municipality_id,
            name=group.name,
            category=group.category,
            sport=group.sport,
            approved_from_year=year if group.is_approved else None,
            approved_until_year=year + 1 if group.is_approved else None,
            is_out_of_town=group.is_out_of_town,
            is_postpaid=group.is_postpaid,
        )
        session.add(made)
        session.flush()
        for place, mail_address in enumerate(group.members):
            session.add(
                Member(group_id=made.id, account_id=accounts[mail_address], is_representative=place == 0)
            )
    session.flush()
