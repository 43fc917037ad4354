"""All locks of a municipality at a glance, thirty or thirty thousand: sums, a picture's figures, one page of
lines. The number of statements does not grow with them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks import battery
from locks.alarms.kinds import URGENT, AlarmKind
from locks.alarms.models import Alarm
from locks.fleet import LATE_AFTER
from locks.models import AccessPoint, Lock, LockState
from locks.sellable import LOST_AFTER

HOURS = 24
_MOST_POINTS = 5000


class Show(StrEnum):
    """Which locks."""

    ALL = "all"
    TROUBLED = "troubled"
    """With an alarm that lasts."""
    SILENT = "silent"
    """Late or lost."""
    BATTERY = "battery"
    BEHIND = "behind"
    """Their newest version is not confirmed yet."""
    NEW = "new"
    """Not commissioned yet."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page asks for."""

    show: Show = Show.ALL
    text: str = ""
    """Part of an access point's name, or the beginning of a lock's id."""
    also_at: Collection[int] = ()
    """Access points that the text means by another name, their school's."""


@dataclass(frozen=True, slots=True)
class FleetLine:
    """One lock; `None` where it has not said anything yet."""

    lock_id: str
    access_point_id: int
    access_point_name: str
    kind: str
    state: LockState
    transport: str
    last_contact_at: datetime | None
    next_sync_at: datetime | None
    is_late: bool
    is_lost: bool
    applied_version: int
    desired_version: int
    battery_mv: int | None
    temperature_c: int | None
    rssi_dbm: int | None
    clock_drift_ppm: float | None
    firmware: str | None
    alarms: tuple[AlarmKind, ...]
    """Those that last, urgent first."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Sums over all locks that are not dead."""

    locks: int
    active: int
    new: int
    troubled: int
    late: int
    """Late and not lost."""
    lost: int
    battery: int
    behind: int
    """Active ones whose newest version is not confirmed."""
    by_hour: tuple[int, ...]
    """How many spoke last within the hour that ended 0, 1, … 23 hours ago."""
    before: int
    """How many spoke last before that."""
    never: int
    alarms: dict[AlarmKind, int]
    """Access points with each kind that lasts, most first."""


def overview(session: Session, *, municipality_id: int, now: datetime) -> Overview:
    """The sums; two statements."""
    is_active = Lock.state == LockState.ACTIVE
    hours = [
        _count(
            sa.and_(
                Lock.last_contact_at > now - timedelta(hours=ago + 1),
                Lock.last_contact_at <= now - timedelta(hours=ago),
            )
        ).label(f"h{ago}")
        for ago in range(HOURS)
    ]
    row = session.execute(
        sa.select(
            sa.func.count().label("locks"),
            _count(is_active).label("active"),
            _count(Lock.state == LockState.PROVISIONED).label("new"),
            _count(_has_alarm()).label("troubled"),
            _count(sa.and_(is_active, _is_late(now), ~_is_lost(now))).label("late"),
            _count(sa.and_(is_active, _is_lost(now))).label("lost"),
            _count(_has_alarm(AlarmKind.BATTERY_LOW, AlarmKind.BATTERY_CRITICAL)).label("battery"),
            _count(sa.and_(is_active, Lock.applied_version < Lock.desired_version)).label("behind"),
            _count(Lock.last_contact_at <= now - timedelta(hours=HOURS)).label("before"),
            _count(Lock.last_contact_at.is_(None)).label("never"),
            *hours,
        ).where(Lock.municipality_id == municipality_id, Lock.state != LockState.DEAD)
    ).one()
    return Overview(
        locks=row.locks,
        active=row.active,
        new=row.new,
        troubled=row.troubled,
        late=row.late,
        lost=row.lost,
        battery=row.battery,
        behind=row.behind,
        by_hour=tuple(getattr(row, f"h{ago}") for ago in range(HOURS)),
        before=row.before,
        never=row.never,
        alarms=_alarms(session, municipality_id),
    )


def count(session: Session, *, municipality_id: int, wanted: Wanted, now: datetime) -> int:
    """How many locks a page's question finds."""
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(Lock)
        .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .where(*_where(municipality_id, wanted, now))
    )
    return found or 0


def lines(
    session: Session,
    *,
    municipality_id: int,
    wanted: Wanted,
    offset: int = 0,
    limit: int | None = None,
    now: datetime,
) -> list[FleetLine]:
    """The locks, those in trouble first; two statements."""
    severity = (
        sa.select(sa.func.max(sa.case((Alarm.kind.in_(sorted(URGENT)), 2), else_=1)))
        .where(Alarm.access_point_id == Lock.access_point_id, Alarm.ended_at.is_(None))
        .correlate(Lock)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(*_COLUMNS)
        .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .where(*_where(municipality_id, wanted, now))
        .order_by(sa.func.coalesce(severity, 0).desc(), AccessPoint.name, AccessPoint.id)
        .offset(offset)
        .limit(limit)
    ).all()
    alarms = _lasting(session, municipality_id, [row.access_point_id for row in rows])
    return [_line(row, alarms.get(row.access_point_id, ()), now) for row in rows]


