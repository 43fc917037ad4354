"""The same contact over HTTPS, for locks that have no MQTT."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from core.database import TryAgain
from locks.models import Lock, QuarantinedMessage
from locks.sync_endpoint import Pace, blueprint
from tests.integration.locks.conftest import School, StoppedClock

JOSE = "application/jose"


@pytest.fixture
def client(school: School) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(blueprint(school.database, school.keyring, school.callbacks, school.clock))
    return app.test_client()


def test_a_contact_over_https_ends_with_the_version_on_the_lock(school: School, client: FlaskClient) -> None:
    door = school.fit()
    first = client.post(f"/locks/v1/{door.id}/sync", data=door.hello(), content_type=JOSE)
    assert first.status_code == 200
    assert first.json is not None
    door.take_desired(first.json["desired"])
    assert door.take_welcome(first.json["welcome"])["version"] == door.applied == 1
    second = client.post(f"/locks/v1/{door.id}/sync", data=door.hello(), content_type=JOSE)
    assert second.json is not None
    assert second.json["desired"] is None
    assert school.one(sa.select(Lock.applied_version)) == 1


def test_an_unknown_lock_and_a_forged_message_get_the_same_answer(
    school: School, client: FlaskClient
) -> None:
    door = school.fit()
    good = door.hello()
    unknown = client.post("/locks/v1/0123456789abcdef/sync", data=good, content_type=JOSE)
    forged = client.post(
        f"/locks/v1/{door.id}/sync", data=door.sign(door.claims(), root=bytes(32)), content_type=JOSE
    )
    assert (unknown.status_code, unknown.data) == (forged.status_code, forged.data)
    assert unknown.status_code == 401
    assert len(school.rows(sa.select(QuarantinedMessage.id))) == 2
    assert school.one(sa.select(Lock.last_n)) == 0


@pytest.mark.parametrize("name", ["%00", "x" * 300, "CCD65824EC378AFB", "%F0%9F%94%92"])
def test_an_address_that_is_no_lock_is_an_unknown_lock(
    school: School, client: FlaskClient, name: str
) -> None:
    door = school.fit()
    answer = client.post(f"/locks/v1/{name}/sync", data=door.hello(), content_type=JOSE)
    assert answer.status_code == 401


@pytest.mark.parametrize(("body", "content_type"), [(b"", JOSE), (b"{}", JOSE), (b"a.b.c", "text/plain")])
def test_what_is_no_envelope_is_malformed(
    school: School, client: FlaskClient, body: bytes, content_type: str
) -> None:
    door = school.fit()
    answer = client.post(f"/locks/v1/{door.id}/sync", data=body, content_type=content_type)
    assert answer.status_code == 400


def test_a_signed_hello_that_cannot_be_read_or_is_repeated_is_malformed(
    school: School, client: FlaskClient
) -> None:
    door = school.fit()
    hello = door.hello()
    bad = door.sign(door.claims(bolt="ajar"))
    codes = [
        client.post(f"/locks/v1/{door.id}/sync", data=body, content_type=JOSE).status_code
        for body in (bad, hello, hello)
    ]
    assert codes == [400, 200, 400]


def test_more_than_32_kib_is_too_large(school: School, client: FlaskClient) -> None:
    door = school.fit()
    answer = client.post(f"/locks/v1/{door.id}/sync", data=b"a" * 32_769, content_type=JOSE)
    assert answer.status_code == 413


def test_a_lock_that_does_not_stop_is_asked_to_come_back_later(school: School, client: FlaskClient) -> None:
    door = school.fit()
    answers = [
        client.post(f"/locks/v1/{door.id}/sync", data=door.hello(), content_type=JOSE) for _ in range(31)
    ]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_made_up_locks_from_one_network_are_one_crowd(school: School, client: FlaskClient) -> None:
    def post(number: int, address: str) -> int:
        answer = client.post(
            f"/locks/v1/{number:016x}/sync",
            data=b"a.b.c",
            content_type="text/plain",
            environ_overrides={"REMOTE_ADDR": address},
        )
        return answer.status_code

    asked = [post(number, f"2001:db8::{number:x}") for number in range(620)]
    assert asked.index(429) == 600
    assert set(asked[600:]) == {429}
    assert post(1, "2001:db8:0:1::1") == 400
    assert school.rows(sa.select(QuarantinedMessage.id)) == []


def test_a_busy_database_is_said_to_be_unavailable(school: School, client: FlaskClient) -> None:
    def busy(*_: object, **__: object) -> None:
        raise TryAgain

    app = Flask(__name__)
    callbacks = replace(school.callbacks, lock_state_changed=busy)
    app.register_blueprint(blueprint(school.database, school.keyring, callbacks, school.clock))
    door = school.fit()
    answer = app.test_client().post(f"/locks/v1/{door.id}/sync", data=door.hello(), content_type=JOSE)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert school.one(sa.select(Lock.last_n)) == 0
    assert client.post(f"/locks/v1/{door.id}/sync", data=door.hello(), content_type=JOSE).status_code == 200


def test_a_pace_refills_and_forgets_the_oldest_sender() -> None:
    clock = StoppedClock()
    pace = Pace(clock, limit=2, per_s=60, senders=2)
    assert [pace.allows("a") for _ in range(3)] == [True, True, False]
    clock.at = clock.at.replace(second=30)
    assert [pace.allows("a") for _ in range(2)] == [True, False]
    assert pace.allows("b")
    assert pace.allows("c")
    assert pace.allows("a")
