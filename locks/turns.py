"""When a lock speaks next: its fixed turn, before the day's first reservation, at the end of a mode order.

Nobody can reach a sleeping lock: whatever must happen there by an instant needs a contact planned before it.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import civil_day, start_of_day
from core.window import granule_of, granule_start
from locks.models import Grant, Lock
from locks.modes import orders

SYNC_EVERY_S = 12 * 3600
SOONEST = timedelta(minutes=15)
LATEST = timedelta(hours=24)
"""A lock clamps to these (protocol 5)."""

BEFORE_FIRST = timedelta(minutes=60)
_AT_THE_LATEST = timedelta(minutes=30)
"""The contact before the day's first reservation lies between these: near enough that few cancel after it,
far enough that a retry after 5 minutes still comes in time."""


def next_sync_at(session: Session, lock: Lock, *, now: datetime) -> datetime:
    """The earliest of what is due next, within 15 minutes and 24 hours; notes a served extra contact.

    One extra contact a civil day and access point at most: whoever speaks within the hour before the first
    reservation has spoken before it. Two statements.
    """
    due = [regular_turn(lock.id, now)]
    extra = _before_the_first(session, lock, now)
    if extra is not None:
        due.append(extra)
    mode_ends_at = orders.next_turn_at(session, lock.access_point_id, now)
    if mode_ends_at is not None:
        due.append(mode_ends_at)
    return max(now + SOONEST, min(*due, now + LATEST))


def regular_turn(lock_id: str, now: datetime) -> datetime:
    """A fixed place in every 12 hours by a hash of the lock's id, at least 15 minutes from now."""
    soonest = int((now + SOONEST).timestamp()) + 1
    return datetime.fromtimestamp(soonest + (_hash(lock_id) - soonest) % SYNC_EVERY_S, UTC)


def extra_turn(lock_id: str, starts_at: datetime) -> datetime:
    """When a lock speaks before a day's first reservation: 30 to 60 minutes, spread by the hash of its id."""
    spread = (BEFORE_FIRST - _AT_THE_LATEST).total_seconds()
    return starts_at - _AT_THE_LATEST - timedelta(seconds=_hash(lock_id) % spread)


def _before_the_first(session: Session, lock: Lock, now: datetime) -> datetime | None:
    today = civil_day(now)
    tomorrow = today + timedelta(days=1)
    ends = granule_of(start_of_day(tomorrow))
    asked = {
        "point": lock.access_point_id,
        "first": granule_of(start_of_day(today)),
        "turn": ends,
        "last": granule_of(start_of_day(tomorrow + timedelta(days=1))),
    }
    firsts = session.execute(_FIRST_STARTS, asked).one()
    for day, granule in zip((today, tomorrow), firsts, strict=True):
        if granule is None or lock.extra_contact_on == day:
            continue
        starts_at = granule_start(granule)
        if starts_at - BEFORE_FIRST <= now < starts_at:
            lock.extra_contact_on = day
        elif now < starts_at:
            return extra_turn(lock.id, starts_at)
    return None


def _hash(lock_id: str) -> int:
    return int.from_bytes(hashlib.sha256(lock_id.encode()).digest()[:8], "big") % SYNC_EVERY_S


_IS_TODAY = Grant.granule < sa.bindparam("turn")
_FIRST_STARTS = sa.select(
    sa.func.min(sa.case((_IS_TODAY, Grant.granule))), sa.func.min(sa.case((~_IS_TODAY, Grant.granule)))
).where(
    Grant.access_point_id == sa.bindparam("point"),
    Grant.granule >= sa.bindparam("first"),
    Grant.granule < sa.bindparam("last"),
    Grant.withdrawn_at.is_(None),
)
"""Made once: every hello runs it."""
