"""The web application over a town with two schools, and somebody signed in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from booking.app.factory import create_app
from booking.app.guards import TOKEN
from booking.app.services import Services
from booking.people.models import Account, AccountSession, Group, Role
from booking.reservations.models import State
from core.database import Database
from core.ids import new_token, token_digest
from core.secrets import Keyring
from core.settings import Settings
from locks.callbacks import Callbacks as LockCallbacks
from locks.keys import give_keyring
from payments.callbacks import Callbacks as PaymentCallbacks
from payments.stripe_port import StripePort
from tests.integration.manage.town import NOW, TODAY, Place, StoppedClock, Town, at, window


@dataclass
class Manage:
    """The town and the pages over it."""

    database: Database
    clock: StoppedClock
    app: Flask
    near: Place
    far: Place
    manager: Account
    resident: Account
    group: Group

    def client(self, account: Account | None) -> FlaskClient:
        """A browser in which the account (None: nobody) is signed in."""
        client = self.app.test_client()
        if account is None:
            return client
        token = new_token()
        with self.database.transaction() as session:
            session.add(
                AccountSession(
                    token_digest=token_digest(token),
                    account_id=account.id,
                    created_at=NOW,
                    expires_at=NOW + timedelta(days=1),
                    device="test",
                )
            )
        with client.session_transaction() as cookie:
            cookie[TOKEN] = token
        return client

    def town(self, build: Callable[[Town], None]) -> None:
        """Add to the town in one transaction."""
        with self.database.transaction() as session:
            build(Town(session, places=[self.near, self.far]))


def _nothing(*_: object, **__: object) -> None:
    """What locks and payments tell is not what these tests are about."""


def services_over(database: Database, clock: StoppedClock) -> Services:
    """Services that reach nothing outside."""
    keyring = Keyring.of_hex("00" * 32)
    give_keyring(database, keyring)
    settings = Settings(
        secret_key=SecretStr("s" * 32),
        master_key=SecretStr("00" * 32),
        municipality_code="312029",
        cookie_secure=False,
    )
    return Services(
        settings=settings,
        database=database,
        keyring=keyring,
        clock=clock,
        stripe=StripePort(""),
        payment_callbacks=PaymentCallbacks(_nothing, _nothing, _nothing, _nothing),
        lock_callbacks=LockCallbacks(lambda *_, **__: (), _nothing, _nothing, _nothing, _nothing, _nothing),
    )


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def manage(database: Database) -> Manage:
    """Near: 09:00 in use, 19:00 confirmed. Far: a request for tomorrow morning."""
    with database.transaction() as session:
        town = Town(session).found()
        near, far = town.school("近くの小学校"), town.school("遠くの中学校", approval=True)
        manager = town.account("manager@example.jp", role=Role.MANAGER, name="見本 係長")
        resident = town.account("hanako@example.jp")
        group = town.group("見本団体01", resident)
        town.reservation(near.full, window(TODAY, 19, 21), account=resident, group=group)
        town.reservation(
            near.halves[0],
            window(TODAY, 9, 12),
            account=resident,
            group=group,
            state=State.USED,
            first_opened_at=at(TODAY, 8.9),
        )
        tomorrow = TODAY + timedelta(days=1)
        town.reservation(
            far.full, window(tomorrow, 9, 12), account=resident, group=group, state=State.REQUESTED
        )
    clock = StoppedClock()
    app = create_app(services_over(database, clock))
    return Manage(database, clock, app, near, far, manager, resident, group)


@pytest.fixture
def desk(manage: Manage) -> FlaskClient:
    """The manager's browser."""
    return manage.client(manage.manager)
