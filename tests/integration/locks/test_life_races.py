"""A lock is taken off while somebody else changes its rights: real transactions that wait for one another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from core.database import Database, retrying
from locks import desired_state, grants, life
from locks.installation import Installation
from locks.life_errors import LockIsDead
from locks.models import Grant, Lock
from tests.integration.locks.conftest import School
from tests.servers.loopback import eventually


def is_waited_for(database: Database) -> bool:
    """Whether some transaction waits for another one."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    # Beside the transaction that this thread holds open.
    with database.engine.connect() as connection:
        return bool(connection.scalar(waiting))


def replaced_meanwhile(school: School, lock_id: str, other: Callable[[], object]) -> Installation:
    """Replace the lock; `other` begins before that is committed and ends after it."""
    ends: list[threading.Thread] = []
    with school.database.transaction() as session:
        made = life.replace(
            session, school.keyring, school.callbacks, lock_id=lock_id, actor="account-1", now=school.now
        )
        thread = threading.Thread(target=other)
        thread.start()
        ends.append(thread)
        if not school.database.is_sqlite:
            # SQLite's other writer waits before it has read anything.
            eventually(lambda: is_waited_for(school.database), what="the other transaction")
    for thread in ends:
        thread.join(20)
        assert not thread.is_alive()
    return made


def listed(school: School, lock_id: str) -> int:
    """How many grants the lock's present version lists."""
    with school.database.transaction() as session:
        row = session.get_one(Lock, lock_id)
        stored = desired_state.stored_or_built(session, school.callbacks, row, now=school.now)
        return stored.payload.count(b'"grants":[[')


def test_a_right_withdrawn_while_its_lock_is_replaced_is_withdrawn_from_the_new_one(school: School) -> None:
    old = school.fit()
    holder = school.issue(school.slot())

    def withdraw() -> None:
        with school.database.transaction() as session:
            grants.withdraw(session, holder=holder, now=school.now)

    new = replaced_meanwhile(school, old.id, withdraw)
    grant = school.one(sa.select(Grant))
    # Its first version may have been built with the right in it: only a later one tells the lock.
    assert (grant.lock_id, grant.withdrawn_version) == (new.lock, 2)
    assert school.one(sa.select(Lock).where(Lock.id == new.lock)).desired_version == 2
    assert listed(school, new.lock) == 0


def test_without_telling_the_successor_its_first_version_would_keep_the_right(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "_tell_successors", lambda *_given, **_named: None)
    old = school.fit()
    holder = school.issue(school.slot())

    def withdraw() -> None:
        with school.database.transaction() as session:
            grants.withdraw(session, holder=holder, now=school.now)

    new = replaced_meanwhile(school, old.id, withdraw)
    version = school.one(sa.select(Lock).where(Lock.id == new.lock)).desired_version
    # SQLite's second writer reads only after the first has ended: there it cannot happen.
    assert version == (2 if school.database.is_sqlite else 1)


def test_a_right_given_while_its_lock_is_replaced_is_given_to_the_new_one(school: School) -> None:
    old = school.fit()
    new = replaced_meanwhile(school, old.id, lambda: school.issue(school.slot()))
    grant = school.one(sa.select(Grant))
    assert (grant.lock_id, grant.granted_version) == (new.lock, 2)
    assert listed(school, new.lock) == 1


def test_two_who_replace_one_lock_at_once_make_one_new_lock(school: School) -> None:
    old = school.fit()
    together = threading.Barrier(2)

    def replace() -> str:
        together.wait(10)

        def once() -> str:
            with school.database.transaction() as session:
                return life.replace(
                    session,
                    school.keyring,
                    school.callbacks,
                    lock_id=old.id,
                    actor="account-1",
                    now=school.now,
                ).lock

        try:
            return retrying(once)
        except LockIsDead:
            return "dead"

    with ThreadPoolExecutor(2) as pool:
        answers = [answer.result(30) for answer in [pool.submit(replace) for _ in range(2)]]
    assert answers.count("dead") == 1
    assert len(school.rows(sa.select(Lock.id).where(Lock.state != "dead"))) == 1
