"""One history: up, down, up; models and migrated database agree; a broken revision leaves nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from core.database import Base, Database
from migrations.run import check, configuration, downgrade, upgrade
from tests.integration.booking.town import build_town
from tests.servers.books import triggers_of
from tests.servers.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"kaiho_empty_{tmp_path.name.replace('-', '_')[:20].lower()}"
    server.drop(name)
    yield server.create(name)
    server.drop(name)


def tables(url: str) -> set[str]:
    """Tables there are."""
    database = Database(url)
    try:
        return set(sa.inspect(database.engine).get_table_names()) - {"alembic_version"}
    finally:
        database.dispose()


def test_the_history_has_one_head() -> None:
    assert len(ScriptDirectory.from_config(configuration("sqlite://")).get_heads()) == 1


def test_what_a_loop_looks_for_is_found_by_an_index() -> None:
    """Rows that are done stay for ever; a loop that reads them all is slower every month."""
    due = {"next_due_at", "due_at", "publish_due_at", "clear_due_at"}
    without = [
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name in due and not any(column in list(one.columns) for one in table.indexes)
    ]
    # No loop looks for these: a case stands for each.
    assert without == ["relief_application"]


def test_up_down_up_with_rows_loaded_ends_where_the_models_are(empty_url: str) -> None:
    upgrade(empty_url)
    check(empty_url)
    database = Database(empty_url)
    build_town(database)
    database.dispose()
    downgrade(empty_url, "base")
    assert tables(empty_url) == set()
    upgrade(empty_url)
    check(empty_url)
    assert tables(empty_url) == set(Base.metadata.tables)


def test_the_books_have_their_triggers_at_the_head_and_lose_them_with_the_revision(empty_url: str) -> None:
    upgrade(empty_url)
    database = Database(empty_url)
    kept = triggers_of(database)
    assert len(kept) == (6 if database.is_sqlite else 5)
    assert all(name.startswith(("ledger_entry_", "month_close_")) for name in kept)
    database.dispose()
    downgrade(empty_url, "0003")
    assert triggers_of(database) == []
    upgrade(empty_url)
    assert triggers_of(database) == kept
    database.dispose()


def test_an_upgrade_that_breaks_leaves_the_database_as_it_was(empty_url: str) -> None:
    database = Database(empty_url)
    with database.transaction() as session:
        # The last table of the revision is there already: everything before it must be undone.
        session.execute(sa.text("CREATE TABLE claim (id INTEGER)"))
    database.dispose()
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(empty_url)
    assert tables(empty_url) == {"claim"}