_COLUMNS = (
    Lock.id,
    Lock.access_point_id,
    AccessPoint.name,
    AccessPoint.kind,
    Lock.state,
    Lock.transport,
    Lock.last_contact_at,
    Lock.next_sync_at,
    Lock.commissioned_at,
    Lock.added_at,
    Lock.applied_version,
    Lock.desired_version,
    Lock.battery_mv,
    Lock.temperature_c,
    Lock.rssi_dbm,
    Lock.clock_drift_ppm,
    Lock.firmware,
)


def _line(row: Any, alarms: tuple[AlarmKind, ...], now: datetime) -> FleetLine:
    is_active = row.state == LockState.ACTIVE
    heard_at = row.last_contact_at or row.commissioned_at or row.added_at
    is_lost = is_active and now - heard_at > LOST_AFTER
    return FleetLine(
        lock_id=row.id,
        access_point_id=row.access_point_id,
        access_point_name=row.name,
        kind=row.kind,
        state=LockState(row.state),
        transport=row.transport,
        last_contact_at=row.last_contact_at,
        next_sync_at=row.next_sync_at,
        is_late=is_active
        and not is_lost
        and row.next_sync_at is not None
        and now - row.next_sync_at > LATE_AFTER,
        is_lost=is_lost,
        applied_version=row.applied_version,
        desired_version=row.desired_version,
        battery_mv=row.battery_mv,
        temperature_c=row.temperature_c,
        rssi_dbm=row.rssi_dbm,
        clock_drift_ppm=row.clock_drift_ppm,
        firmware=row.firmware,
        alarms=alarms,
    )


def _where(municipality_id: int, wanted: Wanted, now: datetime) -> list[sa.ColumnElement[bool]]:
    is_active = Lock.state == LockState.ACTIVE
    shown: dict[Show, list[sa.ColumnElement[bool]]] = {
        Show.ALL: [],
        Show.TROUBLED: [_has_alarm()],
        Show.SILENT: [is_active, sa.or_(_is_late(now), _is_lost(now))],
        Show.BATTERY: [
            sa.or_(
                _has_alarm(AlarmKind.BATTERY_LOW, AlarmKind.BATTERY_CRITICAL),
                Lock.battery_mv < battery.LOW_MV,
            )
        ],
        Show.BEHIND: [is_active, Lock.applied_version < Lock.desired_version],
        Show.NEW: [Lock.state == LockState.PROVISIONED],
    }
    found = [Lock.municipality_id == municipality_id, Lock.state != LockState.DEAD, *shown[wanted.show]]
    if wanted.text:
        found.append(
            sa.or_(
                AccessPoint.name.contains(wanted.text, autoescape=True),
                Lock.id.startswith(wanted.text.lower(), autoescape=True),
                AccessPoint.id.in_(sorted(wanted.also_at)[:_MOST_POINTS]),
            )
        )
    return found


def _has_alarm(*kinds: AlarmKind) -> sa.ColumnElement[bool]:
    lasting = sa.select(Alarm.id).where(
        Alarm.access_point_id == Lock.access_point_id, Alarm.ended_at.is_(None)
    )
    return (lasting.where(Alarm.kind.in_(kinds)) if kinds else lasting).correlate(Lock).exists()


def _is_late(now: datetime) -> sa.ColumnElement[bool]:
    return Lock.next_sync_at < now - LATE_AFTER


def _is_lost(now: datetime) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(Lock.last_contact_at, Lock.commissioned_at, Lock.added_at) < now - LOST_AFTER


def _count(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((which, 1), else_=0)), 0)


def _alarms(session: Session, municipality_id: int) -> dict[AlarmKind, int]:
    many = sa.func.count(sa.distinct(Alarm.access_point_id)).label("many")
    rows = session.execute(
        sa.select(Alarm.kind, many)
        .where(Alarm.municipality_id == municipality_id, Alarm.ended_at.is_(None))
        .group_by(Alarm.kind)
        .order_by(many.desc(), Alarm.kind)
    )
    return {AlarmKind(row.kind): row.many for row in rows}


def _lasting(
    session: Session, municipality_id: int, access_point_ids: Collection[int]
) -> dict[int, tuple[AlarmKind, ...]]:
    statement = sa.select(Alarm.access_point_id, Alarm.kind).where(
        Alarm.municipality_id == municipality_id, Alarm.ended_at.is_(None)
    )
    if len(access_point_ids) <= _MOST_POINTS:
        statement = statement.where(Alarm.access_point_id.in_(access_point_ids))
    found: dict[int, set[AlarmKind]] = {}
    for point, kind in session.execute(statement):
        found.setdefault(point, set()).add(AlarmKind(kind))
    return {
        point: tuple(sorted(kinds, key=lambda kind: (kind not in URGENT, kind)))
        for point, kinds in found.items()
    }
