"""Setting a lock up: what it has to show on its door before anybody is alarmed about it, or relies on it.

Nobody presses a button for it: the hello that completes the list makes the lock active.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from locks.models import Lock, LockEvent, LockState
from locks.wire import Hello

CLOCK_WITHIN = timedelta(seconds=5)
"""How far a clock that our own answer has set may be off in a later hello: a slow network, no more."""

_OPENED_BY = ("keypad", "manual", "button")


class Step(StrEnum):
    """What the checklist asks for, in the order in which it usually comes true."""

    FIRST_CONTACT = "first_contact"
    """A hello that its lock has signed: the secrets were typed in right."""
    TIME_RIGHT = "time_right"
    """A later hello whose clock our answer has set, and set right."""
    HOLDS_RIGHTS = "holds_rights"
    """It has proved the present desired version."""
    TEST_OPENING = "test_opening"
    """Somebody opened it: by the keypad, the thumb-turn or the button."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list."""

    name: Step
    is_done: bool


def placed_since(lock: Lock) -> datetime:
    """Since when the lock belongs on its access point."""
    return lock.placed_at or lock.added_at


def checklist(session: Session, lock: Lock) -> tuple[Check, ...]:
    """What the lock has shown since it was put on its access point, and what it has not."""
    has_spoken = lock.last_contact_at is not None and lock.last_contact_at >= placed_since(lock)
    return (
        Check(Step.FIRST_CONTACT, has_spoken),
        Check(Step.TIME_RIGHT, lock.clock_right_at is not None),
        Check(Step.HOLDS_RIGHTS, lock.applied_version == lock.desired_version),
        Check(Step.TEST_OPENING, _was_opened(session, lock)),
    )


def advance(session: Session, lock: Lock, hello: Hello, *, now: datetime) -> None:
    """Note what this hello shows; a lock whose list is complete is active from here on.

    The caller holds the lock's row, and has stored the hello's events and what it has applied.
    """
    if lock.state != LockState.PROVISIONED:
        return
    if lock.clock_right_at is None and _is_clock_right(hello, now):
        lock.clock_right_at = now
    # A booking may change a right in the very moment of the test opening: the next hello will do as well.
    if not all(check.is_done for check in checklist(session, lock)):
        return
    activate(session, lock, {"access_point": lock.access_point_id}, now=now)


def activate(session: Session, lock: Lock, detail: Mapping[str, int | str], *, now: datetime) -> None:
    """It has shown what it had to: it is relied on, and alarmed about, from here on."""
    lock.state, lock.commissioned_at = LockState.ACTIVE, now
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor="system",
        act="lock.commission",
        subject=lock.id,
        detail=dict(detail),
        now=now,
    )


def _is_clock_right(hello: Hello, now: datetime) -> bool:
    off_ms = abs(hello.clock - int(now.timestamp() * 1000))
    return hello.clock_quality == "synced" and off_ms <= CLOCK_WITHIN / timedelta(milliseconds=1)


def _was_opened(session: Session, lock: Lock) -> bool:
    opened = sa.exists().where(
        LockEvent.lock_id == lock.id,
        LockEvent.access_point_id == lock.access_point_id,
        LockEvent.kind == "lock_operation",
        # By its own clock, in whole seconds.
        LockEvent.at >= placed_since(lock) - CLOCK_WITHIN,
        LockEvent.detail["operation"].as_string() == "unlock",
        LockEvent.detail["source"].as_string().in_(_OPENED_BY),
    )
    return bool(session.scalar(sa.select(opened)))
