"""A lock's death: what it had to do is over, and nothing of it is left with the broker.

Used by every way in which a lock comes off its door (`locks/life.py`) and by the contact in which a retiring
one has confirmed that it is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.database import TryAgain
from core.errors import NotThere
from locks.alarms.kinds import ONCE
from locks.alarms.models import Alarm
from locks.desired_state import locked_row
from locks.life_errors import LockIsDead, VendorKeepsIt
from locks.models import AccessPoint, CodeGroup, Grant, Lock, LockCommand, LockOffer, LockState, Transport
from locks.wire import Hello


class DeadWhy(StrEnum):
    """What `Lock.dead_why` says."""

    REPLACED = "replaced"
    STOLEN = "stolen"
    DECOMMISSIONED = "decommissioned"


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that this transaction holds, with the code group of its access point, which it held first."""

    lock: Lock
    point: AccessPoint
    group: CodeGroup


def held(session: Session, lock_id: str, *, also: Sequence[int] = ()) -> Held:
    """Hold a lock that is not dead: first its code group (and those of the access points `also`), by id.

    Raises:
        NotThere: there is no such lock.
        LockIsDead: it is dead; it never comes back.
        VendorKeepsIt: it is reached through its maker, and has no secrets of ours.
    """
    lock = session.get(Lock, lock_id)
    if lock is None:
        raise NotThere(f"lock {lock_id}")
    points = {point: session.get_one(AccessPoint, point) for point in (lock.access_point_id, *also)}
    found = points[lock.access_point_id]
    groups = session.scalars(
        sa.select(CodeGroup)
        .where(CodeGroup.id.in_({point.code_group_id for point in points.values()}))
        .order_by(CodeGroup.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    lock = locked_row(session, lock_id)
    if lock.access_point_id != found.id:
        raise TryAgain(f"lock {lock_id} was moved")
    if lock.state == LockState.DEAD:
        raise LockIsDead(lock_id)
    if lock.transport == Transport.VENDOR:
        raise VendorKeepsIt(lock_id)
    return Held(lock, found, next(group for group in groups if group.id == found.code_group_id))


def end_life(session: Session, lock: Lock, why: DeadWhy, *, now: datetime) -> None:
    """Make a held lock dead: no message of it counts from here on, and it never comes back.

    Its broker user goes with the next writing of the broker's files, its retained message with a gateway's
    next look.
    """
    lock.state, lock.dead_at, lock.dead_why = LockState.DEAD, now, why
    lock.publish_due_at = None
    lock.clear_due_at = now if lock.transport == Transport.MQTT else None
    forget_offer(session, lock)
    session.execute(
        sa.update(LockCommand)
        .where(LockCommand.lock_id == lock.id, LockCommand.sent_at.is_(None))
        .values(sent_at=now, result="dropped", result_at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        sa.update(Alarm)
        .where(Alarm.lock_id == lock.id, Alarm.ended_at.is_(None), Alarm.kind.not_in([*map(str, ONCE)]))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    session.flush()


def end_if_empty(session: Session, lock: Lock, hello: Hello, *, now: datetime) -> None:
    """A retiring lock is dead once it has proved the empty state and all of its log is stored."""
    if lock.state != LockState.RETIRING:
        return
    if lock.applied_version < lock.desired_version or lock.acked_seq < hello.last_seq:
        return
    end_life(session, lock, DeadWhy.DECOMMISSIONED, now=now)
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor="system",
        act="lock.emptied",
        subject=lock.id,
        detail={"access_point": lock.access_point_id, "version": lock.applied_version},
        now=now,
    )


def take_rights(session: Session, lock: Lock) -> None:
    """No right counts on this lock any more: whoever holds one is told to call until there is another."""
    session.execute(
        sa.update(Grant)
        .where(Grant.lock_id == lock.id)
        .values(lock_id=None, granted_version=None, withdrawn_version=None)
        .execution_options(synchronize_session=False)
    )


def forget_offer(session: Session, lock: Lock) -> None:
    """Nothing more is sold because this lock would open for it."""
    session.execute(
        sa.delete(LockOffer)
        .where(LockOffer.lock_id == lock.id)
        .execution_options(synchronize_session="fetch")
    )
