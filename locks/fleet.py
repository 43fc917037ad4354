"""The locks of a municipality as staff see them. Late and lost are computed here, never said by a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks import battery
from locks.alarms.models import Alarm
from locks.models import AccessPoint, Lock, LockEvent, LockState
from locks.sellable import LOST_AFTER

LATE_AFTER = timedelta(minutes=90)


@dataclass(frozen=True, slots=True)
class LockLine:
    """One lock on the board; `None` where it has not said anything yet."""

    access_point_id: int
    access_point_name: str
    lock_id: str
    last_contact_at: datetime | None
    next_sync_at: datetime | None
    battery_mv: int | None
    applied_version: int
    desired_version: int
    bolt: str | None
    door: str | None
    clock_quality: str | None
    why: str | None
    """What its last hello was for."""
    is_late: bool
    is_lost: bool
    state: LockState


@dataclass(frozen=True, slots=True)
class EventLine:
    """One thing a lock says happened."""

    access_point_id: int
    access_point_name: str
    lock_id: str
    seq: int
    at: datetime
    clock_quality: str
    kind: str
    detail: dict[str, Any]
    holder: UUID | None
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Worst:
    """Some locks of all there are."""

    lines: tuple[LockLine, ...]
    locks: int
    """All that are not dead."""
    troubled: int
    """How many of those want a look."""


def is_late(next_sync_at: datetime | None, now: datetime) -> bool:
    """Whether a contact is overdue by more than 90 minutes."""
    return next_sync_at is not None and now - next_sync_at > LATE_AFTER


def is_lost(last_contact_at: datetime | None, added_at: datetime, now: datetime) -> bool:
    """Whether the last counted hello (before the first: the provisioning) is more than 26 hours ago."""
    return now - (last_contact_at or added_at) > LOST_AFTER


def board(session: Session, *, municipality_id: int, now: datetime) -> list[LockLine]:
    """Every lock that is not dead, by access point."""
    rows = session.execute(_living(municipality_id).order_by(AccessPoint.name, AccessPoint.id))
    return [_line(row, now) for row in rows]


def worst(session: Session, *, municipality_id: int, most: int, now: datetime) -> Worst:
    """At most so many locks, those that want a look first, then by access point; one statement."""
    wants_a_look = sa.case((_wants_a_look(now), 1), else_=0)
    rows = session.execute(
        _living(municipality_id)
        .add_columns(
            sa.func.count().over().label("locks"), sa.func.sum(wants_a_look).over().label("troubled")
        )
        .order_by(wants_a_look.desc(), AccessPoint.name, AccessPoint.id)
        .limit(most)
    ).all()
    lines = tuple(_line(row, now) for row in rows)
    return Worst(lines, locks=rows[0].locks, troubled=rows[0].troubled) if rows else Worst((), 0, 0)


def _living(municipality_id: int) -> Any:
    return (
        sa.select(
            AccessPoint.name,
            Lock.access_point_id,
            Lock.id,
            Lock.last_contact_at,
            Lock.next_sync_at,
            Lock.battery_mv,
            Lock.applied_version,
            Lock.desired_version,
            Lock.bolt,
            Lock.door,
            Lock.clock_quality,
            Lock.why,
            Lock.state,
            Lock.added_at,
        )
        .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .where(Lock.municipality_id == municipality_id, Lock.state != LockState.DEAD)
    )


def _wants_a_look(now: datetime) -> sa.ColumnElement[bool]:
    # A clock that is unknown after a loss of power is set by the answer to that very hello.
    return sa.or_(
        Lock.state == LockState.PROVISIONED,
        Lock.next_sync_at < now - LATE_AFTER,
        sa.func.coalesce(Lock.last_contact_at, Lock.added_at) < now - LOST_AFTER,
        Lock.battery_mv < battery.LOW_MV,
        Lock.bolt == "jammed",
        sa.and_(Lock.clock_quality == "unknown", Lock.why.is_distinct_from("boot")),
        sa.exists().where(Alarm.lock_id == Lock.id, Alarm.ended_at.is_(None)),
    )


def _line(row: Any, now: datetime) -> LockLine:
    return LockLine(
        access_point_id=row.access_point_id,
        access_point_name=row.name,
        lock_id=row.id,
        last_contact_at=row.last_contact_at,
        next_sync_at=row.next_sync_at,
        battery_mv=row.battery_mv,
        applied_version=row.applied_version,
        desired_version=row.desired_version,
        bolt=row.bolt,
        door=row.door,
        clock_quality=row.clock_quality,
        why=row.why,
        is_late=is_late(row.next_sync_at, now),
        is_lost=is_lost(row.last_contact_at, row.added_at, now),
        state=LockState(row.state),
    )


def events(
    session: Session,
    *,
    access_point_ids: Sequence[int],
    since: datetime,
    until: datetime | None = None,
    limit: int,
) -> list[EventLine]:
    """The newest events at these access points in `[since, until)`, newest first, at most `limit`."""
    if not access_point_ids:
        return []
    return _events(session, LockEvent.access_point_id.in_(sorted(set(access_point_ids))), since, until, limit)


def events_of(
    session: Session, *, municipality_id: int, since: datetime, until: datetime | None = None, limit: int
) -> list[EventLine]:
    """The same of all access points of a municipality."""
    return _events(session, AccessPoint.municipality_id == municipality_id, since, until, limit)


def _events(
    session: Session,
    which: sa.ColumnElement[bool],
    since: datetime,
    until: datetime | None,
    limit: int,
) -> list[EventLine]:
    found = (
        sa.select(LockEvent, AccessPoint.name)
        .join(AccessPoint, AccessPoint.id == LockEvent.access_point_id)
        .where(which, LockEvent.at >= since)
    )
    if until is not None:
        found = found.where(LockEvent.at < until)
    rows = session.execute(
        found.order_by(LockEvent.at.desc(), LockEvent.lock_id, LockEvent.seq.desc()).limit(limit)
    )
    return [
        EventLine(
            access_point_id=event.access_point_id,
            access_point_name=name,
            lock_id=event.lock_id,
            seq=event.seq,
            at=event.at,
            clock_quality=event.clock_quality,
            kind=event.kind,
            detail=event.detail,
            holder=event.holder,
            stored_at=event.stored_at,
        )
        for event, name in rows
    ]
