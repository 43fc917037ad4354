"""A town with one evening's reservation, and a mailer that talks to a real SMTP server."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from booking.notices.sender import Mailer, send_due
from booking.notices.smtp import SmtpTransport
from booking.people.models import Account, Role
from booking.people.signed_in import Actor
from booking.reservations.models import Reservation
from core.database import Database
from tests.integration.manage.town import TODAY, Place, StoppedClock, Town, actor_of_account, window
from tests.servers.mail import SmtpSink

BASE_URL = "https://kaiho.example.jp"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def clock() -> StoppedClock:
    """09:00 on a Saturday."""
    return StoppedClock()


@dataclass(frozen=True)
class Evening:
    """Who and what there is."""

    place: Place
    resident: Account
    manager: Actor
    reservation: Reservation


@pytest.fixture
def evening(database: Database) -> Evening:
    """One school, one resident with a confirmed reservation tonight, one manager."""
    with database.transaction() as session:
        town = Town(session).found()
        place = town.school("見本小学校")
        resident = town.account("hanako@example.jp")
        group = town.group("見本団体01", resident)
        reservation = town.reservation(place.full, window(TODAY, 19, 21), account=resident, group=group)
        manager = town.account("manager@example.jp", role=Role.MANAGER, name="見本 係長")
    with database.reading() as session:
        version = session.connection().exec_driver_sql("SELECT catalogue_version FROM municipality").scalar()
    assert isinstance(version, int)
    return Evening(place, resident, actor_of_account(manager, catalogue_version=version), reservation)


@pytest.fixture
def mailer(smtp_sink: SmtpSink) -> Mailer:
    """Sends to the sink."""
    transport = SmtpTransport(smtp_sink.host, smtp_sink.port, timeout_s=5)
    return Mailer(transport, "kaiho@example.jp", BASE_URL)


@dataclass(frozen=True)
class Post:
    """The loop that sends, with all it needs."""

    database: Database
    mailer: Mailer
    clock: StoppedClock

    def run(self) -> int:
        """One run of the loop."""
        return send_due(self.database, self.mailer, self.clock)


@pytest.fixture
def post(database: Database, mailer: Mailer, clock: StoppedClock) -> Post:
    """The loop, ready to run."""
    return Post(database, mailer, clock)
