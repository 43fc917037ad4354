"""Fresh databases for town after town."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.servers.schema import copy_sqlite_template


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Weeks of log lines would bury what a test has to say."""
    kept = structlog.get_config()
    structlog.configure(processors=[_drop])
    yield
    structlog.configure(**kept)


def _drop(_logger: object, _name: str, _event: object) -> str:
    raise structlog.DropEvent


@pytest.fixture
def fresh_url(sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Each call gives the address of another empty, migrated database."""
    return lambda: copy_sqlite_template(sqlite_template, tmp_path)
