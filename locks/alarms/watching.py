"""What a contact tells about troubles: begun by events and by the lock's state, over once they are.

A contact of a lock without trouble costs one statement here. The caller holds the lock's row, which still
says what the contact before said.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import civil_day
from core.window import granule_of
from locks import battery
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.alarms.raising import end_alarm, raise_of_lock
from locks.callbacks import Callbacks
from locks.codes import MAX_LENGTH
from locks.drift import clock_note
from locks.event_log import happened_at
from locks.margins import LATE_S, opens_from, opens_until
from locks.models import Grant, Lock, LockState
from locks.wire import Event, Hello

_OF_EVENTS = frozenset(
    {
        AlarmKind.LOCK_JAMMED,
        AlarmKind.WRONG_CODE_ENTRY_LIMIT,
        AlarmKind.DOOR_FORCED_OPEN,
        AlarmKind.DOOR_AJAR,
        AlarmKind.TAMPER,
        AlarmKind.BATTERY_LOW,
        AlarmKind.BATTERY_CRITICAL,
        AlarmKind.STALE_DESIRED,
        AlarmKind.DESIRED_CONFLICT,
        AlarmKind.LOG_OVERFLOW,
    }
)
_OPEN = sa.select(Alarm.kind).where(
    Alarm.access_point_id == sa.bindparam("point"), Alarm.ended_at.is_(None), Alarm.subject == ""
)


def watch_events(
    session: Session, callbacks: Callbacks, lock: Lock, events: Sequence[Event], *, now: datetime
) -> None:
    """Raise what events say that have just been stored. Without such events: no statement."""
    if lock.state == LockState.PROVISIONED:
        return
    for event in events:
        if event.kind != "door_lock_alarm" or event.alarm not in _OF_EVENTS:
            continue
        kind, at = AlarmKind(event.alarm), happened_at(event, now)
        if kind == AlarmKind.DOOR_AJAR and is_somebodys_time(session, lock.access_point_id, at):
            continue
        detail = {"seq": event.seq, "at": int(at.timestamp())}
        raise_of_lock(session, callbacks, lock, kind, detail, now=now)
    unlocked = [
        event for event in events if event.operation == "unlock" and isinstance(event.credential, tuple)
    ]
    if unlocked:
        _watch_cancelled(session, callbacks, lock, unlocked, now=now)


def watch_state(
    session: Session, callbacks: Callbacks, lock: Lock, hello: Hello, *, lost_events: int, now: datetime
) -> None:
    """Raise and end what the hello's state says. It comes after `watch_events` and before the state is
    noted.
    """
    is_days_first = battery.note(
        session, lock, battery_mv=hello.battery_mv, temperature_c=hello.temperature_c, now=now
    )
    if lock.state != LockState.ACTIVE:
        return
    open_kinds = set(session.scalars(_OPEN, {"point": lock.access_point_id}))
    over = {AlarmKind.LATE, AlarmKind.LOST}
    over |= _watch_clock(session, callbacks, lock, hello, now=now)
    over |= _watch_battery(session, callbacks, lock, hello, is_days_first=is_days_first, now=now)
    if hello.bolt == "jammed":
        if AlarmKind.LOCK_JAMMED not in open_kinds:
            raise_of_lock(session, callbacks, lock, AlarmKind.LOCK_JAMMED, {}, now=now)
    elif not _says(hello, AlarmKind.LOCK_JAMMED):
        over.add(AlarmKind.LOCK_JAMMED)
    if hello.door == "closed":
        over.add(AlarmKind.DOOR_AJAR)
    if hello.result == "conflict" and AlarmKind.DESIRED_CONFLICT not in open_kinds:
        raise_of_lock(
            session, callbacks, lock, AlarmKind.DESIRED_CONFLICT, {"version": hello.applied}, now=now
        )
    if hello.result == "ok" and not _says(hello, AlarmKind.DESIRED_CONFLICT):
        over.add(AlarmKind.DESIRED_CONFLICT)
    if hello.applied == lock.desired_version and not _says(hello, AlarmKind.STALE_DESIRED):
        over.add(AlarmKind.STALE_DESIRED)
    if lost_events:
        raise_of_lock(session, callbacks, lock, AlarmKind.EVENT_LOSS, {"records": lost_events}, now=now)
    for kind in sorted(over & open_kinds):
        end_alarm(session, access_point_id=lock.access_point_id, kind=AlarmKind(kind), now=now)


def is_somebodys_time(session: Session, access_point_id: int, at: datetime) -> bool:
    """Whether a holder may be there at that instant, from ten minutes before a window to a quarter after."""
    rows = session.execute(
        sa.select(Grant.granule, Grant.length).where(
            Grant.access_point_id == access_point_id,
            Grant.granule > granule_of(at) - MAX_LENGTH - 1 - LATE_S // 1800,
            Grant.granule <= granule_of(at) + 1,
            Grant.withdrawn_at.is_(None),
        )
    )
    return any(opens_from(granule) <= at <= opens_until(granule, length) for granule, length in rows)


def _watch_clock(
    session: Session, callbacks: Callbacks, lock: Lock, hello: Hello, *, now: datetime
) -> set[AlarmKind]:
    if hello.why != "schedule" or hello.clock_quality == "unknown":
        return set()
    # In holdover the last answers have not reached it, so that nobody knows when it was set.
    set_at = lock.last_contact_at if hello.clock_quality == "synced" else None
    noted = clock_note(clock_ms=hello.clock, received_at=now, set_at=set_at, known_ppm=lock.clock_drift_ppm)
    lock.clock_drift_ppm = noted.drift_ppm
    if noted.is_in_margin:
        return {AlarmKind.CLOCK_MARGIN}
    detail = {"offset_ms": noted.offset_ms, "drift_ppm": round(noted.drift_ppm or 0)}
    raise_of_lock(session, callbacks, lock, AlarmKind.CLOCK_MARGIN, detail, now=now)
    return set()


def _watch_battery(
    session: Session,
    callbacks: Callbacks,
    lock: Lock,
    hello: Hello,
    *,
    is_days_first: bool,
    now: datetime,
) -> set[AlarmKind]:
    """Once a day, and on whatever is critical."""
    millivolts = hello.battery_mv
    if millivolts is None:
        return set()
    if 0 < millivolts < battery.CRITICAL_MV:
        if is_days_first or lock.battery_mv is None or lock.battery_mv >= battery.CRITICAL_MV:
            detail = {"battery_mv": millivolts}
            raise_of_lock(session, callbacks, lock, AlarmKind.BATTERY_CRITICAL, detail, now=now)
        return set()
    over = set()
    if not _says(hello, AlarmKind.BATTERY_CRITICAL):
        over.add(AlarmKind.BATTERY_CRITICAL)
    if is_days_first:
        today = civil_day(now)
        seen = battery.forecast(battery.days_of(session, lock.id, today=today))
        if seen is not None and seen.is_low(today):
            detail = {"battery_mv": seen.lowest_mv}
            if seen.empty_on is not None:
                detail["days_left"] = (seen.empty_on - today).days
            raise_of_lock(session, callbacks, lock, AlarmKind.BATTERY_LOW, detail, now=now)
        elif (seen is None or seen.is_fine(today)) and not _says(hello, AlarmKind.BATTERY_LOW):
            over.add(AlarmKind.BATTERY_LOW)
    return over


def _watch_cancelled(
    session: Session, callbacks: Callbacks, lock: Lock, events: Sequence[Event], *, now: datetime
) -> None:
    named: dict[tuple[int, int, int, int], tuple[UUID, datetime | None]] = {}
    rows = session.execute(
        sa.select(Grant.granule, Grant.length, Grant.lane, Grant.rev, Grant.holder, Grant.withdrawn_at).where(
            Grant.access_point_id == lock.access_point_id,
            Grant.granule.in_({event.credential[0] for event in events if event.credential}),
            Grant.withdrawn_at.is_not(None),
        )
    )
    for granule, length, lane, rev, holder, withdrawn_at in rows:
        named[granule, length, lane, rev] = (holder, withdrawn_at)
    for event in events:
        found = named.get(event.credential) if isinstance(event.credential, tuple) else None
        at = happened_at(event, now)
        if found is None or found[1] is None or at < found[1]:
            continue
        detail = {"seq": event.seq, "at": int(at.timestamp()), "offline": bool(event.offline)}
        raise_of_lock(
            session,
            callbacks,
            lock,
            AlarmKind.CANCELLED_OPENING,
            detail,
            subject=str(found[0]),
            holder=found[0],
            now=now,
        )


def _says(hello: Hello, kind: AlarmKind) -> bool:
    """Whether the hello itself carries that alarm, so that it does not end what it begins."""
    return any(event.alarm == kind for event in hello.events)
