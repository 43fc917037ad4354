"""Databases with today's tables: migrated once per run, copied per test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from migrations.run import upgrade
from tests.servers.postgres import PostgresServer

_numbers = count(1)


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def make_sqlite_template(folder: Path) -> Path:
    """A migrated file that nobody has open, its write-ahead log folded in."""
    path = folder / "template.sqlite3"
    upgrade(sqlite_url(path))
    return path


def copy_sqlite_template(template: Path, folder: Path) -> str:
    """A fresh database in `folder`; its URL."""
    path = folder / f"kaiho-{next(_numbers)}.sqlite3"
    shutil.copyfile(template, path)
    return sqlite_url(path)


def make_postgres_template(server: PostgresServer, name: str) -> str:
    """A migrated database that nobody is connected to; its name."""
    server.drop(name)
    upgrade(server.create(name))
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
