"""What one database has compiled serves the next, and is never taken for another kind's."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, render_template, url_for
from jinja2.bccache import Bucket
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from core.database import Database
from core.lease import Lease
from tests.servers.compiled import KeptTemplates, SharedSqlite


def compiled_by(url: str) -> list[Any]:
    """What stands for one statement in a database that is opened for it."""
    database, seen = Database(url), []

    def note(_c: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        if "FROM lease" in statement:
            seen.append(context.compiled)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    with database.reading() as session:
        session.scalars(sa.select(Lease.holder).where(Lease.name == "worker")).all()
    database.dispose()
    return seen


def test_a_database_opened_later_compiles_nothing_again(
    sqlite_database_url: str, postgres_database_url: str
) -> None:
    for url in (sqlite_database_url, postgres_database_url):
        (first,), (second,) = compiled_by(url), compiled_by(url)
        assert first is second
    (sqlite,), (postgres,) = compiled_by(sqlite_database_url), compiled_by(postgres_database_url)
    assert str(sqlite) != str(postgres)


@pytest.mark.parametrize("shares", [True, False])
def test_an_app_made_later_compiles_no_template_again_but_a_changed_one(tmp_path: Path, shares: bool) -> None:
    """The control is an app whose Jinja keeps what it compiles for itself."""
    kept: list[str] = []

    class Counted(KeptTemplates):
        def dump_bytecode(self, bucket: Bucket) -> None:
            kept.append(bucket.key)
            super().dump_bytecode(bucket)

    cache = Counted()
    for text, shown in (("{{ 1 + 1 }}", "2"), ("{{ 1 + 1 }}", "2"), ("{{ 1 + 2 }}", "3")):
        (tmp_path / "page.html").write_text(text)
        app = Flask(__name__, template_folder=str(tmp_path))
        assert isinstance(app.jinja_env.bytecode_cache, KeptTemplates)
        app.jinja_env.bytecode_cache = cache if shares else Counted()
        with app.app_context():
            assert render_template("page.html") == shown
    assert len(kept) == (2 if shares else 3)


def test_only_the_same_kind_of_database_is_alike() -> None:
    assert SharedSqlite() == SharedSqlite()
    assert SharedSqlite() != SQLiteDialect_pysqlite()
    # The control: SQLAlchemy's own is another one for each engine.
    assert SQLiteDialect_pysqlite() != SQLiteDialect_pysqlite()


def routed(rule: str, **defaults: Any) -> tuple[Flask, Any]:
    """A fresh app with one route, and what builds that route's addresses."""
    app = Flask(__name__)
    app.add_url_rule(rule, "shown", lambda **_: "", defaults=defaults or None)
    (found,) = app.url_map.iter_rules("shown")
    return app, found._build.__func__  # type: ignore[attr-defined]


def test_an_app_made_later_compiles_no_route_again_and_builds_its_own_addresses() -> None:
    (first, builds), (second, builds_too) = routed("/seen/<int:number>"), routed("/seen/<int:number>")
    assert builds is builds_too
    another, builds_another = routed("/seen/<path:number>")
    for app, number, address in (
        (first, 3, "/seen/3"),
        (second, 4, "/seen/4"),
        (another, "a/b", "/seen/a/b"),
    ):
        with app.test_request_context():
            assert url_for("shown", number=number) == address
            assert url_for("shown", number=number, day=5) == f"{address}?day=5"
    with_default, builds_alone = routed("/seen/<int:number>", page=1)
    assert builds_alone not in (builds, builds_another)
    with with_default.test_request_context():
        assert url_for("shown", number=3, page=1) == "/seen/3"
