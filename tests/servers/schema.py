"""Databases with today's tables: migrated once per run, copied per test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from alembic import command
from alembic.config import Config

from tests.servers.postgres import PostgresServer
from tests.servers.processes import ROOT

_numbers = count(1)


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `kaiho migrate` does."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, revision)


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def make_sqlite_template(folder: Path) -> Path:
    """A migrated file that nobody has open, its write-ahead log folded in."""
    path = folder / "template.sqlite3"
    migrate(sqlite_url(path))
    return path


def copy_sqlite_template(template: Path, folder: Path) -> str:
    """A fresh database in `folder`; its URL."""
    path = folder / f"kaiho-{next(_numbers)}.sqlite3"
    shutil.copyfile(template, path)
    return sqlite_url(path)


def make_postgres_template(server: PostgresServer, name: str) -> str:
    """A migrated database that nobody is connected to; its name."""
    server.drop(name)
    migrate(server.create(name))
    return name


@contextmanager
def postgres_copy(server: PostgresServer, template: str) -> Iterator[str]:
    """A fresh database for as long as the block lasts; its URL."""
    name = f"{template}_{next(_numbers)}"
    url = server.create(name, template=template)
    try:
        yield url
    finally:
        server.drop(name)
