"""Emergency codes: every code group has exactly one that lives; a used one is replaced at once.

It opens without clock, network or lease, so that it is worth as much as the safe it is kept in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.secrets import Keyring
from locks.alarms.kinds import AlarmKind
from locks.alarms.raising import raise_of_lock
from locks.callbacks import Callbacks
from locks.models import AccessPoint, CodeGroup, Lock
from locks.staff import codes
from locks.staff.models import StaffCode, StaffKind, StaffRight

_FOR_GOOD = datetime(2100, 1, 1, tzinfo=UTC)
_BATCH = 200
"""Code groups in one transaction; the rest waits for the job's next run."""


@dataclass(frozen=True, slots=True)
class SheetLine:
    """An access point on the sheet for the safe; its text form hides the digits."""

    access_point_id: int
    access_point_name: str
    code_group_id: int
    gid: str
    code: str = field(repr=False)
    issued_at: datetime
    printed_at: datetime | None
    """When this code last went onto a sheet, before this one."""


def ensure_all(session: Session, keyring: Keyring, *, now: datetime) -> int:
    """`ensure` for every municipality; how many code groups got a code. A worker's job."""
    every = sa.select(CodeGroup.municipality_id).distinct().order_by(CodeGroup.municipality_id)
    return sum(
        ensure(session, keyring, municipality_id=municipality_id, now=now)
        for municipality_id in session.scalars(every).all()
    )


def ensure(session: Session, keyring: Keyring, *, municipality_id: int, now: datetime) -> int:
    """Give a code to the municipality's code groups that have none; how many got one."""
    wanted = _without_code(session, municipality_id)
    if not wanted:
        return 0
    return _issue_where_missing(session, keyring, municipality_id, wanted, now=now)


def ensure_group(session: Session, keyring: Keyring, *, code_group_id: int, now: datetime) -> None:
    """`ensure` for one code group, as it comes to be."""
    municipality_id = session.get_one(CodeGroup, code_group_id).municipality_id
    _issue_where_missing(session, keyring, municipality_id, [code_group_id], now=now)


def used(
    session: Session,
    keyring: Keyring,
    callbacks: Callbacks,
    *,
    gid: str,
    lock: Lock,
    at: datetime,
    now: datetime,
) -> None:
    """An emergency code opened a lock: alarm, withdraw it, issue the next one.

    The lock holds the used code as burned until a version without it arrives, so that withdrawing and
    replacing are one act. A gid that is no emergency code of the lock's code group changes nothing; one that
    has been replaced already (a second door, or the same in an outage) is an alarm and no more.
    """
    point = session.get_one(AccessPoint, lock.access_point_id)
    found = sa.select(StaffCode).where(
        StaffCode.gid == gid,
        StaffCode.code_group_id == point.code_group_id,
        StaffCode.staff_right_id.in_(_rights(point.municipality_id)),
    )
    if session.scalar(found) is None:
        return
    codes.lock_groups(session, [point.code_group_id])
    code = session.scalars(found.execution_options(populate_existing=True)).one()
    if code.withdrawn_at is None:
        codes.withdraw(session, [code], why="used", now=now)
        issued = _issue(session, keyring, code.staff_right_id, point.code_group_id, now=now)
        codes.bump_groups(session, [point.code_group_id], now=now)
        detail = {"code_group": point.code_group_id, "next": issued, "at": at.isoformat(), "lock": lock.id}
        _record(session, point.municipality_id, "emergency.used", f"staff_code:{gid}", detail, now=now)
    raise_of_lock(
        session, callbacks, lock, AlarmKind.EMERGENCY_USED, {"at": at.isoformat()}, subject=gid, now=now
    )


def replace_group(
    session: Session, keyring: Keyring, *, code_group_id: int, why: str, actor: str = "system", now: datetime
) -> None:
    """New digits for every staff and emergency right of a code group: who has one of its locks may have
    learned them.

    `why` is a short word (`stolen`). Persons find the new digits on their own page.
    """
    (group,) = codes.lock_groups(session, [code_group_id])
    rows = session.execute(
        sa.select(StaffCode, StaffRight)
        .join(StaffRight, StaffRight.id == StaffCode.staff_right_id)
        .where(StaffCode.code_group_id == code_group_id, StaffCode.withdrawn_at.is_(None))
        .order_by(StaffCode.gid)
        .execution_options(populate_existing=True)
    ).all()
    codes.withdraw(session, [code for code, _ in rows], why=why, now=now)
    for _, right in rows:
        if right.ended_at is None and right.not_after > now:
            codes.issue(
                session,
                keyring,
                staff_right_id=right.id,
                kind=StaffKind(right.kind),
                code_group_id=code_group_id,
                now=now,
            )
    codes.bump_groups(session, [code_group_id], now=now)
    audit.record(
        session,
        municipality_id=group.municipality_id,
        actor=actor,
        act="staff_codes.replace",
        subject=f"code_group:{code_group_id}",
        detail={"why": why, "replaced": len(rows)},
        now=now,
    )


