"""Raising, ending and acknowledging an alarm. One row while it lasts; people are told once, as it begins."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.database import insert_into
from core.errors import BadInput, NotThere
from locks.alarms.kinds import ONCE, AlarmKind
from locks.alarms.models import Alarm
from locks.callbacks import AlarmTold, Callbacks
from locks.models import AccessPoint, Lock

MAX_NOTE = 400


def raise_alarm(
    session: Session,
    callbacks: Callbacks,
    *,
    access_point_id: int,
    lock_id: str | None,
    kind: AlarmKind,
    subject: str = "",
    detail: Mapping[str, Any],
    holder: UUID | None = None,
    now: datetime,
) -> bool:
    """Whether this is where the alarm begins; while it lasts, again is counted and nobody is told twice.

    `detail` holds numbers and short words, never a code; the newest is kept. `subject` tells two alarms of a
    kind at one access point apart.

    Raises:
        sqlalchemy.exc.NoResultFound: there is no such access point.
    """
    point = session.get_one(AccessPoint, access_point_id)
    statement = insert_into(session, Alarm).values(
        municipality_id=point.municipality_id,
        access_point_id=access_point_id,
        lock_id=lock_id,
        kind=str(kind),
        subject=subject,
        began_at=now,
        last_at=now,
        count=1,
        detail=dict(detail),
    )
    alarm_id, count = session.execute(
        statement.on_conflict_do_update(
            index_elements=["access_point_id", "kind", "subject"],
            index_where=sa.text("ended_at IS NULL"),
            set_={
                "count": Alarm.count + 1,
                "last_at": statement.excluded.last_at,
                "detail": statement.excluded.detail,
                "lock_id": statement.excluded.lock_id,
            },
        ).returning(Alarm.id, Alarm.count)
    ).one()
    if count > 1:
        return False
    told = AlarmTold(
        id=alarm_id,
        municipality_id=point.municipality_id,
        access_point_id=access_point_id,
        access_point_name=point.name,
        kind=str(kind),
        detail=dict(detail),
        holder=holder,
    )
    callbacks.alarm_began(session, alarm=told, now=now)
    return True


def raise_of_lock(
    session: Session,
    callbacks: Callbacks,
    lock: Lock,
    kind: AlarmKind,
    detail: Mapping[str, Any],
    *,
    subject: str = "",
    holder: UUID | None = None,
    now: datetime,
) -> bool:
    """The same of a lock, at the access point where it is."""
    return raise_alarm(
        session,
        callbacks,
        access_point_id=lock.access_point_id,
        lock_id=lock.id,
        kind=kind,
        subject=subject,
        detail=detail,
        holder=holder,
        now=now,
    )


def end_alarm(
    session: Session, *, access_point_id: int, kind: AlarmKind, subject: str = "", now: datetime
) -> bool:
    """Its cause is over; whether it lasted until now. Seen or not, it stays on record."""
    ended = session.scalars(
        sa.update(Alarm)
        .where(
            Alarm.access_point_id == access_point_id,
            Alarm.kind == str(kind),
            Alarm.subject == subject,
            Alarm.ended_at.is_(None),
        )
        .values(ended_at=now)
        .returning(Alarm.id)
        .execution_options(synchronize_session=False)
    )
    return ended.first() is not None


def acknowledge(
    session: Session, *, alarm_id: int, municipality_id: int, actor: str, note: str, now: datetime
) -> Alarm:
    """Somebody has seen it; what only happened once is over with that. A second time changes nothing.

    Raises:
        NotThere: no such alarm in this municipality.
        BadInput: a note of more than 400 characters.
    """
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise BadInput("note", sentence=f"メモは{MAX_NOTE}文字以内で書いてください。")
    alarm = session.scalar(
        sa.select(Alarm)
        .where(Alarm.id == alarm_id, Alarm.municipality_id == municipality_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if alarm is None:
        raise NotThere()
    if alarm.acknowledged_at is not None:
        return alarm
    alarm.acknowledged_at, alarm.acknowledged_by, alarm.note = now, actor, note or None
    if alarm.kind in ONCE and alarm.ended_at is None:
        alarm.ended_at = now
    session.flush()
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=actor,
        act="alarm.acknowledge",
        subject=str(alarm.id),
        detail={"kind": alarm.kind, "access_point": alarm.access_point_id},
        now=now,
    )
    return alarm
