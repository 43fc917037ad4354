"""Real towns: every process of the house on loopback, on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from booking.demo.town import Town
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Town]:
    """A running town that the tests of a module share; they book different slots."""
    folder = tmp_path_factory.mktemp("town")
    name = f"kaiho_{folder.name.replace('-', '_')}"
    url = postgres_server.create(name) if request.param == "postgresql" else None
    started = Town(folder, database_url=url)
    try:
        started.start()
        yield started
    finally:
        started.stop()
        if url is not None:
            postgres_server.drop(name)
