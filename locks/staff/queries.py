"""Staff rights as pages show them; digits only to the person they belong to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.secrets import Keyring
from locks.models import AccessPoint, DesiredVersion, Lock, LockState
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode, StaffKind, StaffRight


class RightState(StrEnum):
    """Where a right stands in time."""

    COMING = "coming"
    VALID = "valid"
    OVER = "over"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RightLine:
    """A person's right as managers see it: no digits."""

    id: int
    person: UUID
    label: str
    not_before: datetime
    not_after: datetime
    given_at: datetime
    ended_at: datetime | None
    state: RightState
    access_points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonCode:
    """One code of a person's right at one code group; its text form hides the digits."""

    access_point_ids: tuple[int, ...]
    access_points: tuple[str, ...]
    code: str | None = field(repr=False)
    """None outside the right's validity."""
    is_on_locks: bool
    """Every lock of the group has confirmed a version that lists it."""
    is_replacement: bool
    """Its digits are not those that the right was given with."""


@dataclass(frozen=True, slots=True)
class PersonRight:
    """A right as its person sees it."""

    id: int
    label: str
    not_before: datetime
    not_after: datetime
    state: RightState
    codes: tuple[PersonCode, ...]


def rights_of(session: Session, *, municipality_id: int, now: datetime) -> list[RightLine]:
    """The rights of a municipality's persons, the newest 500: those that last or are to come first."""
    rows = session.scalars(
        sa.select(StaffRight)
        .where(StaffRight.municipality_id == municipality_id, StaffRight.kind == StaffKind.STAFF)
        .order_by(
            sa.and_(StaffRight.ended_at.is_(None), StaffRight.not_after >= now).desc(), StaffRight.id.desc()
        )
        .limit(500)
    ).all()
    points = _points_by_right(session, [row.id for row in rows])
    return [
        RightLine(
            id=row.id,
            person=row.person,
            label=row.label,
            not_before=row.not_before,
            not_after=row.not_after,
            given_at=row.given_at,
            ended_at=row.ended_at,
            state=state_of(row, now),
            access_points=tuple(points.get(row.id, ())),
        )
        for row in rows
        if row.person is not None
    ]


def codes_of_person(session: Session, keyring: Keyring, *, person: UUID, now: datetime) -> list[PersonRight]:
    """A person's rights that are neither ended nor over, with the digits of those that are valid now."""
    rights = session.scalars(
        sa.select(StaffRight)
        .where(
            StaffRight.person == person,
            StaffRight.kind == StaffKind.STAFF,
            StaffRight.ended_at.is_(None),
            StaffRight.not_after >= now,
        )
        .order_by(StaffRight.not_before, StaffRight.id)
    ).all()
    codes = session.scalars(
        sa.select(StaffCode)
        .where(StaffCode.staff_right_id.in_([right.id for right in rights]), StaffCode.withdrawn_at.is_(None))
        .order_by(StaffCode.code_group_id)
    ).all()
    points = _points_of_groups(session, [code.code_group_id for code in codes])
    known = _gids_on_locks(session, [point for of_one in points.values() for point, _ in of_one])
    shown = []
    for right in rights:
        state = state_of(right, now)
        own = [code for code in codes if code.staff_right_id == right.id]
        shown.append(
            PersonRight(
                id=right.id,
                label=right.label,
                not_before=right.not_before,
                not_after=right.not_after,
                state=state,
                codes=tuple(
                    PersonCode(
                        access_point_ids=tuple(point for point, _ in points[code.code_group_id]),
                        access_points=tuple(name for _, name in points[code.code_group_id]),
                        code=digits_of(keyring, code) if state is RightState.VALID else None,
                        is_on_locks=all(
                            code.gid in known.get(point, ()) for point, _ in points[code.code_group_id]
                        ),
                        is_replacement=code.issued_at > right.given_at,
                    )
                    for code in own
                ),
            )
        )
    return shown


def has_rights(session: Session, *, person: UUID, now: datetime) -> bool:
    """Whether `codes_of_person` would find any."""
    found = sa.exists().where(
        StaffRight.person == person,
        StaffRight.kind == StaffKind.STAFF,
        StaffRight.ended_at.is_(None),
        StaffRight.not_after >= now,
    )
    return bool(session.scalar(sa.select(found)))


def reaches_now(session: Session, *, person: UUID, access_point_id: int, now: datetime) -> bool:
    """Whether a person has a right at an access point that is valid now."""
    found = sa.exists().where(
        StaffCode.staff_right_id == StaffRight.id,
        StaffCode.withdrawn_at.is_(None),
        StaffRight.person == person,
        StaffRight.kind == StaffKind.STAFF,
        StaffRight.ended_at.is_(None),
        StaffRight.not_before <= now,
        StaffRight.not_after >= now,
        AccessPoint.code_group_id == StaffCode.code_group_id,
        AccessPoint.id == access_point_id,
    )
    return bool(session.scalar(sa.select(found)))


def state_of(right: StaffRight, now: datetime) -> RightState:
    """Where a right stands at an instant."""
    if right.ended_at is not None:
        return RightState.ENDED
    if now > right.not_after:
        return RightState.OVER
    return RightState.VALID if now >= right.not_before else RightState.COMING


def _points_by_right(session: Session, right_ids: Sequence[int]) -> dict[int, list[str]]:
    rows = session.execute(
        sa.select(StaffCode.staff_right_id, AccessPoint.name)
        .join(AccessPoint, AccessPoint.code_group_id == StaffCode.code_group_id)
        .where(StaffCode.staff_right_id.in_(right_ids))
        .distinct()
        .order_by(StaffCode.staff_right_id, AccessPoint.name)
    )
    found: dict[int, list[str]] = {}
    for right_id, name in rows:
        found.setdefault(right_id, []).append(name)
    return found


def _points_of_groups(session: Session, group_ids: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    rows = session.execute(
        sa.select(AccessPoint.code_group_id, AccessPoint.id, AccessPoint.name)
        .where(AccessPoint.code_group_id.in_(sorted(set(group_ids))))
        .order_by(AccessPoint.name, AccessPoint.id)
    )
    found: dict[int, list[tuple[int, str]]] = {group_id: [] for group_id in group_ids}
    for group_id, point_id, name in rows:
        found[group_id].append((point_id, name))
    return found


def _gids_on_locks(session: Session, access_point_ids: Sequence[int]) -> Mapping[int, frozenset[str]]:
    """{access point: gids in the version that its lock has confirmed}."""
    rows = session.execute(
        sa.select(Lock.access_point_id, DesiredVersion.payload)
        .join(
            DesiredVersion,
            sa.and_(DesiredVersion.lock_id == Lock.id, DesiredVersion.version == Lock.applied_version),
        )
        .where(Lock.access_point_id.in_(sorted(set(access_point_ids))), Lock.state != LockState.DEAD)
    )
    return {
        access_point_id: frozenset(str(row[0]) for row in json.loads(payload)["staff"])
        for access_point_id, payload in rows
    }
