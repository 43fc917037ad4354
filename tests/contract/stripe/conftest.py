"""A merchant at the sandbox, or at Stripe where `real_account.py` gives a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.stripe.endpoint import Endpoint, running_endpoint
from tests.contract.stripe.merchant import Merchant, client_for
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import start_stripe_sandbox


@pytest.fixture(scope="session")
def shared_base(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str | None]]:
    """Key and address of the account under test."""
    key: str | None = request.config.getoption("stripe_secret_key", None)
    if key:
        yield key, None
        return
    started = Processes()
    try:
        sandbox = start_stripe_sandbox(started, tmp_path_factory.mktemp("stripe") / "state.db")
        yield sandbox.secret_key, sandbox.url
    finally:
        started.kill_all()


@pytest.fixture
def merchant(shared_base: tuple[str, str | None]) -> Merchant:
    """A merchant whose account other tests use too."""
    key, base = shared_base
    return Merchant(client_for(key, base), key, base)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A webhook endpoint that keeps what it is sent."""
    with running_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def told_merchant(endpoint: Endpoint, tmp_path: Path) -> Iterator[Merchant]:
    """A merchant alone on a sandbox that tells `endpoint` what happens."""
    started = Processes()
    try:
        sandbox = start_stripe_sandbox(started, tmp_path / "state.db", webhook_url=endpoint.url)
        yield Merchant(client_for(sandbox.secret_key, sandbox.url), sandbox.secret_key, sandbox.url)
    finally:
        started.kill_all()
