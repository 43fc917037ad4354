"""Rows whose time has come: taken by one worker at a time, given back with the next time to look.

A taken row is leased: its `next_due_at` and `leased_until` are the end of the lease. Whoever hints meanwhile
that something happened moves `next_due_at` back to the present, and giving back keeps the earlier of the two,
so that the hint is not lost. A worker that dies only delays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, is_retryable, retrying
from core.errors import KaihoError
from core.ids import jitter
from payments.case_models import Dispute
from payments.errors import StripeUnavailable
from payments.models import Payment, Refund
from payments.stripe_port import CALL_TAKES_AT_MOST_S

LEASE_FOR = timedelta(seconds=2 * CALL_TAKES_AT_MOST_S)
"""A beat makes at most two calls."""
BATCH = 50
_LONGEST_WAIT = timedelta(minutes=5)

Row = TypeVar("Row", Payment, Refund, Dispute)
Taken = TypeVar("Taken")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loop(Generic[Row, Taken]):
    """One kind of work on due rows, in three beats."""

    kind: type[Row]
    which: Callable[[datetime], sa.ColumnElement[bool]]
    """Which due rows are this loop's business at an instant."""
    begin: Callable[[Session, Row, datetime], Taken | None]
    """Commit the intent: what the call needs of the leased row, None where no call is needed (yet)."""
    finish: Callable[[Taken], None]
    """Call outside, then commit the outcome."""


def run(database: Database, clock: Clock, loop: Loop[Row, Taken]) -> int:
    """A bounded batch, row by row; how many were touched.

    A row that fails waits longer each time and holds up no other; while Stripe does not answer at all the
    batch stops, rather than queue up timeouts.
    """
    for count in range(BATCH):
        found = _begin_next(database, clock, loop)
        if found is None:
            return count
        row_id, taken = found
        if taken is None:
            continue
        try:
            loop.finish(taken)
        except Exception as error:
            log.warning("due_row_put_off", table=loop.kind.__tablename__, id=str(row_id), error=_told(error))
            fail(database, clock, loop.kind, row_id, error)
            if isinstance(error, StripeUnavailable):
                return count + 1
    return BATCH


def fail(database: Database, clock: Clock, kind: type[Row], row_id: UUID, error: Exception) -> None:
    """Give a row back that its worker could not finish."""

    def write() -> None:
        with database.transaction() as session:
            row = locked(session, kind, row_id)
            if row is not None and row.leased_until is not None:
                put_off(row, error, now=clock.now())

    retrying(write)


def locked(session: Session, kind: type[Row], row_id: UUID) -> Row | None:
    """A row as it is now, kept from others until the transaction ends."""
    return session.scalar(
        sa.select(kind).where(kind.id == row_id).with_for_update().execution_options(populate_existing=True)
    )


def lease(row: Payment | Refund | Dispute, *, now: datetime) -> None:
    """Keep other workers off it while its call is under way."""
    row.leased_until = row.next_due_at = now + LEASE_FOR


def is_leased(row: Payment | Refund | Dispute, *, now: datetime) -> bool:
    """Whether a worker that is not yet counted as dead has it."""
    return row.leased_until is not None and row.leased_until > now


def give_back(row: Payment | Refund | Dispute, *, due_at: datetime) -> None:
    """End the lease; look again at `due_at`, or earlier where somebody hinted meanwhile."""
    if row.next_due_at is None or row.next_due_at == row.leased_until or due_at < row.next_due_at:
        row.next_due_at = due_at
    row.leased_until = None


def put_off(row: Payment | Refund | Dispute, error: Exception, *, now: datetime) -> None:
    """After a failure: 5 s, doubling up to 5 minutes, spread so that rows do not come back together."""
    row.attempts += 1
    row.last_error = _told(error)
    wait = min(timedelta(seconds=5 * 2 ** min(row.attempts - 1, 10)), _LONGEST_WAIT)
    row.next_due_at = now + wait * (0.75 + 0.5 * jitter())
    row.leased_until = None


def _told(error: Exception) -> str:
    """What may be kept of an error: the words of a foreign one can hold a row's values."""
    detail = f": {error}" if isinstance(error, KaihoError) else ""
    return f"{type(error).__name__}{detail}"[:200]


def _begin_next(database: Database, clock: Clock, loop: Loop[Row, Taken]) -> tuple[UUID, Taken | None] | None:
    """Take the row that has waited longest; two workers never get the same. None: nothing is due."""
    now = clock.now()
    kind = loop.kind
    free = sa.or_(kind.leased_until.is_(None), kind.leased_until <= now)
    due = (kind.next_due_at <= now, free, loop.which(now))
    # Asked without the writers' lock first: mostly there is nothing.
    with database.reading() as session:
        if session.scalar(sa.select(kind.id).where(*due).limit(1)) is None:
            return None

    def take() -> tuple[UUID, Taken | None] | None:
        with database.transaction() as session:
            row = session.scalar(
                sa.select(kind)
                .where(*due)
                .order_by(kind.next_due_at, kind.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return None
            return row.id, _begun_or_none(session, loop, row, now)

    return retrying(take)


def _begun_or_none(session: Session, loop: Loop[Row, Taken], row: Row, now: datetime) -> Taken | None:
    """What the call needs of the row, leased now.

    A row that cannot begin is put off: as the one that has waited longest it would hold up all others.
    """
    try:
        with session.begin_nested():
            lease(row, now=now)
            taken = loop.begin(session, row, now)
            session.flush()
        return taken
    except Exception as error:
        if isinstance(error, DBAPIError) and is_retryable(error):
            raise
        session.refresh(row)
        put_off(row, error, now=now)
        log.error("due_row_cannot_begin", table=row.__tablename__, id=str(row.id), error=_told(error))
        return None
