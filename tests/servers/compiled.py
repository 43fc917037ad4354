"""Statements, templates and routes compiled once in a test process, however many databases and apps it opens.

SQLAlchemy compiles a statement for each engine, Jinja a template and Werkzeug every route for each app, and
nearly every test has its own of both: that was half of the processor time of the tests of pages.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from werkzeug.routing import Rule

_compiled: dict[Any, Any] = {}


class KeptTemplates(BytecodeCache):
    """By file and content; the apps of one process read their templates alike."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What was compiled of this content before, if anything."""
        kept = self._kept.get((bucket.key, bucket.checksum))
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled just now."""
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


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


def _share_routes() -> None:
    """A route's builder knows its rule and nothing of its app, which it is given at each call."""
    compile_builder = Rule._compile_builder
    builders: dict[tuple[str, tuple[tuple[bool, str], ...], bool], Callable[..., tuple[str, str]]] = {}

    def compiled_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = rule.rule, tuple(rule._trace), append_unknown
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    Rule._compile_builder = compiled_once  # type: ignore[assignment, method-assign]


def share() -> None:
    """Let every engine and every app that is made from now on know what another one has compiled."""
    registry.register("postgresql", __name__, SharedPostgres.__name__)
    registry.register("sqlite", __name__, SharedSqlite.__name__)
    event.listen(Engine, "engine_connect", _on_connect)
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": KeptTemplates()}
    _share_routes()


def _on_connect(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)
