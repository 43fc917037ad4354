"""What a vendor says of its locks, kept where our own locks' hellos are: same columns, events and alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.alarms.kinds import AlarmKind
from locks.alarms.raising import end_alarm, raise_of_lock
from locks.callbacks import Callbacks
from locks.commissioning import activate
from locks.models import Grant, Lock, LockEvent, LockState, Transport
from locks.vendors.models import VendorPin
from locks.vendors.port import VendorEvent, VendorStatus

ASKED_EVERY = timedelta(minutes=5)
_LEASE = timedelta(minutes=2)
BATTERY_LOW_PERCENT = 25


@dataclass(frozen=True, slots=True)
class Look:
    """A lock to be asked about."""

    lock_id: str
    vendor: str
    lock_ref: str
    cursor: str | None


def claim(session: Session, *, limit: int, now: datetime) -> list[Look]:
    """Take the locks whose turn it is to be asked about."""
    due = session.scalars(
        sa.select(Lock)
        .where(
            Lock.transport == Transport.VENDOR,
            Lock.state != LockState.DEAD,
            sa.or_(Lock.vendor_due_at.is_(None), Lock.vendor_due_at <= now),
        )
        .order_by(Lock.vendor_due_at, Lock.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for lock in due:
        lock.vendor_due_at = now + _LEASE
    session.flush()
    return [Look(lock.id, lock.vendor or "", lock.vendor_ref or "", lock.vendor_cursor) for lock in due]


def note(
    session: Session,
    callbacks: Callbacks,
    look: Look,
    status: VendorStatus,
    events: Sequence[VendorEvent],
    cursor: str | None,
    *,
    now: datetime,
) -> None:
    """Store what the vendor answered; an answer to an older question changes nothing."""
    # Openings first: they take reservations, which a booking holds before it asks for the lock's row.
    holders = _holders(session, look.lock_id, events)
    for event in events:
        holder = holders.get(event.pin_ref or "", (None, None))[0]
        if holder is not None and event.detail.get("operation") == "unlock":
            callbacks.access_opened(session, holder=holder, at=min(event.at, now), offline=False, now=now)
    lock = session.scalars(
        sa.select(Lock)
        .where(Lock.id == look.lock_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if lock.vendor_cursor != look.cursor:
        # Somebody else was faster: rolled back, so that no opening counts twice.
        raise Overtaken
    for event in events:
        _store(session, lock, event, holders, now=now)
    lock.vendor_cursor = cursor
    lock.vendor_due_at = now + ASKED_EVERY
    _note_status(session, callbacks, lock, status, now=now)
    session.flush()
    callbacks.lock_state_changed(session, lock_id=lock.id, access_point_id=lock.access_point_id, now=now)


class Overtaken(Exception):
    """The lock's record has been read further by another worker."""


def _store(
    session: Session,
    lock: Lock,
    event: VendorEvent,
    holders: dict[str, tuple[UUID, list[int]]],
    *,
    now: datetime,
) -> None:
    lock.acked_seq += 1
    holder, credential = holders.get(event.pin_ref or "", (None, None))
    detail: dict[str, Any] = dict(event.detail)
    if credential is not None:
        detail["credential"] = credential
    session.add(
        LockEvent(
            lock_id=lock.id,
            seq=lock.acked_seq,
            access_point_id=lock.access_point_id,
            at=event.at,
            clock_quality="synced",
            kind=event.kind,
            detail=detail,
            holder=holder,
            stored_at=now,
        )
    )


def _note_status(
    session: Session, callbacks: Callbacks, lock: Lock, status: VendorStatus, *, now: datetime
) -> None:
    if status.heard_at is not None:
        heard = min(status.heard_at, now)
        lock.last_contact_at = max(lock.last_contact_at or heard, heard)
        if status.speaks_every_s is not None:
            lock.next_sync_at = lock.last_contact_at + timedelta(seconds=status.speaks_every_s)
        if lock.state == LockState.PROVISIONED:
            activate(session, lock, {"vendor": lock.vendor or ""}, now=now)
    lock.bolt = "jammed" if status.is_jammed else None
    low = status.battery_percent is not None and status.battery_percent <= BATTERY_LOW_PERCENT
    for kind, lasts, detail in (
        (AlarmKind.BATTERY_LOW, low, {"percent": status.battery_percent or 0}),
        (AlarmKind.LOCK_JAMMED, status.is_jammed, {}),
    ):
        if lasts:
            raise_of_lock(session, callbacks, lock, kind, detail, now=now)
        else:
            end_alarm(session, access_point_id=lock.access_point_id, kind=kind, now=now)


def _holders(
    session: Session, lock_id: str, events: Sequence[VendorEvent]
) -> dict[str, tuple[UUID, list[int]]]:
    """{pin_ref: (holder, credential)} of the PINs that events name."""
    named = {event.pin_ref for event in events if event.pin_ref is not None}
    if not named:
        return {}
    rows = session.execute(
        sa.select(VendorPin.pin_ref, Grant.holder, Grant.granule, Grant.length, Grant.lane, Grant.rev)
        .join(Grant, Grant.id == VendorPin.grant_id)
        .where(VendorPin.lock_id == lock_id, VendorPin.pin_ref.in_(named))
    )
    return {row.pin_ref: (row.holder, [row.granule, row.length, row.lane, row.rev]) for row in rows}
