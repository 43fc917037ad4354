"""One database, two kinds of transaction, on SQLite and PostgreSQL alike.

SQLite: WAL, `synchronous=FULL` (an acknowledged commit survives a power cut), writers begin with
`BEGIN IMMEDIATE` (a deferred one may fail as it upgrades its lock, and check-then-insert would double-book).
PostgreSQL: READ COMMITTED; what must not happen twice is decided by constraints and row locks.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    MetaData,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from core.errors import ContractBroken, Unavailable
from core.ids import jitter

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""64-bit integer key that SQLite still numbers by itself."""

T = TypeVar("T")

_open: ContextVar[str | None] = ContextVar("open_transaction", default=None)

_RETRYABLE = {"40001", "40P01", "55P03"}
"""SQLSTATE of a serialization failure, a deadlock and a lock that did not come free in time: nothing was
written, the same again may pass.
"""

_POSTGRESQL_LIMITS = (
    "SET lock_timeout = '10s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'"
)
"""A page that ran away, or a process that stands still inside a transaction, must not stop all others."""


STANDS_BACK = 0.02
"""Seconds that the loser of two transactions waits at first; a transaction lasts a few milliseconds."""


class Base(DeclarativeBase):
    """Parent of every table; constraint names are the same everywhere so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC instants; a naive one is refused, SQLite's answer is made aware again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ContractBroken("a naive datetime on its way to the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """An engine and the only two ways to use it."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.engine = _engine(url, pool_size)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._reader = self.engine.execution_options(
            **({"read_only": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"})
        )
        # SQLite's busy handler is unfair (some writer waits seconds): writers of one process queue here.
        self._writers = threading.Lock()
        self._is_over = False
        event.listen(self.engine, "checkin", self._on_checkin)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or rolled back on any error.

        Raises:
            ContractBroken: one is open already; a step never opens its own.
            Unavailable: the database gave up on it (deadlock, lock timeout); nothing was written.
        """
        with _marked("write"):
            if self.is_sqlite:
                with self._writers:
                    yield from self._committed()
            else:
                yield from self._committed()

    def _committed(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            try:
                yield session
                session.commit()
            except DBAPIError as error:
                session.rollback()
                if is_retryable(error):
                    raise TryAgain(str(error.orig)) from error
                raise

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; it never waits for a writer."""
        with _marked("read"), Session(self._reader, autoflush=False) as session:
            yield session

    def dispose(self) -> None:
        """Close every pooled connection, and each that a thread still uses once that gives it back."""
        self._is_over = True
        self.engine.dispose()

    def _on_checkin(self, _connection: Any, entry: ConnectionPoolEntry) -> None:
        # SQLAlchemy keeps what comes back late in a pool that nobody has any more: it would stay open.
        if self._is_over:
            entry.close()


class TryAgain(Unavailable):
    """Two transactions were in each other's way; this one lost and wrote nothing."""

    code = "try_again"
    sentence = "混み合っています。もう一度お試しください。"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows where a condition holds, the same on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def insert_into(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the words of the session's database."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def retrying(attempt: Callable[[], T], *, times: int = 4) -> T:
    """Run an edge's whole work again when it lost against another transaction, `times` times at most.

    The loser stands back for a moment that grows (20 ms doubling, with jitter). PostgreSQL gives a row that
    a rollback freed to whoever asks next, not to the one who waited: at once again, it would lose once more.
    """
    for tried in range(1, times):
        try:
            return attempt()
        except TryAgain:
            time.sleep(STANDS_BACK * 2 ** (tried - 1) * (0.5 + jitter()))
    return attempt()


def is_retryable(error: DBAPIError) -> bool:
    """Whether the database chose this transaction as a victim, so that nothing of it remains."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in _RETRYABLE or "database is locked" in str(error.orig)


def require_no_transaction(what: str) -> None:
    """Refuse to touch the outside while a transaction is open: adapters call this before every call.

    Raises:
        ContractBroken: a transaction of this thread is open.
    """
    if _open.get() == "write":
        raise ContractBroken(f"{what} inside a transaction")


@contextmanager
def _marked(kind: str) -> Iterator[None]:
    if _open.get() == "write":
        raise ContractBroken("a transaction inside a transaction")
    token = _open.set(kind)
    try:
        yield
    finally:
        _open.reset(token)


def _engine(url: str, pool_size: int) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30, pool_pre_ping=False
    )
    event.listen(engine, "connect", _on_postgresql_connect)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_postgresql_connect(connection: Any, _record: Any) -> None:
    connection.execute(_POSTGRESQL_LIMITS)
    connection.commit()


def _on_sqlite_begin(connection: Any) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
