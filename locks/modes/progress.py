"""How far an order has got: which lock has confirmed it, by versions and nothing less."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.fleet import is_lost
from locks.models import AccessPoint, Lock, LockState
from locks.modes.models import ModeOrder
from locks.modes.orders import Why


@dataclass(frozen=True, slots=True)
class DoorProgress:
    """One access point of an order."""

    access_point_id: int
    access_point_name: str
    has_lock: bool
    is_over: bool
    """The order has ended; `is_confirmed` then means that the lock knows that."""
    is_confirmed: bool
    is_lost: bool
    last_contact_at: datetime | None
    next_sync_at: datetime | None


def progress_of(
    session: Session, *, municipality_id: int, why: Why, subject: str, now: datetime
) -> list[DoorProgress]:
    """The access points of one cause's orders, by name."""
    rows = session.execute(
        _orders()
        .where(
            ModeOrder.municipality_id == municipality_id,
            ModeOrder.why == why,
            ModeOrder.subject == subject,
        )
        .order_by(AccessPoint.name, AccessPoint.id, ModeOrder.id)
    ).all()
    return [_progress(row, now) for row in rows]


def newest_at(session: Session, *, access_point_id: int, why: Why, now: datetime) -> DoorProgress | None:
    """The newest order of one cause at an access point, ended or not."""
    row = session.execute(
        _orders()
        .where(ModeOrder.access_point_id == access_point_id, ModeOrder.why == why)
        .order_by(ModeOrder.id.desc())
        .limit(1)
    ).first()
    return None if row is None else _progress(row, now)


def _orders() -> Any:
    return (
        sa.select(ModeOrder, AccessPoint.name, Lock)
        .join(AccessPoint, AccessPoint.id == ModeOrder.access_point_id)
        .outerjoin(Lock, sa.and_(Lock.access_point_id == AccessPoint.id, Lock.state != LockState.DEAD))
    )


def _progress(row: Any, now: datetime) -> DoorProgress:
    lock = row.Lock
    return DoorProgress(
        access_point_id=row.ModeOrder.access_point_id,
        access_point_name=row.name,
        has_lock=lock is not None,
        is_over=row.ModeOrder.ended_at is not None,
        is_confirmed=_is_confirmed(row),
        is_lost=lock is not None and is_lost(lock.last_contact_at, lock.added_at, now),
        last_contact_at=lock.last_contact_at if lock else None,
        next_sync_at=lock.next_sync_at if lock else None,
    )


def _is_confirmed(row: Any) -> bool:
    """The lock has proved the version that the order made, or, a lock that came later, the newest one."""
    order, lock = row.ModeOrder, row.Lock
    if lock is None or not lock.applied_version:
        return False
    needed = order.ordered_version if order.ended_at is None else order.ended_version
    if needed is None or lock.id != order.lock_id:
        needed = lock.desired_version
    return bool(lock.applied_version >= needed)
