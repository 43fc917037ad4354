"""A lock that nobody here wrote joins from the protocol's page alone, and opens for whoever booked."""

import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from booking.app.factory import create_app
from booking.app.guards import TOKEN
from booking.app.services import Services
from booking.app.wiring import build_gateway
from booking.availability.month import of_month
from booking.availability.status import BandStatus
from booking.demo.broker import mosquitto_command
from booking.people.models import Account
from booking.people.sign_in import open_session
from booking.people.signed_in import actor_of
from booking.places.models import FacilityName, Municipality, Offering, Space, SpaceKind
from booking.reservations.confirm import confirm
from booking.reservations.hold import hold
from booking.reservations.models import Reservation
from core.clock import civil_day
from locks.models import Lock
from tests.integration.app.command_line import CommandLine, services_of
from tests.integration.town.foreign_lock import ForeignLock, Refused, contact_by_https, contact_by_mqtt
from tests.servers.loopback import eventually, free_port, is_listening
from tests.servers.processes import Processes

SCHOOL = "福生東小学校"
"""Nobody has put a door on its gym before."""
DIGITS = re.compile(r'data-door-code="(\d{8})"')


@dataclass
class House:
    """The server's side: its command line, its processes, its pages."""

    line: CommandLine
    services: Services

    def book(self) -> tuple[Reservation, str]:
        """A confirmed reservation of the gym, and the digits on its code page."""
        client = create_app(self.services).test_client()
        now = self.services.clock.now()
        with self.services.database.transaction() as session:
            account = session.scalars(
                sa.select(Account.id).where(Account.mail_address == "mihon-shimin@example.jp")
            ).one()
            token = open_session(session, account_id=account, device="試験", now=now).token
        with self.services.database.transaction() as session:
            actor = actor_of(session, token, now=now)
            assert actor is not None
            offering_id = self._offering(session)
            days = of_month(
                session,
                municipality_id=actor.municipality_id,
                offering_id=offering_id,
                first=civil_day(now) + timedelta(days=1),
                days=10,
                now=now,
            ).days
            band = next(band for day in days for band in day.bands if band.status is BandStatus.FREE)
            reservation = hold(
                session,
                actor=actor,
                group_id=actor.groups[0].id,
                offering_id=offering_id,
                window=band.window,
                request_key="foreign",
                now=now,
            )
        with self.services.database.transaction() as session:
            reservation = session.get_one(Reservation, reservation.id, with_for_update=True)
            confirm(session, reservation, now=now)
        with client.session_transaction() as cookie:
            cookie[TOKEN] = token
        page = client.get(f"/reservations/{reservation.id}/code")
        found = DIGITS.findall(page.text)
        assert len(found) == 1, page.text
        return reservation, found[0]

    def known_of(self, lock: ForeignLock) -> tuple[int, int, bool]:
        """Applied and desired version as the server has them, and whether a contact was counted."""
        with self.services.database.reading() as session:
            row = session.get_one(Lock, lock.id)
            return row.applied_version, row.desired_version, row.last_contact_at is not None

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The locks' HTTPS endpoint."""
        answer = (
            create_app(self.services).test_client().post(path, data=body, content_type="application/jose")
        )
        return answer.status_code, answer.get_json(silent=True) or {}

    def _offering(self, session: Any) -> int:
        found = session.scalars(
            sa.select(Offering.id)
            .join(Space, Space.id == Offering.space_id)
            .join(FacilityName, FacilityName.facility_id == Space.facility_id)
            .where(FacilityName.name == SCHOOL, Space.kind == SpaceKind.GYM)
            .order_by(Offering.id)
        ).first()
        assert isinstance(found, int)
        return found


@pytest.fixture
def house(database_url: str, tmp_path: Path, processes: Processes) -> Iterator[House]:
    """A broker, a gateway and the pages over a fresh database of sample data."""
    port = free_port()
    line = CommandLine(database_url, tmp_path / "broker")
    line.environment |= {"KAIHO_MQTT_PORT": str(port), "KAIHO_COOKIE_SECURE": "false"}
    line.plant()
    line.ok("broker-files")
    processes.start(*mosquitto_command(line.broker_dir, port, is_root=os.geteuid() == 0))
    eventually(lambda: is_listening(port), what="Mosquitto")
    with services_of(line) as services:
        with services.database.transaction() as session:
            # So that a code may be looked at days before: the page's own rule is another test's.
            for town in session.scalars(sa.select(Municipality)):
                town.reveal_before_start_s = 60 * 86400
        with _gateway(services):
            yield House(line, services)


@contextmanager
def _gateway(services: Services) -> Iterator[None]:
    gateway = build_gateway(services)
    thread = threading.Thread(target=gateway.run)
    thread.start()
    try:
        eventually(lambda: gateway.is_connected, what="the gateway's connection")
        yield
    finally:
        gateway.stop()
        thread.join(20)


Contact = Callable[[ForeignLock, str], None]


@pytest.fixture(params=["mqtt", "https"])
def provisioned(request: pytest.FixtureRequest, house: House) -> tuple[ForeignLock, Contact]:
    """A lock as `kaiho lock add` made it, and how it speaks."""
    shown = house.line.add_lock("--facility", SCHOOL)

    def contact(lock: ForeignLock, why: str) -> None:
        if request.param == "mqtt":
            contact_by_mqtt(lock, shown, why=why)
        else:
            contact_by_https(lock, house.post, why=why)

    return ForeignLock.installed(shown), contact


def test_a_lock_that_nobody_here_wrote_opens_for_whoever_booked(
    house: House, provisioned: tuple[ForeignLock, Contact]
) -> None:
    lock, contact = provisioned
    _until(lambda: contact(lock, "boot"), lambda: lock.applied > 0)
    assert house.known_of(lock) == (lock.applied, lock.applied, True)
    assert (lock.acknowledged, lock.desired["grants"]) == (1, [])
    assert lock.clock_ms is not None
    assert lock.next_sync_at > lock.clock_ms // 1000

    first = lock.applied
    reservation, digits = house.book()
    granule = int(reservation.starts_at.timestamp()) // 1800
    # It has not been told of the reservation, and would open for it all the same.
    assert digits in lock.derivable(granule)

    _until(lambda: contact(lock, "keypad"), lambda: bool(lock.desired["grants"]))
    assert lock.applied > first
    assert lock.granted() == {digits}
    assert [grant[0] for grant in lock.desired["grants"]] == [granule]
    assert house.known_of(lock) == (lock.applied, lock.applied, True)


def test_a_lock_with_another_secret_is_no_lock_of_ours(
    house: House, provisioned: tuple[ForeignLock, Contact]
) -> None:
    lock, contact = provisioned
    _until(lambda: contact(lock, "boot"), lambda: lock.applied > 0)
    _, digits = house.book()
    _until(lambda: contact(lock, "keypad"), lambda: bool(lock.desired["grants"]))
    other = bytes(32)
    assert replace(lock, code_root=other).granted() != {digits}
    impostor, applied = replace(lock, root=other), lock.applied
    with pytest.raises((Refused, queue.Empty)):
        contact(impostor, "schedule")
    assert house.known_of(lock)[0] == applied
    with house.services.database.reading() as session:
        assert session.get_one(Lock, lock.id).last_n == lock.n


def _until(step: Callable[[], None], holds: Callable[[], bool]) -> None:
    """Contacts until something is so: a desired state is published a moment after what changed it."""

    def stepped() -> bool:
        step()
        return holds()

    eventually(stepped, within_s=30, what="the awaited desired state")
