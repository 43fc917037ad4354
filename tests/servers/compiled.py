"""Statements compiled once in a test process, however many databases it opens.

SQLAlchemy compiles a statement once for each engine, and nearly every test opens a database of its own: that
was a fifth of the processor time of the tests that have one.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_compiled: dict[Any, Any] = {}


class _Alike:
    """A dialect equal to every other of its class: it is a part of what is looked up."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class SharedPostgres(_Alike, PGDialect_psycopg):
    """SQLAlchemy's own otherwise."""

    supports_statement_cache = True


class SharedSqlite(_Alike, SQLiteDialect_pysqlite):
    """SQLAlchemy's own otherwise."""

    supports_statement_cache = True


def share() -> None:
    """Let every engine that is made from now on know what another one has compiled."""
    registry.register("postgresql", __name__, SharedPostgres.__name__)
    registry.register("sqlite", __name__, SharedSqlite.__name__)
    event.listen(Engine, "engine_connect", _on_connect)


def _on_connect(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)
