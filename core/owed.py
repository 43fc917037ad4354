"""What we owe the outside: rows written in the transaction that causes them, delivered afterwards by a loop.

Delivery is at least once; `key` makes the row unique per cause, and the receiver is told the key so that it
can drop a repeat. A row that keeps failing is parked after `MAX_ATTEMPTS`; it never blocks the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base, UtcDateTime, partial_index
from core.ids import jitter, new_id

MAX_ATTEMPTS = 12
_LEASE = timedelta(minutes=2)
"""How long a worker that took a row may be silent before another takes it."""


class Owed(Base):
    """One effect that is due outside."""

    __tablename__ = "owed"
    __table_args__ = (
        sa.UniqueConstraint("municipality_id", "kind", "key"),
        partial_index("ix_owed_due", "kind", "due_at", where="due_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(32))
    key: Mapped[str] = mapped_column(sa.String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the loop looks at it next; empty once done or parked."""
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    parked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(sa.String(200))


# Made once, by its table: making it each time costs more than running it.
_INSERT = {
    "postgresql": postgresql.insert(Owed.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
    "sqlite": sqlite.insert(Owed.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that one worker has for the length of a lease."""

    id: UUID
    key: str
    payload: dict[str, Any]
    attempts: int


def owe(
    session: Session, *, municipality_id: int, kind: str, key: str, payload: Mapping[str, Any], now: datetime
) -> None:
    """Write down an effect once per (municipality, kind, key); a second time changes nothing."""
    row = {
        "id": new_id(now),
        "municipality_id": municipality_id,
        "kind": kind,
        "key": key,
        "payload": dict(payload),
        "created_at": now,
        "due_at": now,
        "attempts": 0,
    }
    session.execute(_INSERT[session.get_bind().dialect.name], row)


def take_due(session: Session, kind: str, *, limit: int, now: datetime) -> list[Taken]:
    """Take up to `limit` due rows for the lease; two workers never hold the same."""
    rows = session.scalars(
        sa.select(Owed)
        .where(Owed.kind == kind, Owed.due_at <= now)
        .order_by(Owed.due_at, Owed.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.due_at = now + _LEASE
        row.attempts += 1
    session.flush()
    return [Taken(row.id, row.key, row.payload, row.attempts) for row in rows]


def mark_done(session: Session, taken: Taken, *, now: datetime) -> None:
    """The outside has it."""
    session.execute(
        sa.update(Owed).where(Owed.id == taken.id).values(done_at=now, due_at=None, last_error=None)
    )


def mark_failed(session: Session, taken: Taken, error: str, *, now: datetime) -> None:
    """Try again later (1 min doubling to 6 h, with jitter), or park it for a person."""
    if taken.attempts >= MAX_ATTEMPTS:
        values: dict[str, Any] = {"parked_at": now, "due_at": None}
    else:
        wait = min(60 * 2 ** (taken.attempts - 1), 6 * 3600) * (0.5 + jitter())
        values = {"due_at": now + timedelta(seconds=wait)}
    session.execute(sa.update(Owed).where(Owed.id == taken.id).values(last_error=error[:200], **values))
