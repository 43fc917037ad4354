"""Alarms as staff see them: what waits for a look first, what somebody must look at before the rest."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.alarms.kinds import URGENT, AlarmKind
from locks.alarms.models import Alarm
from locks.models import AccessPoint


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """One alarm."""

    id: int
    access_point_id: int
    access_point_name: str
    lock_id: str | None
    kind: AlarmKind
    subject: str
    began_at: datetime
    last_at: datetime
    count: int
    detail: dict[str, Any]
    ended_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None

    @property
    def is_open(self) -> bool:
        """Whether it lasts and nobody has said yet that it was seen."""
        return self.ended_at is None and self.acknowledged_at is None


IS_OPEN = sa.and_(Alarm.ended_at.is_(None), Alarm.acknowledged_at.is_(None))
_URGENT_FIRST = sa.case((Alarm.kind.in_(sorted(URGENT)), 0), else_=1)


def waiting(
    session: Session, *, municipality_id: int, offset: int = 0, limit: int, kind: AlarmKind | None = None
) -> list[AlarmLine]:
    """What lasts and nobody has seen, urgent first, newest first."""
    return _lines(
        session,
        _SELECT.where(Alarm.municipality_id == municipality_id, IS_OPEN, *_of(kind))
        .order_by(_URGENT_FIRST, Alarm.began_at.desc(), Alarm.id.desc())
        .offset(offset)
        .limit(limit),
    )


def seen(session: Session, *, municipality_id: int, limit: int) -> list[AlarmLine]:
    """What lasts although somebody has seen it, newest first."""
    return _lines(
        session,
        _SELECT.where(
            Alarm.municipality_id == municipality_id,
            Alarm.ended_at.is_(None),
            Alarm.acknowledged_at.is_not(None),
        )
        .order_by(Alarm.began_at.desc(), Alarm.id.desc())
        .limit(limit),
    )


def over(session: Session, *, municipality_id: int, limit: int) -> list[AlarmLine]:
    """What is over, latest end first."""
    return _lines(
        session,
        _SELECT.where(Alarm.municipality_id == municipality_id, Alarm.ended_at.is_not(None))
        .order_by(Alarm.ended_at.desc(), Alarm.id.desc())
        .limit(limit),
    )


def lasting_at(session: Session, access_point_ids: Collection[int]) -> list[AlarmLine]:
    """What lasts at these access points, urgent first."""
    if not access_point_ids:
        return []
    return _lines(
        session,
        _SELECT.where(Alarm.access_point_id.in_(sorted(set(access_point_ids))), Alarm.ended_at.is_(None))
        .order_by(_URGENT_FIRST, Alarm.began_at.desc(), Alarm.id.desc())
        .limit(200),
    )


def open_counts(session: Session, *, municipality_id: int) -> dict[AlarmKind, int]:
    """How many of each kind last and nobody has seen, most first."""
    many = sa.func.count().label("many")
    rows = session.execute(
        sa.select(Alarm.kind, many)
        .where(Alarm.municipality_id == municipality_id, IS_OPEN)
        .group_by(Alarm.kind)
        .order_by(many.desc(), Alarm.kind)
    )
    return {AlarmKind(row.kind): row.many for row in rows}


def _of(kind: AlarmKind | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if kind is None else (Alarm.kind == kind,)


_SELECT = sa.select(Alarm, AccessPoint.name).join(AccessPoint, AccessPoint.id == Alarm.access_point_id)


def _lines(session: Session, statement: sa.Select[Alarm, str]) -> list[AlarmLine]:
    return [
        AlarmLine(
            id=alarm.id,
            access_point_id=alarm.access_point_id,
            access_point_name=name,
            lock_id=alarm.lock_id,
            kind=AlarmKind(alarm.kind),
            subject=alarm.subject,
            began_at=alarm.began_at,
            last_at=alarm.last_at,
            count=alarm.count,
            detail=alarm.detail,
            ended_at=alarm.ended_at,
            acknowledged_at=alarm.acknowledged_at,
            acknowledged_by=alarm.acknowledged_by,
            note=alarm.note,
        )
        for alarm, name in session.execute(statement)
    ]
