"""Alarms of locks, told to the managers by mail: soon, and not a mail for each of a thousand.

An alarm owes a row in the transaction in which it begins. A job of the worker gathers the rows of a kind into
one mail, and then is silent about that kind for a while.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fleet.alarm_words import detail_in_words, words_of
from booking.notices import mail, staff
from booking.places.access_points import facility_names, full_name
from booking.places.catalogue import catalogue
from core import owed
from core.clock import civil_day
from core.owed import Owed
from core.window import granule_of
from locks.alarms.kinds import URGENT, AlarmKind
from locks.alarms.models import Alarm
from locks.callbacks import AlarmTold
from locks.models import AccessPoint, Grant

KIND = "lock_alarm"
GATHERED_FOR = timedelta(minutes=2)
"""So long after the newest of a kind a mail waits for more of them, unless it is urgent."""
_GATHERED_AT_MOST = timedelta(minutes=10)
SILENT_FOR = timedelta(hours=1)
_URGENT_SILENT_FOR = timedelta(minutes=10)
NEAR = timedelta(hours=3)
"""A late lock is worth a mail where a reservation begins within this; else only once it is lost."""
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
_LISTED = 20


def alarm_began(session: Session, *, alarm: AlarmTold, now: datetime) -> None:
    """Owe the managers the news of an alarm; one statement."""
    owed.owe(
        session,
        municipality_id=alarm.municipality_id,
        kind=KIND,
        key=f"{alarm.kind}:{alarm.id}",
        payload={"alarm_id": alarm.id, "kind": alarm.kind},
        now=now,
    )


def tell_due(session: Session, *, now: datetime, limit: int = 5000) -> int:
    """Gather what is due into mails to every manager; how many alarms have been told or are over."""
    rows = session.scalars(
        sa.select(Owed)
        .where(Owed.kind == KIND, Owed.due_at <= now)
        .order_by(Owed.created_at, Owed.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    by_kind: dict[tuple[int, str], list[Owed]] = defaultdict(list)
    for row in rows:
        by_kind[row.municipality_id, row.payload["kind"]].append(row)
    done = 0
    for (municipality_id, kind), group in sorted(by_kind.items()):
        done += _tell(session, municipality_id, AlarmKind(kind), group, now=now)
    session.flush()
    return done


def _tell(
    session: Session, municipality_id: int, kind: AlarmKind, rows: Sequence[Owed], *, now: datetime
) -> int:
    alarms = _lasting(session, [row.payload["alarm_id"] for row in rows])
    over = [row for row in rows if row.payload["alarm_id"] not in alarms]
    for row in over:
        row.done_at, row.due_at = now, None
    waiting = [row for row in rows if row.payload["alarm_id"] in alarms]
    if kind == AlarmKind.LATE:
        near = _with_a_reservation_near(session, alarms, now=now)
        for row in waiting:
            if row.payload["alarm_id"] not in near:
                row.due_at = now + _LOOK_AGAIN_AFTER
        waiting = [row for row in waiting if row.payload["alarm_id"] in near]
    if not waiting:
        return len(over)
    until = _silent_until(session, municipality_id, kind, now=now)
    if until is not None and until > now:
        for row in waiting:
            row.due_at = until
        return len(over)
    if _is_gathering(kind, waiting, now=now):
        return len(over)
    for row in waiting:
        row.done_at, row.due_at = now, None
    _owe_mails(session, municipality_id, kind, [alarms[row.payload["alarm_id"]] for row in waiting], now=now)
    return len(rows)


def _lasting(session: Session, alarm_ids: Sequence[int]) -> dict[int, tuple[Alarm, str]]:
    """The alarms that are not over, with their access points' names."""
    found = session.execute(
        sa.select(Alarm, AccessPoint.name)
        .join(AccessPoint, AccessPoint.id == Alarm.access_point_id)
        .where(Alarm.id.in_(alarm_ids), Alarm.ended_at.is_(None), Alarm.acknowledged_at.is_(None))
    )
    return {alarm.id: (alarm, name) for alarm, name in found}


def _with_a_reservation_near(
    session: Session, alarms: dict[int, tuple[Alarm, str]], *, now: datetime
) -> set[int]:
    points = set(
        session.scalars(
            sa.select(Grant.access_point_id).where(
                Grant.access_point_id.in_({alarm.access_point_id for alarm, _ in alarms.values()}),
                Grant.granule > granule_of(now),
                Grant.granule <= granule_of(now + NEAR),
                Grant.withdrawn_at.is_(None),
            )
        )
    )
    return {alarm_id for alarm_id, (alarm, _) in alarms.items() if alarm.access_point_id in points}


def _silent_until(
    session: Session, municipality_id: int, kind: AlarmKind, *, now: datetime
) -> datetime | None:
    """When the next mail about this kind may leave, after the one before."""
    told_at = session.scalar(
        sa.select(sa.func.max(Owed.created_at)).where(
            Owed.municipality_id == municipality_id,
            Owed.kind == mail.KIND,
            Owed.key.startswith(f"{KIND}:{kind}:", autoescape=True),
            Owed.created_at > now - SILENT_FOR,
        )
    )
    if told_at is None:
        return None
    found: datetime = told_at + (_URGENT_SILENT_FOR if kind in URGENT else SILENT_FOR)
    return found


def _is_gathering(kind: AlarmKind, rows: Sequence[Owed], *, now: datetime) -> bool:
    """Whether more of them may be on their way; a single urgent one does not wait."""
    if kind in URGENT and len(rows) == 1:
        return False
    created = [row.created_at for row in rows]
    return now < min(max(created) + GATHERED_FOR, min(created) + _GATHERED_AT_MOST)


def _owe_mails(
    session: Session,
    municipality_id: int,
    kind: AlarmKind,
    alarms: Sequence[tuple[Alarm, str]],
    *,
    now: datetime,
) -> None:
    facility_of = facility_names(catalogue(session, municipality_id), civil_day(now))
    lines = []
    for alarm, own in alarms[:_LISTED]:
        detail = detail_in_words(alarm.detail)
        name = full_name(alarm.access_point_id, own, facility_of)
        lines.append(f"・{name}" + (f"({detail})" if detail else ""))
    words = words_of(kind)
    for account_id, address in staff.managers(session, municipality_id=municipality_id):
        mail.owe_mail(
            session,
            municipality_id=municipality_id,
            to=address,
            template=KIND,
            params={
                "title": words.title,
                "next_step": words.next_step,
                "count": len(alarms),
                "first": full_name(alarms[0][0].access_point_id, alarms[0][1], facility_of),
                "lines": "\n".join(lines),
                "more": max(0, len(alarms) - _LISTED),
            },
            key=f"{KIND}:{kind}:{alarms[0][0].id}:{account_id}",
            now=now,
        )
