"""The web application over a small town, with Stripe in memory and a clock that moves when told."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from booking.app.factory import create_app
from booking.app.guards import TOKEN
from booking.app.services import Services
from booking.app.wiring import LOCK_CALLBACKS, PAYMENT_CALLBACKS
from booking.people.sign_in import open_session
from core.database import Database
from core.ids import new_id
from core.secrets import Keyring
from core.settings import Settings
from core.window import Window
from tests.integration.booking.town import NOW, Town, build_town, window
from tests.integration.payments.stripe_double import StripeDouble

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()

    def advance(self, **by: float) -> None:
        """Let time pass."""
        self.instant += timedelta(**by)


@dataclass
class Site:
    """The town and its web site."""

    town: Town
    clock: MovedClock
    stripe: StripeDouble
    services: Services
    app: Flask

    def browser(self, account: UUID | None = None) -> FlaskClient:
        """A browser; signed in as an account, or as nobody."""
        client = self.app.test_client()
        if account is not None:
            with self.town.database.transaction() as session:
                opened = open_session(session, account_id=account, device="試験", now=self.clock.now())
            with client.session_transaction() as cookie:
                cookie[TOKEN] = opened.token
        return client

    def resident(self) -> FlaskClient:
        """The browser of the resident with two groups."""
        return self.browser(self.town.resident)


def send(client: FlaskClient, page: str, action: str, **fields: object) -> TestResponse:
    """POST as a browser does: with the token of a page that was opened before."""
    found = CSRF.search(client.get(page).text)
    assert found, f"{page} shows no form"
    data = {name: str(value) for name, value in fields.items()}
    return client.post(action, data={**data, "csrf_token": found[1]})


def booking_fields(site: Site, wanted: Window, **changed: object) -> dict[str, object]:
    """What the confirm screen sends."""
    fields: dict[str, object] = {
        "start": wanted.granules.start,
        "length": len(wanted.granules),
        "group_id": site.town.general,
        "request_key": str(new_id(NOW)),
    }
    return fields | changed


def book(site: Site, client: FlaskClient, wanted: Window | None = None, **changed: object) -> TestResponse:
    """Press the button of the confirm screen; 10 to 12 of the full gym unless told otherwise."""
    offering = changed.pop("offering", site.town.full)
    fields = booking_fields(site, wanted or window(10, 12), **changed)
    return send(client, "/sessions", f"/offerings/{offering}/holds", **fields)


def build_site(
    database: Database,
    *,
    mails: Path | None = None,
    card_page: str = "https://checkout.stripe.com",
    proxy_hops: int = 0,
) -> Site:
    """A site over an empty migrated database."""
    town = build_town(database)
    clock = MovedClock()
    stripe = StripeDouble(clock)
    services = Services(
        settings=Settings(
            secret_key=SecretStr("s" * 40),
            master_key=SecretStr("00" * 32),
            cookie_secure=False,
            stripe_webhook_secret=SecretStr("whsec_test"),
            demo_mail_dir=mails,
            stripe_checkout_host=card_page,
            proxy_hops=proxy_hops,
        ),
        database=database,
        keyring=Keyring(bytes(range(32))),
        clock=clock,
        stripe=stripe,
        payment_callbacks=PAYMENT_CALLBACKS,
        lock_callbacks=LOCK_CALLBACKS,
    )
    return Site(town, clock, stripe, services, create_app(services))


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A fresh site; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield build_site(database)
    database.dispose()


@pytest.fixture
def small_site(sqlite_database_url: str) -> Iterator[Site]:
    """A fresh site on SQLite, for what does not depend on the database."""
    database = Database(sqlite_database_url)
    yield build_site(database)
    database.dispose()
