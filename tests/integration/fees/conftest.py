"""A small town on both databases."""

from collections.abc import Iterator

import pytest

from core.database import Database
from tests.integration.booking.town import Town, build_town
from tests.integration.pages.conftest import Site, build_site


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """A fresh town; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url, pool_size=10)
    yield build_town(database)
    database.dispose()


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A fresh site; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield build_site(database)
    database.dispose()
