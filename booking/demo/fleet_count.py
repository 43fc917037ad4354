"""The fleet's state as the server knows it, in a few statements."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.models import Municipality
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.fleet import LATE_AFTER
from locks.models import Lock, LockState
from locks.sellable import LOST_AFTER


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the locks that are in service."""

    locks: int
    silent_yet: int
    """Provisioned, and not a word from them."""
    behind: int
    """Not yet at the newest version."""
    late: int
    lost: int
    alarms: dict[str, int]
    """Lasting ones, by kind."""


def count(session: Session, *, municipality_id: int, now: datetime) -> Counts:
    """Two statements.

    Clocks are left out: a tenth of a second on the network is a minute of the town.
    """
    is_silent = Lock.last_contact_at.is_(None)
    row = session.execute(
        sa.select(
            sa.func.count(),
            _number(is_silent),
            _number(~is_silent & (Lock.applied_version < Lock.desired_version)),
            _number(Lock.next_sync_at < now - LATE_AFTER),
            _number(sa.func.coalesce(Lock.last_contact_at, Lock.added_at) < now - LOST_AFTER),
        ).where(Lock.municipality_id == municipality_id, Lock.state != LockState.DEAD, Lock.added_at <= now)
    ).one()
    alarms = session.execute(
        sa.select(Alarm.kind, sa.func.count())
        .where(
            Alarm.municipality_id == municipality_id,
            Alarm.ended_at.is_(None),
            Alarm.kind != AlarmKind.CLOCK_MARGIN,
        )
        .group_by(Alarm.kind)
        .order_by(Alarm.kind)
    )
    locks, silent_yet, behind, late, lost = (int(value or 0) for value in row)
    return Counts(locks, silent_yet, behind, late, lost, {kind: int(found) for kind, found in alarms})


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def is_used(session: Session) -> bool:
    """Whether anybody lives in this database."""
    return bool(session.scalar(sa.select(sa.exists().where(Municipality.id > 0))))
