"""A simulated lock that speaks HTTPS to the real endpoint of the server, on both databases."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, Response

from core.database import Database
from firmware_sim.clock import DriftingClock
from firmware_sim.core.primitives import code_of, subkey
from firmware_sim.door import Door
from firmware_sim.edge import mono_s, unix_ms
from firmware_sim.faults.of_lock import Faults
from firmware_sim.faults.plan import plan_of
from firmware_sim.https import BadServer, https_wires
from firmware_sim.provision import Broker, Provision
from firmware_sim.view import view
from locks.installation import Installation
from locks.models import Lock, LockEvent
from locks.sync_endpoint import blueprint
from tests.integration.firmware_sim.test_tls import LATER, certificate
from tests.integration.locks.conftest import LEFT, School
from tests.servers.loopback import eventually
from tests.servers.processes import Processes
from tests.servers.serving import serving


@pytest.fixture
def school(database_url: str) -> Iterator[School]:
    database = Database(database_url)
    school = School(database)
    # The lock's windows are those of its server's time, which is the machine's here.
    school.clock.at = datetime.fromtimestamp(unix_ms() / 1000, UTC)
    yield school
    database.dispose()


def endpoint(school: School) -> Flask:
    app = Flask(__name__)
    app.register_blueprint(blueprint(school.database, school.keyring, school.callbacks, school.clock))
    return app


def provision_of(fitted: Installation, ca: Path | None = None) -> Provision:
    broker = Broker("127.0.0.1", 1, False, str(ca) if ca else None)
    return Provision(fitted.lock, "見本", fitted.root, fitted.code_root, broker, fitted.lock, "x")


class Hung:
    """A lock on its door, ticked by the test."""

    def __init__(self, folder: Path, provision: Provision, server: str, plan: str = "none") -> None:
        self.door = Door(
            provision,
            folder,
            DriftingClock(0),
            None,
            lambda: None,
            faults=Faults(plan_of(plan), provision.lock),
            connect=https_wires(server, None),
        )
        self.door.start()

    def until(self, is_so: Callable[[], object], what: str) -> None:
        def ticked() -> object:
            if self.door.wake_at is not None and self.door.wake_at <= mono_s():
                self.door.tick()
            return is_so()

        eventually(ticked, within_s=15, what=what)

    def sync(self) -> None:
        self.door.sync()
        self.until(lambda: self.door.state.contact is None, "the end of the contact")

    def enter(self, code: str) -> str:
        before = self.door.decisions
        for key in code + "#":
            self.door.press(key)
        self.until(lambda: self.door.decisions > before, "a decision")
        assert self.door.decided is not None
        return self.door.decided.outcome


def code_for(fitted: Installation, window: tuple[int, int, int, int]) -> str:
    return code_of(subkey(fitted.code_root, "code", 0), *window)


def test_over_tls_a_lock_takes_its_version_opens_and_has_its_events_stored(
    school: School, tmp_path: Path
) -> None:
    certificate(tmp_path, "ca", "ca", None, LATER)
    certificate(tmp_path, "server", "ca", "127.0.0.1", LATER)
    fitted = school.fit().fitted
    window = school.slot(hours=2)
    school.issue(window)
    pem = str(tmp_path / "server.pem")
    with serving(endpoint(school), tls=(pem, pem)) as url:
        hung = Hung(tmp_path / "flash", provision_of(fitted, tmp_path / "ca.pem"), url)
        hung.until(lambda: hung.door.state.desired.version and not hung.door.state.contact, "a version")
        state = hung.door.state
        assert state.desired.version == school.one(sa.select(Lock.applied_version)) >= 1
        assert (state.result, view(hung.door)["clock"]["quality"]) == ("ok", "synced")
        assert state.log.records == []
        # Ten minutes before the start the door opens, for nobody earlier.
        granule, length, lane, rev = state.desired.grants[0]
        assert hung.enter(code_for(fitted, (granule, length, lane, rev))) == "restricted"
        school.clock.at = datetime.fromtimestamp(granule * 1800, UTC) - timedelta(minutes=9)
        hung.sync()
        assert hung.enter(code_for(fitted, (granule, length, lane, rev))) == "granted"
        hung.sync()
        assert hung.door.body.bolt == "unlocked"
        kinds = [row.kind for row in school.rows(sa.select(LockEvent.kind).order_by(LockEvent.seq))]
        assert {"boot", "desired_applied", "lock_operation_error", "lock_operation"} <= set(kinds)
        assert [opened[0] for opened in school.notes.opened]
        hung.door.stop()


def test_a_withdrawn_code_is_refused_once_a_contact_told_the_lock(school: School, tmp_path: Path) -> None:
    fitted = school.fit().fitted
    holder = school.issue(school.slot(hours=0.1), [LEFT])
    with serving(endpoint(school)) as url:
        hung = Hung(tmp_path, provision_of(fitted), url)
        hung.until(lambda: hung.door.state.desired.version and not hung.door.state.contact, "a version")
        version, granted = hung.door.state.desired.version, hung.door.state.desired.grants[0]
        school.clock.at = datetime.fromtimestamp(granted[0] * 1800 + 60, UTC)
        school.withdraw(holder)
        # On a busy machine a contact may take longer than the lock's patience.
        for _ in range(5):
            hung.sync()
            if hung.door.state.desired.version > version:
                break
        assert hung.enter(code_for(fitted, granted)) == "invalid_credential"
        hung.door.stop()


@pytest.mark.parametrize(
    "status,header,at_least", [(503, "1200", 1200), (429, "60", 60), (401, None, 0), (500, "soon", 0)]
)
def test_anything_but_200_is_no_contact_and_retry_after_is_heard(
    tmp_path: Path, status: int, header: str | None, at_least: int
) -> None:
    app = Flask(__name__)

    @app.post("/<path:_any>")
    def refuse(_any: str) -> Response:
        return Response("{}", status, {"Retry-After": header} if header else {})

    provision = Provision(
        "00112233445566ff", "見本", bytes(32), bytes(32), Broker("", 1, False, None), "x", "x"
    )
    with serving(app) as url:
        hung = Hung(tmp_path, provision, url)
        hung.until(lambda: hung.door.state.contact is None, "the refusal")
        assert hung.door.state.last_welcome_ms == 0
        wait = hung.door.state.timers["retry"] - mono_s()
        assert at_least - 5 <= wait <= max(at_least, 300)
        hung.door.stop()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"welcome": 1}', b'{"welcome": "x", "desired": 5}', b"\xff"])
def test_an_answer_that_proves_nothing_changes_nothing(tmp_path: Path, body: bytes) -> None:
    app = Flask(__name__)

    @app.post("/<path:_any>")
    def answer(_any: str) -> Response:
        return Response(body, 200, mimetype="application/json")

    provision = Provision(
        "00112233445566ff", "見本", bytes(32), bytes(32), Broker("", 1, False, None), "x", "x"
    )
    with serving(app) as url:
        hung = Hung(tmp_path, provision, url)
        hung.until(lambda: hung.door.state.contact is None, "the end of the contact")
        assert hung.door.state.desired.version == 0
        assert view(hung.door)["clock"]["quality"] == "unknown"
        hung.door.stop()


def test_a_server_with_a_foreign_certificate_hears_nothing(school: School, tmp_path: Path) -> None:
    for name in ("ca", "other"):
        certificate(tmp_path, name, name, None, LATER)
    certificate(tmp_path, "server", "other", "127.0.0.1", LATER)
    fitted = school.fit().fitted
    pem = str(tmp_path / "server.pem")
    with serving(endpoint(school), tls=(pem, pem)) as url:
        hung = Hung(tmp_path / "flash", provision_of(fitted, tmp_path / "ca.pem"), url)
        hung.until(lambda: hung.door.state.contact is None, "the refused contact")
        assert school.one(sa.select(Lock.last_n)) == 0
        assert hung.door.state.failed_contacts == 1
        hung.door.stop()


def test_forged_answers_over_https_change_nothing(school: School, tmp_path: Path) -> None:
    fitted = school.fit().fitted
    with serving(endpoint(school)) as url:
        hung = Hung(tmp_path, provision_of(fitted), url, "forged")
        for _ in range(3):
            hung.sync()
        assert hung.door.state.dropped > 0
        assert school.one(sa.select(Lock.applied_version)) == hung.door.state.desired.version >= 1
        hung.door.stop()


@pytest.mark.parametrize("server", ["http://192.0.2.1", "ftp://127.0.0.1", "", "https://"])
def test_a_lock_speaks_plain_http_to_its_own_machine_only(server: str) -> None:
    with pytest.raises(BadServer):
        https_wires(server, None)


def test_the_process_takes_the_transport_from_its_options(
    school: School, tmp_path: Path, processes: Processes
) -> None:
    fitted = school.fit().fitted
    doors = tmp_path / "doors.json"
    entry = {
        "lock": fitted.lock,
        "root": fitted.root.hex(),
        "code_root": fitted.code_root.hex(),
        "broker": {"host": "127.0.0.1", "port": 1},
        "username": "x",
        "password": "x",
    }
    doors.write_text(json.dumps([entry]))
    with serving(endpoint(school)) as url:
        process = processes.python(
            *("-m", "firmware_sim", "--doors", str(doors), "--state", str(tmp_path / "flash")),
            *("--transport", "https", "--server", url, "--faults", "none"),
        )
        eventually(
            lambda: school.one(sa.select(Lock.applied_version)), within_s=20, what="a version on the lock"
        )
        assert process.stop() == 0
    assert "Traceback" not in process.output
