"""What any test may ask for. Servers start when first asked for, once per test process, and are all real."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, BrowserContext, Page

from tests.servers import bytecode, compiled, network_guard, scratch
from tests.servers.broker import Mosquitto, running_mosquitto
from tests.servers.browser import phone, running_chromium, watched_page
from tests.servers.mail import SmtpSink, running_smtp_sink
from tests.servers.postgres import PostgresServer, running_postgres
from tests.servers.processes import Processes
from tests.servers.schema import (
    copy_sqlite_template,
    make_postgres_template,
    make_sqlite_template,
    postgres_copy,
)
from tests.servers.stripe_sandbox import StripeSandbox, start_stripe_sandbox

bytecode.keep()
network_guard.install()
scratch.use_memory()
compiled.share()

LAYERS = {"unit", "property", "integration", "contract", "browser", "simulation", "bench", "gate"}
HERE = Path(__file__).parent

# How quick a machine draws an example says nothing about the code, and CI shares its processors.
settings.register_profile("patient", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its layer, the folder it lives in, so that `-m unit` runs one layer."""
    for item in items:
        layer = item.path.relative_to(HERE).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
    _spread_the_long_waits(items)


def _spread_the_long_waits(items: list[pytest.Item]) -> None:
    """Let the tests that kill processes begin at once, each database's in a test process of its own.

    They wait for minutes and need no processor meanwhile; begun last, everything else would wait for them.
    xdist gives each of its processes a stretch of the list.
    """
    waiting = [item for item in items if item.path.name == "test_kill.py"]
    first = [item for item in waiting if "sqlite" in item.name]
    second = [item for item in waiting if "sqlite" not in item.name]
    rest = [item for item in items if item.path.name != "test_kill.py"]
    quarter = max(0, len(items) // 4 - len(first))
    items[:] = [*first, *rest[:quarter], *second, *rest[quarter:]]


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Starts programs; whatever still runs at the end of the test is killed."""
    started = Processes()
    yield started
    started.kill_all()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server on which databases may be created."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    return make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy; its own for each test process."""
    name = make_postgres_template(postgres_server, f"kaiho_test_{os.getpid()}")
    yield name
    postgres_server.drop(name)


@pytest.fixture
def sqlite_database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh migrated SQLite database."""
    return copy_sqlite_template(sqlite_template, tmp_path)


@pytest.fixture
def postgres_database_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A fresh migrated PostgreSQL database."""
    with postgres_copy(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database; the test runs once on SQLite and once on PostgreSQL."""
    name = {"sqlite": "sqlite_database_url", "postgresql": "postgres_database_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A running broker that all tests of this process share; take lock ids that no other test takes."""
    with running_mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker for this test alone, to stop, wipe and start again."""
    with running_mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def start_sandbox(processes: Processes, tmp_path: Path) -> Callable[..., StripeSandbox]:
    """Starts a Stripe sandbox: `start_sandbox(webhook_url=..., listen=...)`; the same state each time."""

    def start(*, webhook_url: str | None = None, listen: str = "127.0.0.1:0") -> StripeSandbox:
        return start_stripe_sandbox(
            processes, tmp_path / "stripe.json", webhook_url=webhook_url, listen=listen
        )

    return start


@pytest.fixture
def stripe_sandbox(start_sandbox: Callable[..., StripeSandbox]) -> StripeSandbox:
    """A running Stripe sandbox that reports to nobody."""
    return start_sandbox()


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """An SMTP server on loopback that keeps what it is given."""
    with running_smtp_sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def phone_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh phone: 390 x 844, Japanese, no cookies."""
    with phone(chromium) as context:
        yield context


@pytest.fixture
def page(phone_context: BrowserContext) -> Iterator[Page]:
    """A page on a fresh phone; a script error or a refused script fails the test."""
    with watched_page(phone_context) as opened:
        yield opened
