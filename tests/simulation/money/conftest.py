"""Fresh PostgreSQL databases, town after town."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.schema import postgres_copy


@pytest.fixture
def fresh_postgres_url(
    postgres_server: PostgresServer, postgres_template: str
) -> Iterator[Callable[[], str]]:
    """Each call gives the address of another empty, migrated database."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(postgres_copy(postgres_server, postgres_template))
