"""Which desired states a broker still has to be given, and which to forget: rows that several gateways
share without a word to each other.

A gateway claims a row by moving `publish_due_at` to the end of its lease, and settles it once the broker
has taken the message. Whatever happens in between (a crash, a newer version, a wiped broker) leaves or
makes the row due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import UtcDateTime
from locks.models import Lock, LockState, Transport
from locks.versions import due_soon

LEASE = timedelta(seconds=30)


_LISTENS = (Lock.state != LockState.DEAD, Lock.transport == Transport.MQTT)
"""The locks that a broker holds a desired state for."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lock whose desired state one gateway publishes until `until`."""

    lock_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Clearing:
    """A dead lock whose retained message one gateway takes from the broker until `until`."""

    lock_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """A message that the broker has been given; `claim` where it answers one."""

    lock_id: str
    version: int
    claim: Claim | None


def is_any_due(session: Session, *, now: datetime) -> bool:
    """Whether `claim` or `claim_clearings` would find something."""
    is_due = sa.exists().where(Lock.publish_due_at <= now, *_LISTENS)
    is_clearing_due = sa.exists().where(Lock.clear_due_at <= now)
    return bool(session.scalar(sa.select(sa.or_(is_due, is_clearing_due))))


def claim(session: Session, *, limit: int, now: datetime, lease: timedelta = LEASE) -> list[Claim]:
    """Take up to `limit` due locks for `lease`, new versions before repetitions."""
    due = (
        sa.select(Lock.id)
        .where(Lock.publish_due_at <= now, *_LISTENS)
        .order_by(Lock.published_version >= Lock.desired_version, Lock.publish_due_at, Lock.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    until = now + lease
    claimed = session.scalars(
        sa.update(Lock)
        .where(Lock.id.in_(due))
        .values(publish_due_at=until)
        .returning(Lock.id)
        .execution_options(synchronize_session=False)
    )
    return [Claim(lock_id, until) for lock_id in sorted(claimed)]


def claim_clearings(
    session: Session, *, limit: int, now: datetime, lease: timedelta = LEASE
) -> list[Clearing]:
    """Take up to `limit` dead locks for `lease` that still have a message with the broker."""
    due = (
        sa.select(Lock.id)
        .where(Lock.clear_due_at <= now)
        .order_by(Lock.clear_due_at, Lock.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    until = now + lease
    claimed = session.scalars(
        sa.update(Lock)
        .where(Lock.id.in_(due))
        .values(clear_due_at=until)
        .returning(Lock.id)
        .execution_options(synchronize_session=False)
    )
    return [Clearing(lock_id, until) for lock_id in sorted(claimed)]


def settle_clearings(session: Session, done: Sequence[Clearing]) -> None:
    """The broker has forgotten these."""
    for clearing in done:
        session.execute(
            sa.update(Lock)
            .where(Lock.id == clearing.lock_id, Lock.clear_due_at == clearing.until)
            .values(clear_due_at=None)
            .execution_options(synchronize_session=False)
        )


def settle(session: Session, done: Sequence[Publication], *, now: datetime) -> None:
    """The broker has taken these. One that came after a newer version, and may have replaced it, is due
    again; one that came after the lock's death is cleared again.
    """
    for publication in sorted(done, key=lambda item: (item.lock_id, item.version)):
        outcomes: list[tuple[sa.ColumnElement[bool], Any]] = [
            (Lock.desired_version > publication.version, due_soon(now))
        ]
        if publication.claim is not None:
            outcomes.append((Lock.publish_due_at == publication.claim.until, sa.null()))
        newest = sa.case(
            (Lock.published_version < publication.version, publication.version), else_=Lock.published_version
        )
        session.execute(
            sa.update(Lock)
            .where(Lock.id == publication.lock_id)
            .values(
                published_version=newest,
                publish_due_at=sa.case(
                    (Lock.state == LockState.DEAD, sa.null()), *outcomes, else_=Lock.publish_due_at
                ),
                clear_due_at=sa.case(
                    (Lock.state == LockState.DEAD, sa.literal(now, UtcDateTime())), else_=Lock.clear_due_at
                ),
            )
            .execution_options(synchronize_session=False)
        )


def republish_all(session: Session, *, now: datetime) -> int:
    """Make every living lock due: the broker may have lost what it had. How many."""
    changed = session.execute(
        sa.update(Lock)
        .where(*_LISTENS)
        .values(publish_due_at=now)
        .returning(Lock.id)
        .execution_options(synchronize_session=False)
    )
    return len(changed.all())
