"""What no contact tells: silence, doors left open, starts that no lock has learned of. A job of the worker.

Each run takes a bounded batch and skips what is known already, so that a town whose broker is out is gone
through in a few runs.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from core.window import granule_of, granule_start
from locks.alarms.kinds import ONCE, AlarmKind
from locks.alarms.models import Alarm
from locks.alarms.raising import end_alarm, raise_of_lock
from locks.alarms.watching import is_somebodys_time
from locks.callbacks import Callbacks
from locks.fleet import LATE_AFTER
from locks.models import Grant, Lock, LockEvent, LockState
from locks.sellable import LOST_AFTER
from locks.standing import Standing, standings_of

SURE_BEFORE = timedelta(hours=24)
"""So long before its start a lock must have confirmed what was sold as pending (protocol 6, selling)."""
_UNREACHED = (Standing.PENDING, Standing.CALL_US)
_AJAR_AFTER = timedelta(minutes=10)


def sweep(session: Session, callbacks: Callbacks, *, now: datetime, limit: int = 200) -> int:
    """Raise and end alarms about silence, open doors and unreached starts; how many began or ended."""
    changed = _end_of_no_lock(session, now=now)
    changed += _end_reached(session, now=now)
    changed += _silent(session, callbacks, now=now, limit=limit)
    changed += _ajar(session, callbacks, now=now, limit=limit)
    changed += _unreached(session, callbacks, now=now, limit=limit)
    return changed


def _silent(session: Session, callbacks: Callbacks, *, now: datetime, limit: int) -> int:
    heard_at = sa.func.coalesce(Lock.last_contact_at, Lock.commissioned_at, Lock.added_at)
    lost = _locks_without(AlarmKind.LOST).where(heard_at < now - LOST_AFTER)
    late = _locks_without(AlarmKind.LATE).where(Lock.next_sync_at < now - LATE_AFTER)
    raised = 0
    for kind, which in ((AlarmKind.LATE, late), (AlarmKind.LOST, lost)):
        for lock in session.scalars(which.order_by(Lock.id).limit(limit)).all():
            raised += raise_of_lock(session, callbacks, lock, kind, _silence(lock), now=now)
    return raised


def _silence(lock: Lock) -> dict[str, Any]:
    heard_at = lock.last_contact_at
    return {} if heard_at is None else {"last_contact_at": int(heard_at.timestamp())}


def _ajar(session: Session, callbacks: Callbacks, *, now: datetime, limit: int) -> int:
    """A door that was said to stand open in somebody's time, and still does when that is over."""
    which = _locks_without(AlarmKind.DOOR_AJAR).where(
        Lock.door == "open",
        Lock.operating_mode == "normal",
        Lock.last_contact_at < now - _AJAR_AFTER,
    )
    raised = 0
    for lock in session.scalars(which.order_by(Lock.id).limit(limit)).all():
        if _last_word_is_ajar(session, lock) and not is_somebodys_time(session, lock.access_point_id, now):
            raised += raise_of_lock(session, callbacks, lock, AlarmKind.DOOR_AJAR, {}, now=now)
    return raised


def _last_word_is_ajar(session: Session, lock: Lock) -> bool:
    """After an opening every hello says that the door is open; only the alarm says that it stays so."""
    last = session.scalar(
        sa.select(LockEvent)
        .where(LockEvent.lock_id == lock.id, LockEvent.kind.in_(("door_lock_alarm", "door_state_change")))
        .order_by(LockEvent.seq.desc())
        .limit(1)
    )
    return last is not None and last.detail.get("alarm") == AlarmKind.DOOR_AJAR


def _unreached(session: Session, callbacks: Callbacks, *, now: datetime, limit: int) -> int:
    """Starts of the next 24 hours that their lock has neither confirmed nor can work out."""
    known = (
        sa.select(Alarm.id)
        .where(
            Alarm.access_point_id == Grant.access_point_id,
            Alarm.kind == AlarmKind.START_UNREACHED,
            Alarm.subject == sa.cast(Grant.id, sa.String),
            Alarm.ended_at.is_(None),
        )
        .exists()
    )
    rows = session.execute(
        sa.select(Grant, Lock)
        .join(Lock, sa.and_(Lock.access_point_id == Grant.access_point_id, Lock.state == LockState.ACTIVE))
        .where(
            Grant.withdrawn_at.is_(None),
            Grant.granule > granule_of(now),
            Grant.granule <= granule_of(now + SURE_BEFORE),
            sa.or_(
                Grant.lock_id.is_(None),
                Grant.lock_id != Lock.id,
                Lock.applied_version < Grant.granted_version,
                Lock.applied_grants_until <= Grant.granule,
            ),
            ~known,
        )
        .order_by(Grant.granule, Grant.id)
        .limit(limit)
    ).all()
    if not rows:
        return 0
    standings = standings_of(session, holders=sorted({grant.holder for grant, _ in rows}), now=now)
    raised = 0
    for grant, lock in rows:
        is_past_lease = 0 < lock.applied_grants_until <= grant.granule
        if standings.get(grant.holder) not in _UNREACHED and not is_past_lease:
            continue
        raise_of_lock(
            session,
            callbacks,
            lock,
            AlarmKind.START_UNREACHED,
            {"holder": str(grant.holder), "starts_at": int(granule_start(grant.granule).timestamp())},
            subject=str(grant.id),
            holder=grant.holder,
            now=now,
        )
        callbacks.start_unreached(
            session, holder=grant.holder, access_point_id=grant.access_point_id, now=now
        )
        raised += 1
    return raised


def _end_reached(session: Session, *, now: datetime) -> int:
    """The lock has the start by now, or nobody comes any more."""
    rows = session.execute(
        sa.select(Alarm.access_point_id, Alarm.subject)
        .join(Grant, sa.cast(Grant.id, sa.String) == Alarm.subject)
        .outerjoin(Lock, sa.and_(Lock.access_point_id == Grant.access_point_id, Lock.id == Grant.lock_id))
        .where(
            Alarm.kind == AlarmKind.START_UNREACHED,
            Alarm.ended_at.is_(None),
            sa.or_(
                Grant.withdrawn_at.is_not(None),
                Grant.granule + Grant.length < granule_of(now),
                sa.and_(
                    Lock.state == LockState.ACTIVE,
                    Lock.applied_version >= Grant.granted_version,
                    Lock.applied_grants_until > Grant.granule,
                ),
            ),
        )
        .order_by(Alarm.id)
    ).all()
    return sum(
        end_alarm(session, access_point_id=point, kind=AlarmKind.START_UNREACHED, subject=subject, now=now)
        for point, subject in rows
    )


def _end_of_no_lock(session: Session, *, now: datetime) -> int:
    """What lasted at a lock that is not on its door any more is over with it."""
    gone = aliased(Lock)
    ended = session.scalars(
        sa.update(Alarm)
        .where(
            Alarm.ended_at.is_(None),
            Alarm.kind.not_in([*ONCE, AlarmKind.START_UNREACHED]),
            Alarm.lock_id.in_(sa.select(gone.id).where(gone.state == LockState.DEAD)),
        )
        .values(ended_at=now)
        .returning(Alarm.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def _locks_without(kind: AlarmKind) -> sa.Select[Lock]:
    known = (
        sa.select(Alarm.id)
        .where(Alarm.access_point_id == Lock.access_point_id, Alarm.kind == kind, Alarm.ended_at.is_(None))
        .exists()
    )
    return sa.select(Lock).where(Lock.state == LockState.ACTIVE, ~known)
