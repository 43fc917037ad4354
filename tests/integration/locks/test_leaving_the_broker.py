"""What a real Mosquitto still holds of a lock that is dead, and what it does with its orders."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa

from core.clock import SystemClock
from core.database import Database
from locks import broker as broker_files
from locks import commands, life, publications
from locks.commands import CommandKind
from locks.gateway import Gateway
from locks.models import Lock, LockCommand
from locks.publications import Publication
from tests.integration.locks.conftest import School
from tests.integration.locks.door import Door
from tests.integration.locks.test_gateway import is_published, lock_of, running
from tests.integration.locks.test_life_of_a_lock import point
from tests.integration.locks.wired_door import Refused, wired
from tests.servers.broker import Mosquitto
from tests.servers.loopback import eventually

WHO = "account-1"


@pytest.fixture
def school(database: Database) -> School:
    made = School(database)
    made.clock.at = SystemClock().now()
    return made


@pytest.fixture
def gateway(school: School, mosquitto: Mosquitto) -> Iterator[Gateway]:
    with running(school, mosquitto) as started:
        yield started


def decommission(school: School, door: Door) -> None:
    with school.database.transaction() as session:
        life.decommission(session, lock_id=door.id, actor=WHO, force=True, now=SystemClock().now())


def retained_for(door: Door, mosquitto: Mosquitto) -> int:
    """How many desired states a lock finds on connecting."""
    with wired(door, mosquitto) as lock:
        # Retained messages come before the answer to anything said after subscribing.
        lock.say(b"-")
        return lock.desireds.qsize()


@pytest.mark.usefixtures("gateway")
def test_the_retained_state_of_a_dead_lock_is_taken_from_the_broker(
    school: School, mosquitto: Mosquitto
) -> None:
    door = school.fit()
    eventually(lambda: is_published(school, door), what="the publication")
    assert retained_for(door, mosquitto) == 1
    decommission(school, door)
    eventually(lambda: lock_of(school, door).clear_due_at is None, what="the clearing")
    assert retained_for(door, mosquitto) == 0


@pytest.mark.usefixtures("gateway")
def test_what_no_gateway_clears_stays_with_the_broker(school: School, mosquitto: Mosquitto) -> None:
    door = school.fit()
    eventually(lambda: is_published(school, door), what="the publication")
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state="dead", publish_due_at=None))
    successor = school.fit()
    eventually(lambda: is_published(school, successor), what="the successor's publication")
    assert retained_for(door, mosquitto) == 1


def test_a_publication_that_a_death_overtook_is_cleared_again(school: School) -> None:
    door = school.fit()
    with school.database.transaction() as session:
        (claim,) = publications.claim(session, limit=5, now=school.now)
    decommission(school, door)
    with school.database.transaction() as session:
        (clearing,) = publications.claim_clearings(session, limit=5, now=SystemClock().now())
        publications.settle_clearings(session, [clearing])
    assert lock_of(school, door).clear_due_at is None
    # The other gateway's message arrived after the empty one.
    with school.database.transaction() as session:
        publications.settle(session, [Publication(door.id, 1, claim)], now=SystemClock().now())
    assert lock_of(school, door).clear_due_at is not None
    assert lock_of(school, door).publish_due_at is None


def test_a_lock_that_died_is_thrown_off_the_broker_and_kept_out(
    school: School, own_mosquitto: Mosquitto
) -> None:
    gone, stays = school.fit(), school.fit(point(school, "校門", with_gym=True))

    def write() -> None:
        with school.database.reading() as session:
            broker_files.write_broker_files(session, own_mosquitto.folder, {"gateway-1": "gateway-secret"})
        own_mosquitto.read_again()

    write()
    with (
        running(school, own_mosquitto),
        wired(gone, own_mosquitto, is_known=True) as lock,
        wired(stays, own_mosquitto, is_known=True) as other,
    ):
        lock.contact()
        decommission(school, gone)
        write()
        eventually(lambda: not lock.client.is_connected(), what="the end of its connection")
        with suppress(OSError):
            lock.client.disconnect()
        with pytest.raises(Refused), wired(gone, own_mosquitto, is_known=True):
            pass
        # The control: the others did not notice.
        other.contact()


@pytest.mark.usefixtures("gateway")
def test_an_order_arrives_before_the_welcome_and_is_not_retained(
    school: School, mosquitto: Mosquitto
) -> None:
    door = school.fit()
    with wired(door, mosquitto) as lock:
        lock.contact()
        with school.database.transaction() as session:
            commands.order(
                session,
                lock_id=door.id,
                kind=CommandKind.IDENTIFY,
                actor=WHO,
                now=SystemClock().now(),
            )
        clock = int(SystemClock().now().timestamp() * 1000)
        lock.say(door.hello(clock=clock, clock_quality="synced"))
        door.take_welcome(lock.welcomes.get(timeout=20))
        topic = f"kaiho/v1/locks/{door.id}/down/command"
        assert lock.others == [topic]
    assert school.one(sa.select(LockCommand)).sent_at is not None
    with wired(door, mosquitto) as lock:
        lock.contact()
        assert lock.others == []
