"""Giving a person the right to open doors between two instants, and ending it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import BadInput, NotThere
from core.secrets import Keyring
from locks.models import AccessPoint
from locks.staff import codes
from locks.staff.errors import OwnRight, TooManyStaffCodes
from locks.staff.models import StaffCode, StaffKind, StaffRight

LONGEST = timedelta(days=400)
"""A fiscal year and a month: nobody's right is forever."""
MAX_LABEL = 80
MAX_CODES_PER_GROUP = 40
"""About 4 KiB of a desired state's 12."""


def give(
    session: Session,
    keyring: Keyring,
    *,
    municipality_id: int,
    access_point_ids: Sequence[int],
    person: UUID,
    label: str,
    not_before: datetime,
    not_after: datetime,
    actor: str,
    now: datetime,
) -> int:
    """The id of a right that reaches these access points, with a code of its own at each code group.

    A code group opens with one code, so that the right reaches all access points of the groups named. The
    same right given twice by the same hand is one.

    Raises:
        NotThere: an access point that is not the municipality's.
        OwnRight: the actor is the person.
        BadInput: no access point, no label, or a period that is empty, over or too long.
        TooManyStaffCodes: a code group has 40 already.
    """
    label = label.strip()
    if str(person) == actor:
        raise OwnRight
    _require_sensible(access_point_ids, label, not_before, not_after, now)
    group_ids = _groups_of(session, municipality_id, access_point_ids)
    codes.lock_groups(session, group_ids)
    wanted = StaffRight(
        municipality_id=municipality_id,
        kind=StaffKind.STAFF,
        person=person,
        label=label,
        not_before=not_before,
        not_after=not_after,
        given_by=actor,
        given_at=now,
    )
    same = _same_or_none(session, wanted, group_ids)
    if same is not None:
        return same
    _require_room(session, group_ids, now)
    session.add(wanted)
    session.flush()
    for group_id in group_ids:
        codes.issue(
            session,
            keyring,
            staff_right_id=wanted.id,
            kind=StaffKind.STAFF,
            code_group_id=group_id,
            now=now,
        )
    codes.bump_groups(session, group_ids, now=now)
    detail = {
        "person": str(person),
        "label": label,
        "code_groups": group_ids,
        "not_before": not_before.isoformat(),
        "not_after": not_after.isoformat(),
    }
    _record(session, wanted, "staff_right.give", actor, detail, now=now)
    return wanted.id


def end(session: Session, *, municipality_id: int, staff_right_id: int, actor: str, now: datetime) -> None:
    """Take a person's right back before its time; a second time changes nothing.

    Raises:
        NotThere: no such right of the municipality; an emergency right has nobody to take it from.
    """
    asked = (
        StaffRight.id == staff_right_id,
        StaffRight.municipality_id == municipality_id,
        StaffRight.kind == StaffKind.STAFF,
    )
    group_ids = list(
        session.scalars(
            sa.select(StaffCode.code_group_id)
            .join(StaffRight, StaffRight.id == StaffCode.staff_right_id)
            .where(*asked)
            .distinct()
            .order_by(StaffCode.code_group_id)
        )
    )
    codes.lock_groups(session, group_ids)
    right = session.scalar(
        sa.select(StaffRight).where(*asked).with_for_update().execution_options(populate_existing=True)
    )
    if right is None:
        raise NotThere(f"staff right {staff_right_id}")
    if right.ended_at is not None:
        return
    right.ended_at = now
    living = session.scalars(
        sa.select(StaffCode).where(StaffCode.staff_right_id == right.id, StaffCode.withdrawn_at.is_(None))
    )
    codes.withdraw(session, living.all(), why="ended", now=now)
    codes.bump_groups(session, group_ids, now=now)
    _record(session, right, "staff_right.end", actor, {"person": str(right.person)}, now=now)


def _require_sensible(
    access_point_ids: Sequence[int], label: str, not_before: datetime, not_after: datetime, now: datetime
) -> None:
    if not access_point_ids:
        raise BadInput("access points", sentence="対象の学校を選んでください。")
    if not label or not label.isprintable() or len(label) > MAX_LABEL:
        raise BadInput("label", sentence=f"用途を1行、{MAX_LABEL}字までで入力してください。")
    if not_after <= not_before or not_after <= now:
        raise BadInput("window", sentence="終了は、開始といまより後にしてください。")
    if not_after - max(not_before, now) > LONGEST:
        raise BadInput("window", sentence=f"期間は{LONGEST.days}日までです。")


def _groups_of(session: Session, municipality_id: int, access_point_ids: Sequence[int]) -> list[int]:
    wanted = sorted(set(access_point_ids))
    found = session.execute(
        sa.select(AccessPoint.id, AccessPoint.code_group_id).where(
            AccessPoint.id.in_(wanted), AccessPoint.municipality_id == municipality_id
        )
    ).all()
    if len(found) != len(wanted):
        raise NotThere("access point")
    return sorted({row.code_group_id for row in found})


def _same_or_none(session: Session, wanted: StaffRight, group_ids: Sequence[int]) -> int | None:
    """A form sent twice: the right that the first one made."""
    candidates = session.scalars(
        sa.select(StaffRight.id)
        .where(
            StaffRight.person == wanted.person,
            StaffRight.municipality_id == wanted.municipality_id,
            StaffRight.label == wanted.label,
            StaffRight.not_before == wanted.not_before,
            StaffRight.not_after == wanted.not_after,
            StaffRight.given_by == wanted.given_by,
            StaffRight.ended_at.is_(None),
        )
        .order_by(StaffRight.id)
    ).all()
    for right_id in candidates:
        reached = session.scalars(
            sa.select(StaffCode.code_group_id)
            .where(StaffCode.staff_right_id == right_id, StaffCode.withdrawn_at.is_(None))
            .order_by(StaffCode.code_group_id)
        ).all()
        if list(reached) == list(group_ids):
            return right_id
    return None


def _require_room(session: Session, group_ids: Sequence[int], now: datetime) -> None:
    fullest = session.scalar(
        sa.select(sa.func.count().label("codes"))
        .select_from(StaffCode)
        .join(StaffRight, StaffRight.id == StaffCode.staff_right_id)
        .where(
            StaffCode.code_group_id.in_(group_ids),
            StaffCode.withdrawn_at.is_(None),
            StaffRight.kind == StaffKind.STAFF,
            StaffRight.not_after >= now,
        )
        .group_by(StaffCode.code_group_id)
        .order_by(sa.desc("codes"))
        .limit(1)
    )
    if (fullest or 0) >= MAX_CODES_PER_GROUP:
        raise TooManyStaffCodes


def _record(
    session: Session, right: StaffRight, act: str, actor: str, detail: Mapping[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=right.municipality_id,
        actor=actor,
        act=act,
        subject=f"staff_right:{right.id}",
        detail=detail,
        now=now,
    )