def sheet(
    session: Session, keyring: Keyring, *, municipality_id: int, actor: str, now: datetime
) -> list[SheetLine]:
    """Every access point with its emergency code, by name, for paper in a safe; marks them as printed now.

    The reveal is in the audit chain; how the lines are grouped and printed is the caller's business.
    """
    rows = session.execute(
        sa.select(AccessPoint, StaffCode)
        .join(StaffCode, StaffCode.code_group_id == AccessPoint.code_group_id)
        .where(
            AccessPoint.municipality_id == municipality_id,
            StaffCode.withdrawn_at.is_(None),
            StaffCode.staff_right_id.in_(_rights(municipality_id)),
        )
        .order_by(AccessPoint.name, AccessPoint.id)
    ).all()
    lines = [
        SheetLine(
            access_point_id=point.id,
            access_point_name=point.name,
            code_group_id=point.code_group_id,
            gid=code.gid,
            code=codes.digits_of(keyring, code),
            issued_at=code.issued_at,
            printed_at=code.printed_at,
        )
        for point, code in rows
    ]
    for _, code in rows:
        code.printed_at = now
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=actor,
        act="emergency.sheet",
        subject=f"municipality:{municipality_id}",
        detail={"codes": len({line.gid for line in lines}), "access_points": len(lines)},
        now=now,
    )
    return lines


def printed_at(session: Session, *, municipality_id: int) -> datetime | None:
    """Since when the paper in the safe is right: None where some living code is on no paper yet."""
    living = (
        StaffCode.withdrawn_at.is_(None),
        StaffCode.staff_right_id.in_(_rights(municipality_id)),
    )
    if session.scalar(sa.select(sa.exists().where(*living, StaffCode.printed_at.is_(None)))):
        return None
    return session.scalar(sa.select(sa.func.min(StaffCode.printed_at)).where(*living))


def _rights(municipality_id: int) -> sa.Select[int]:
    return sa.select(StaffRight.id).where(
        StaffRight.municipality_id == municipality_id, StaffRight.kind == StaffKind.EMERGENCY
    )


def _without_code(session: Session, municipality_id: int, *among: sa.ColumnElement[bool]) -> list[int]:
    has_one = sa.exists().where(
        StaffCode.code_group_id == CodeGroup.id,
        StaffCode.withdrawn_at.is_(None),
        StaffCode.staff_right_id.in_(_rights(municipality_id)),
    )
    return list(
        session.scalars(
            sa.select(CodeGroup.id)
            .where(CodeGroup.municipality_id == municipality_id, ~has_one, *among)
            .order_by(CodeGroup.id)
            .limit(_BATCH)
        )
    )


def _issue_where_missing(
    session: Session, keyring: Keyring, municipality_id: int, wanted: Sequence[int], *, now: datetime
) -> int:
    codes.lock_groups(session, wanted)
    # Asked again with the rows held: somebody else may have been quicker.
    missing = _without_code(session, municipality_id, CodeGroup.id.in_(wanted))
    if not missing:
        return 0
    right_id = _right(session, municipality_id, now)
    for group_id in missing:
        _issue(session, keyring, right_id, group_id, now=now)
    codes.bump_groups(session, missing, now=now)
    return len(missing)


def _right(session: Session, municipality_id: int, now: datetime) -> int:
    existing = session.scalar(_rights(municipality_id).order_by(StaffRight.id).limit(1))
    if existing is not None:
        return existing
    right = StaffRight(
        municipality_id=municipality_id,
        kind=StaffKind.EMERGENCY,
        person=None,
        label="緊急用",
        not_before=now,
        not_after=_FOR_GOOD,
        given_by="system",
        given_at=now,
    )
    session.add(right)
    session.flush()
    return right.id


def _issue(session: Session, keyring: Keyring, right_id: int, code_group_id: int, *, now: datetime) -> str:
    return codes.issue(
        session,
        keyring,
        staff_right_id=right_id,
        kind=StaffKind.EMERGENCY,
        code_group_id=code_group_id,
        now=now,
    )


def _record(
    session: Session,
    municipality_id: int,
    act: str,
    subject: str,
    detail: dict[str, object],
    *,
    now: datetime,
) -> None:
    audit.record(
        session,
        municipality_id=municipality_id,
        actor="system",
        act=act,
        subject=subject,
        detail=detail,
        now=now,
    )
