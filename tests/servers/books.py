"""Taking the triggers off the books, as somebody with the database's own password could."""

import sqlalchemy as sa

from core.database import Database

APPEND_ONLY = ("ledger_entry", "month_close")


def take_triggers_off(database: Database) -> None:
    """From now on rows of the books can be changed by hand, until the database is thrown away."""
    if database.is_sqlite:
        statements = [f"DROP TRIGGER {name}" for name in triggers_of(database)]
    else:
        statements = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in APPEND_ONLY]
    with database.transaction() as session:
        for statement in statements:
            session.execute(sa.text(statement))


def triggers_of(database: Database) -> list[str]:
    """The names of all triggers of ours there are."""
    statement = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if database.is_sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    )
    with database.engine.connect() as connection:
        return [str(name) for name in connection.execute(sa.text(statement)).scalars()]
