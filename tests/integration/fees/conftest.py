"""A small town on both databases."""

from collections.abc import Iterator

import pytest

from core.database import Database
from tests.integration.booking.town import Town, build_town


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """A fresh town; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url, pool_size=10)
    yield build_town(database)
    database.dispose()
