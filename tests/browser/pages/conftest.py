"""The site of the page tests behind a real socket, so that a browser can open it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from booking.people.models import Account
from booking.people.passwords import hash_password
from core.database import Database
from tests.integration.pages.conftest import Site, build_site
from tests.servers.serving import serving

MAIL, PASSWORD = "mihon@example.jp", "kaihou-no-hi"


@dataclass
class Served:
    """A site and where it is."""

    url: str
    site: Site


@pytest.fixture
def served(sqlite_database_url: str) -> Iterator[Served]:
    """The site on a free port, with a resident who has a password."""
    database = Database(sqlite_database_url)
    site = build_site(database, card_page="http://127.0.0.1:1")
    with database.transaction() as session:
        session.get_one(Account, site.town.resident).password_hash = hash_password(PASSWORD)
    with serving(site.app) as url:
        yield Served(url, site)
    database.dispose()
