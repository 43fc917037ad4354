"""Keeping what locks say happened: each event once, its loss on record, an opening told to whom it
concerns.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import insert_into
from locks import metrics
from locks.callbacks import Callbacks
from locks.keys import keyring_of
from locks.models import EventLoss, Grant, Lock, LockEvent
from locks.staff import emergency
from locks.wire import Event, Hello


def store(
    session: Session, callbacks: Callbacks, lock: Lock, events: Sequence[Event], *, now: datetime
) -> list[Event]:
    """Store the events that are new, and tell `access_opened` of each new opening by a grant; the new ones.

    The caller does not hold the lock's row yet: a booking holds its reservation before it asks for the
    lock, and `access_opened` takes that reservation.
    """
    wanted = [event for event in events if event.seq > lock.acked_seq]
    if not wanted:
        return []
    holders = _holders(session, lock, wanted)
    new = set(
        session.scalars(
            insert_into(session, LockEvent)
            .values([_row(lock, event, holders.get(event.seq), now) for event in wanted])
            .on_conflict_do_nothing()
            .returning(LockEvent.seq)
        )
    )
    for event in wanted:
        holder = holders.get(event.seq)
        if event.seq in new and holder is not None and event.operation == "unlock":
            callbacks.access_opened(
                session, holder=holder, at=happened_at(event, now), offline=bool(event.offline), now=now
            )
    # After the reservations, which come first in the order of locks.
    for event in wanted:
        if event.seq in new and event.operation == "unlock" and isinstance(event.credential, str):
            emergency.used(
                session,
                keyring_of(session),
                callbacks,
                gid=event.credential,
                lock=lock,
                at=happened_at(event, now),
                now=now,
            )
    metrics.EVENTS.inc(len(new))
    return [event for event in wanted if event.seq in new]


def acknowledge(session: Session, lock: Lock, hello: Hello, *, now: datetime) -> int:
    """Move the lock's `acked_seq` as far as everything is stored; how many records are newly known to be
    lost. The caller holds its row.

    `events` are the oldest that the lock still has, so whatever lies between the last acknowledged and the
    newest listed one, and is neither listed nor stored, is gone: it is recorded as lost, and counting goes
    on after it.
    """
    known = lock.acked_seq
    upto = max([hello.first_seq - 1, *(event.seq for event in hello.events)])
    if upto > hello.last_seq and not hello.events:
        # An empty log names no first record of its own.
        upto = min(upto, hello.last_seq)
    if not hello.events and upto <= known:
        # All that it ever wrote is here: the usual contact asks for nothing.
        return 0
    stored = list(
        session.scalars(
            sa.select(LockEvent.seq)
            .where(LockEvent.lock_id == lock.id, LockEvent.seq > known)
            .order_by(LockEvent.seq)
        )
    )
    lost = 0
    for seq in [*(seq for seq in stored if seq <= upto), upto + 1]:
        if seq > known + 1:
            lost += seq - 1 - known
            session.add(EventLoss(lock_id=lock.id, first_seq=known + 1, last_seq=seq - 1, noticed_at=now))
            metrics.EVENTS_LOST.inc(seq - 1 - known)
        known = max(known, seq)
    acked = max(lock.acked_seq, upto)
    for seq in stored:
        if seq == acked + 1:
            acked = seq
    lock.acked_seq = acked
    return lost


def _row(lock: Lock, event: Event, holder: UUID | None, now: datetime) -> dict[str, object]:
    return {
        "lock_id": lock.id,
        "seq": event.seq,
        "access_point_id": happened_where(lock, event),
        "at": datetime.fromtimestamp(event.at, UTC),
        "clock_quality": event.clock_quality,
        "kind": event.kind,
        "detail": event.detail,
        "holder": holder,
        "stored_at": now,
    }


def happened_at(event: Event, now: datetime) -> datetime:
    """When it happened, as far as one can know: a lock without a clock cannot say, none happened in the
    future.
    """
    if event.clock_quality == "unknown":
        return now
    return min(datetime.fromtimestamp(event.at, UTC), now)


def happened_where(lock: Lock, event: Event) -> int:
    """The access point where it happened: a lock that was moved may tell later of what it saw before."""
    if lock.placed_at is None or lock.former_access_point_id is None or event.clock_quality == "unknown":
        return lock.access_point_id
    is_before = event.at < int(lock.placed_at.timestamp())
    return lock.former_access_point_id if is_before else lock.access_point_id


def _holders(session: Session, lock: Lock, events: Sequence[Event]) -> dict[int, UUID]:
    """{seq: holder} of the operations with the credential of a grant that was issued where they happened."""
    named = {
        event.seq: (happened_where(lock, event), *event.credential)
        for event in events
        if event.kind == "lock_operation" and isinstance(event.credential, tuple)
    }
    if not named:
        return {}
    rows = session.execute(
        sa.select(
            Grant.access_point_id, Grant.granule, Grant.length, Grant.lane, Grant.rev, Grant.holder
        ).where(
            Grant.access_point_id.in_({right[0] for right in named.values()}),
            Grant.granule.in_({right[1] for right in named.values()}),
        )
    )
    holders = {tuple(right): holder for *right, holder in rows}
    return {seq: holders[right] for seq, right in named.items() if right in holders}
