"""A real town for the journeys, and phones to walk through it with."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from booking.demo.town import Town
from tests.browser.journey.canary import Canary
from tests.browser.journey.walker import Walker
from tests.integration.town.oracle import Oracle
from tests.servers.browser import phone, watched_page


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A running town, every process of it, on SQLite; each journey books windows of its own."""
    started = Town(tmp_path_factory.mktemp("journey"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def oracle(town: Town) -> Iterator[Oracle]:
    """What really happened."""
    looking = Oracle(town)
    yield looking
    looking.database.dispose()


@pytest.fixture
def canary(town: Town) -> Canary:
    """Knows which codes were shown and where none may stand."""
    return Canary(town)


@pytest.fixture
def new_walker(chromium: Browser, town: Town, canary: Canary) -> Iterator[Callable[..., Walker]]:
    """Makes somebody with a phone of their own: `new_walker()`, `new_walker("mihon-shimin@example.jp")`."""
    with ExitStack() as phones:

        def make(mail_address: str = "") -> Walker:
            page = phones.enter_context(watched_page(phones.enter_context(phone(chromium))))
            walker = Walker(page, town, canary)
            if mail_address:
                walker.open("/sign-in")
                walker.sign_in(mail_address)
            return walker

        yield make
