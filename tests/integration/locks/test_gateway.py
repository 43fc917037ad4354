"""The gateway on a real Mosquitto: contacts, publications, and what the broker must not be able to spoil."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.clock import SystemClock
from core.database import Database, TryAgain
from locks import broker as broker_files
from locks import standing
from locks.broker_client import MqttSettings
from locks.callbacks import Sellable
from locks.gateway import Gateway
from locks.installation import add_access_point
from locks.models import Lock, LockEvent, QuarantinedMessage
from locks.standing import Standing
from tests.integration.locks.conftest import School
from tests.integration.locks.door import Door
from tests.integration.locks.wired_door import Refused, wired
from tests.servers.broker import Mosquitto
from tests.servers.loopback import NeverCame, eventually


@contextmanager
def running(
    school: School, broker: Mosquitto, *, user: str = "", patience_s: float = 60.0
) -> Iterator[Gateway]:
    """A gateway in this process, on the real clock."""
    gateway = Gateway(
        school.database,
        school.keyring,
        school.callbacks,
        SystemClock(),
        MqttSettings(
            broker.host,
            broker.port,
            user or broker.gateway_username,
            SecretStr("other" if user else broker.gateway_password),
        ),
        patience_s=patience_s,
    )
    thread = threading.Thread(target=gateway.run, name="gateway")
    thread.start()
    try:
        eventually(lambda: gateway.is_connected, what="the gateway's connection")
        yield gateway
    finally:
        gateway.stop()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def school(database: Database) -> School:
    made = School(database)
    made.clock.at = SystemClock().now()
    return made


@pytest.fixture
def gateway(school: School, mosquitto: Mosquitto) -> Iterator[Gateway]:
    with running(school, mosquitto) as started:
        yield started


def lock_of(school: School, door: Door) -> Lock:
    found: Lock = school.one(sa.select(Lock).where(Lock.id == door.id))
    return found


def is_published(school: School, door: Door) -> bool:
    lock = lock_of(school, door)
    return lock.published_version == lock.desired_version and lock.publish_due_at is None


@pytest.mark.usefixtures("gateway")
def test_a_contact_over_the_broker_ends_with_the_code_on_the_lock(
    school: School, mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with wired(door, mosquitto) as lock:
        lock.contact()
        took = []
        for count in (1, 2, 3):
            started = monotonic()
            holder = school.issue(school.slot(hours=2 * count))

            def has_grants(count: int = count) -> bool:
                lock.take_desireds()
                return len(door.desired["grants"]) == count

            eventually(has_grants, what="the new version")
            took.append(monotonic() - started)
        # The quickest: what else this machine has to do makes one slow, never quick.
        assert min(took) < 4
        lock.contact()
    with school.database.reading() as session:
        told = standing.standings_of(session, holders=[holder], now=SystemClock().now())
    assert told == {holder: Standing.ON_THE_LOCK}


@pytest.mark.usefixtures("gateway")
def test_a_hello_is_answered_well_before_a_keypad_gives_up(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    with wired(door, mosquitto) as lock:
        lock.contact()
        took = []
        for _ in range(5):
            started = monotonic()
            lock.contact()
            took.append(monotonic() - started)
    assert min(took) < 1


@pytest.mark.usefixtures("gateway")
def test_a_lock_that_slept_finds_the_newest_version_retained(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    school.issue(school.slot())
    eventually(lambda: is_published(school, door), what="the publication")
    with wired(door, mosquitto) as lock:
        eventually(lock.take_desireds, what="the retained version")
        assert door.applied == lock_of(school, door).desired_version
        lock.contact()
        assert lock_of(school, door).applied_version == door.applied


@pytest.mark.usefixtures("gateway")
def test_forged_and_foreign_messages_over_the_broker_change_nothing(
    school: School, mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with wired(door, mosquitto) as lock:
        lock.contact()
        contact_at = lock_of(school, door).last_contact_at
        lock.say(door.sign(door.claims(n=99), root=bytes(32)))
        lock.say(b"\x00 not an envelope")
        lock.say(b"{}", topic=f"kaiho/v1/locks/{door.id}/up/else")
        eventually(lambda: len(school.rows(sa.select(QuarantinedMessage.id))) == 3, what="the quarantine")
        assert lock_of(school, door).last_contact_at == contact_at
        assert lock_of(school, door).last_n == door.n
        reasons = {row.why for row in school.rows(sa.select(QuarantinedMessage.why))}
        assert reasons == {"bad_envelope", "unknown_topic"}
        # The control: an honest one is heard at once.
        lock.contact()
        assert lock_of(school, door).last_contact_at != contact_at


@pytest.mark.usefixtures("gateway")
def test_a_repeated_hello_stores_its_event_once_and_is_not_answered(
    school: School, mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with wired(door, mosquitto) as lock:
        lock.contact()
        door.happens("boot", int(school.now.timestamp()))
        message = door.hello()
        for _ in range(3):
            lock.say(message)
        assert door.take_welcome(lock.welcomes.get(timeout=20))["ack_seq"] == 1
        lock.contact()
        assert lock.welcomes.empty()
    assert [row.seq for row in school.rows(sa.select(LockEvent.seq))] == [1]


def given_up() -> float:
    """Messages so far that could not be stored."""
    return REGISTRY.get_sample_value("kaiho_lock_messages_total", {"result": "error"}) or 0.0


def test_an_event_whose_storing_fails_is_not_acknowledged(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    school.issue(school.slot(0.5))
    with running(school, mosquitto), wired(door, mosquitto) as lock:
        lock.contact()
        credential = door.desired["grants"][0]
        door.happens("lock_operation", int(school.now.timestamp()), operation="unlock", credential=credential)
        school.notes.fails = True
        failed = given_up()
        lock.say(door.hello())
        lock.say(b"noise")
        eventually(lambda: school.rows(sa.select(QuarantinedMessage.id)), what="the message after it")
        eventually(lambda: given_up() == failed + 1, what="the last try of the hello")
        assert lock.welcomes.empty()
        assert school.rows(sa.select(LockEvent.seq)) == []
        # The control: the same event with a storing that works.
        school.notes.fails = False
        assert lock.contact()["ack_seq"] == 1
    assert [row.seq for row in school.rows(sa.select(LockEvent.seq))] == [1]
    assert len(school.notes.opened) == 1


def test_a_hello_waits_for_a_database_that_is_away(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    failures = iter([OperationalError("", {}, Exception("gone")), TryAgain(), TryAgain(), TryAgain()])

    def away(*_: object, **__: object) -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    school.callbacks = replace(school.callbacks, lock_state_changed=away)
    with running(school, mosquitto), wired(door, mosquitto) as lock:
        lock.say(door.hello())
        door.take_welcome(lock.welcomes.get(timeout=20))
        assert lock_of(school, door).last_n == 1
        assert lock.welcomes.empty()


def test_an_answer_never_leaves_before_the_commit(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    held, reached = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> None:
        if not reached.is_set():
            reached.set()
            held.wait(10)

    school.callbacks = replace(school.callbacks, lock_state_changed=slow)
    with running(school, mosquitto), wired(door, mosquitto) as lock:
        lock.say(door.hello())
        assert reached.wait(20)
        assert lock.welcomes.empty()
        assert lock_of(school, door).last_n == 0
        held.set()
        door.take_welcome(lock.welcomes.get(timeout=20))
        assert lock_of(school, door).last_n == 1


def test_a_killed_and_wiped_broker_is_filled_again_without_a_hand(
    school: School, own_mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with running(school, own_mosquitto) as gateway:
        eventually(lambda: is_published(school, door), what="the publication")
        own_mosquitto.kill()
        own_mosquitto.wipe()
        eventually(lambda: not gateway.is_connected, what="the loss of the broker")
        own_mosquitto.start()
        with wired(door, own_mosquitto) as lock:
            eventually(lock.take_desireds, within_s=40, what="the republished version")
        assert door.applied == lock_of(school, door).desired_version


def test_without_a_gateway_a_wiped_broker_has_nothing_for_a_lock(
    school: School, own_mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with running(school, own_mosquitto):
        eventually(lambda: is_published(school, door), what="the publication")
    own_mosquitto.stop()
    own_mosquitto.start()
    with wired(door, own_mosquitto) as lock:
        # Retained messages come before the answer to anything said after subscribing.
        lock.say(b"-")
        assert lock.take_desireds() == 1
    own_mosquitto.kill()
    own_mosquitto.wipe()
    own_mosquitto.start()
    with wired(door, own_mosquitto) as lock:
        lock.say(b"-")
        assert lock.take_desireds() == 0


def test_a_change_made_while_the_broker_was_away_arrives_after_it(
    school: School, own_mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with running(school, own_mosquitto) as gateway:
        with wired(door, own_mosquitto) as lock:
            lock.contact()
        own_mosquitto.kill()
        eventually(lambda: not gateway.is_connected, what="the loss of the broker")
        school.issue(school.slot())
        own_mosquitto.start()
        with wired(door, own_mosquitto) as lock:

            def has_grant() -> bool:
                lock.take_desireds()
                return bool(door.desired["grants"])

            eventually(has_grant, within_s=40, what="the version")


def test_two_gateways_share_the_hellos_and_one_may_stop(school: School, own_mosquitto: Mosquitto) -> None:
    own_mosquitto.add_gateway("gateway-2", "other")
    with ExitStack() as stack:
        doors = [school.fit(_point(school, number)) for number in range(4)]
        wires = [stack.enter_context(wired(door, own_mosquitto)) for door in doors]
        with running(school, own_mosquitto):
            with running(school, own_mosquitto, user="gateway-2"):
                for _ in range(3):
                    for lock in wires:
                        lock.contact()
            for lock in wires:
                lock.contact()
        assert all(lock.welcomes.empty() for lock in wires)
    assert {lock_of(school, door).applied_version for door in doors} == {1}
    assert [lock_of(school, door).last_n for door in doors] == [door.n for door in doors]


@pytest.mark.parametrize("patience_s", [0.3, 60.0])
def test_a_hello_that_nobody_waits_for_any_more_delays_no_other(
    school: School, mosquitto: Mosquitto, patience_s: float
) -> None:
    """The control is the long patience: every hello is then stored, however late it is."""
    door = school.fit()
    with running(school, mosquitto, patience_s=patience_s), wired(door, mosquitto) as lock:
        lock.contact()
        with school.database.transaction() as session:
            session.execute(sa.select(Lock).where(Lock.id == door.id).with_for_update()).all()
            for _ in range(3):
                door.happens("boot", int(SystemClock().now().timestamp()), boot=1)
                lock.say(door.hello())
                pass_time(0.2)
            pass_time(0.4)

        def stored() -> list[int]:
            return [row.seq for row in school.rows(sa.select(LockEvent.seq).order_by(LockEvent.seq))]

        lock.welcomes.get(timeout=20)
        if patience_s > 1:
            lock.welcomes.get(timeout=20)
            assert stored() == [1, 2, 3]
        else:
            pass_time(0.2)
            assert stored() == [1]
            assert lock.welcomes.empty()
        lock.say(door.hello())
        door.take_welcome(lock.welcomes.get(timeout=20))
        assert stored() == [1, 2, 3]
        assert door.events == []


def pass_time(seconds: float) -> None:
    """Let other threads go on for a while."""
    until = monotonic() + seconds
    with suppress(NeverCame):
        eventually(lambda: monotonic() > until, within_s=seconds, what="the end of a while")


def _point(school: School, number: int) -> int:
    with school.database.transaction() as session:
        return add_access_point(
            session,
            municipality_id=1,
            name=f"体育館{number}",
            kind="door_lock",
            courts=[1, 2],
            now=school.now,
        )


def test_a_lock_reads_nobody_elses_messages_and_cannot_speak_for_another(
    school: School, mosquitto: Mosquitto
) -> None:
    door, other = school.fit(), school.fit(_point(school, 1))
    with (
        running(school, mosquitto),
        wired(door, mosquitto) as lock,
        wired(other, mosquitto, also=("kaiho/v1/locks/+/down/#", "kaiho/#", "#")) as spy,
    ):
        lock.contact()
        spy.say(door.hello(), topic=f"kaiho/v1/locks/{door.id}/up/hello")
        spy.say(b"x", topic=f"kaiho/v1/locks/{door.id}/down/desired")
        spy.contact()
        lock.contact()
        assert spy.others == []
        assert lock_of(school, door).last_n == door.n
        assert school.rows(sa.select(QuarantinedMessage.id)) == []


@pytest.mark.usefixtures("gateway")
def test_a_lock_in_the_group_it_can_guess_takes_no_hello_from_the_gateway(
    school: School, mosquitto: Mosquitto
) -> None:
    door, other = school.fit(), school.fit(_point(school, 1))
    guessed = tuple(f"$share/{group}/kaiho/v1/locks/+/up/#" for group in ("gateway", "gateway-1", "kaiho"))
    with wired(door, mosquitto) as lock, wired(other, mosquitto, also=guessed):
        for _ in range(4):
            lock.contact()
        assert lock_of(school, door).last_n == door.n


def test_a_user_with_anothers_client_id_does_not_throw_it_off(school: School, mosquitto: Mosquitto) -> None:
    door, other = school.fit(), school.fit(_point(school, 1))
    with running(school, mosquitto), wired(door, mosquitto) as lock:
        lock.contact()
        with wired(other, mosquitto, client_id=door.id) as intruder:
            lock.contact()
            assert lock.client.is_connected()
            intruder.contact()


def test_a_lock_that_cannot_be_built_does_not_keep_the_others_waiting(
    school: School, mosquitto: Mosquitto
) -> None:
    broken, sound = school.fit(), school.fit(_point(school, 1))

    def windows(session: Session, *, access_point_id: int, **span: Any) -> Sequence[Sellable]:
        if access_point_id == school.gym:
            raise ValueError("no such catalogue")
        return school.notes.windows(session, access_point_id=access_point_id, **span)

    school.callbacks = replace(school.callbacks, sellable_windows=windows)
    with running(school, mosquitto):
        eventually(lambda: is_published(school, sound), what="the sound one's publication")
        assert lock_of(school, broken).published_version == 0
        # It is not forgotten either.
        assert lock_of(school, broken).publish_due_at is not None


def own_files(school: School, folder: Path) -> Callable[[], bool]:
    def write() -> bool:
        with school.database.reading() as session:
            return broker_files.write_broker_files(session, folder, {"gateway-1": "gateway-secret"})

    return write


def test_the_files_we_write_let_every_lock_in_and_nobody_else(
    school: School, own_mosquitto: Mosquitto
) -> None:
    door = school.fit()
    own_mosquitto.stop()
    write = own_files(school, own_mosquitto.folder)
    assert write()
    assert not write()
    own_mosquitto.start()
    with running(school, own_mosquitto), wired(door, own_mosquitto, is_known=True) as lock:
        lock.contact()
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state="dead"))
    assert write()
    own_mosquitto.stop()
    own_mosquitto.start()
    with pytest.raises(Refused), wired(door, own_mosquitto, is_known=True):
        pass
