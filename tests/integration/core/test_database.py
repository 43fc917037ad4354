"""Two kinds of transaction, on both databases, and what stands in shared rows."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from core import audit, owed
from core.audit import AuditEntry
from core.database import Database, TryAgain, require_no_transaction, retrying
from core.errors import ContractBroken
from core.lease import Lease, drop_lease, take_lease
from core.owed import MAX_ATTEMPTS, Owed

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database."""
    made = Database(database_url)
    yield made
    made.dispose()


def lease_of(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(sa.select(Lease.holder)))


def test_a_transaction_commits_at_its_end_and_rolls_back_on_any_error(database: Database) -> None:
    with database.transaction() as session:
        take_lease(session, "a", holder="one", lasts_for=timedelta(minutes=1), now=NOW)
    assert lease_of(database) == ["one"]

    def fail() -> None:
        with database.transaction() as session:
            take_lease(session, "b", holder="two", lasts_for=timedelta(minutes=1), now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert lease_of(database) == ["one"]


def test_a_transaction_inside_a_transaction_is_refused(database: Database) -> None:
    with database.transaction(), pytest.raises(ContractBroken), database.transaction():
        pass


def test_the_outside_is_not_called_inside_a_transaction(database: Database) -> None:
    require_no_transaction("Stripe")
    with database.reading():
        require_no_transaction("Stripe")
    with database.transaction(), pytest.raises(ContractBroken):
        require_no_transaction("Stripe")


def test_naive_instants_never_reach_the_database(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError), database.transaction() as session:
        take_lease(session, "a", holder="x", lasts_for=timedelta(0), now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_instants_come_back_aware_in_utc(database: Database) -> None:
    tokyo = NOW.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)
    with database.transaction() as session:
        take_lease(session, "a", holder="x", lasts_for=timedelta(0), now=tokyo)
    with database.reading() as session:
        until = session.scalars(sa.select(Lease.until)).one()
    assert (until, until.tzinfo) == (NOW, UTC)


def test_a_deadlock_loses_cleanly_and_the_same_again_passes(database: Database) -> None:
    if database.is_sqlite:
        # One writer at a time: nobody can be in another's way, so that the retry is shown on its own.
        tries: list[int] = []

        def attempt() -> int:
            tries.append(1)
            if len(tries) < 3:
                raise TryAgain
            return len(tries)

        assert retrying(attempt) == 3
        return
    with database.transaction() as session:
        for name in ("a", "b"):
            take_lease(session, name, holder="nobody", lasts_for=timedelta(0), now=NOW)
    both = threading.Barrier(2)
    lost: list[str] = []

    def cross(mine: str, first: str, second: str) -> None:
        first_try = [True]

        def attempt() -> None:
            try:
                with database.transaction() as session:
                    update = sa.update(Lease).values(holder=mine)
                    session.execute(update.where(Lease.name == first))
                    if first_try.pop() if first_try else False:
                        both.wait(20)
                    session.execute(update.where(Lease.name == second))
            except TryAgain:
                lost.append(mine)
                raise

        retrying(attempt)

    threads = [
        threading.Thread(target=cross, args=("x", "a", "b")),
        threading.Thread(target=cross, args=("y", "b", "a")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # At least once: a loser that the machine lets run before the one it freed can meet it a second time.
    assert lost
    assert lease_of(database) in (["x", "x"], ["y", "y"])


def test_who_loses_stands_back_longer_each_time_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("core.database.time.sleep", waited.append)

    def attempt() -> None:
        raise TryAgain

    with pytest.raises(TryAgain):
        retrying(attempt)
    assert [least <= wait < 3 * least for wait, least in zip(waited, (0.01, 0.02, 0.04), strict=True)] == [
        True
    ] * 3


def test_nobody_waits_for_a_lock_without_an_end(database: Database) -> None:
    if database.is_sqlite:
        with database.transaction() as session:
            assert session.scalar(sa.text("PRAGMA busy_timeout")) == 10_000
        return
    with database.reading() as session:
        limits = [
            session.scalar(sa.text(f"SHOW {name}"))
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        ]
    assert limits == ["10s", "30s", "1min"]
    with database.transaction() as session:
        take_lease(session, "a", holder="nobody", lasts_for=timedelta(0), now=NOW)
    inside, done = threading.Event(), threading.Event()

    def hold_on() -> None:
        with database.transaction() as session:
            session.execute(sa.update(Lease).values(holder="slow"))
            inside.set()
            done.wait(20)

    slow = threading.Thread(target=hold_on)
    slow.start()
    assert inside.wait(20)

    def overtake() -> None:
        with database.transaction() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            session.execute(sa.update(Lease).values(holder="quick"))

    with pytest.raises(TryAgain):
        overtake()
    done.set()
    slow.join(20)
    assert lease_of(database) == ["slow"]


def open_after_its_thread_came_late(database: Database, dispose: Callable[[], None]) -> bool:
    """Whether a connection is still open that a thread gives back only after the end."""
    inside, is_over = threading.Event(), threading.Event()
    kept: list[Any] = []

    def work() -> None:
        with database.reading() as session:
            kept.append(session.connection().connection.dbapi_connection)
            inside.set()
            is_over.wait(20)

    late = threading.Thread(target=work)
    late.start()
    assert inside.wait(20)
    dispose()
    is_over.set()
    late.join(20)
    assert not late.is_alive()
    try:
        kept[0].execute("SELECT 1")
    except (sqlite3.ProgrammingError, psycopg.OperationalError):
        return False
    kept[0].close()
    return True


def test_a_connection_given_back_after_the_end_is_closed(database: Database) -> None:
    assert not open_after_its_thread_came_late(database, database.dispose)
    assert lease_of(database) == []


def test_the_pool_alone_would_leave_it_open(database: Database) -> None:
    """The control: what SQLAlchemy's own dispose does, the server's process of the connection lives on."""
    assert open_after_its_thread_came_late(database, database.engine.dispose)


def test_retrying_gives_up_after_so_many_times() -> None:
    tries: list[int] = []

    def attempt() -> None:
        tries.append(1)
        raise TryAgain

    with pytest.raises(TryAgain):
        retrying(attempt, times=3)
    assert len(tries) == 3


def test_a_lease_has_one_holder_until_it_runs_out_or_is_given_back(database: Database) -> None:
    def take(holder: str, now: datetime) -> bool:
        with database.transaction() as session:
            return take_lease(session, "tick", holder=holder, lasts_for=timedelta(minutes=1), now=now)

    assert take("a", NOW)
    assert not take("b", NOW + timedelta(seconds=59))
    assert take("a", NOW + timedelta(seconds=59))
    assert not take("b", NOW + timedelta(seconds=61))
    assert take("b", NOW + timedelta(seconds=119))
    with database.transaction() as session:
        drop_lease(session, "tick", holder="a")
        drop_lease(session, "tick", holder="b")
    assert take("c", NOW + timedelta(seconds=120))


def owe(database: Database, key: str) -> None:
    with database.transaction() as session:
        owed.owe(session, municipality_id=1, kind="mail", key=key, payload={"n": key}, now=NOW)


def test_an_effect_is_owed_once_per_key(database: Database) -> None:
    owe(database, "a")
    owe(database, "a")
    owe(database, "b")
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Owed)) == 2


def test_two_workers_never_take_the_same_row_and_a_dead_ones_comes_back(database: Database) -> None:
    for key in "abc":
        owe(database, key)
    with database.transaction() as session:
        first = owed.take_due(session, "mail", limit=2, now=NOW)
    with database.transaction() as session:
        second = owed.take_due(session, "mail", limit=10, now=NOW)
    assert {row.key for row in first} | {row.key for row in second} == {"a", "b", "c"}
    assert (len(first), len(second)) == (2, 1)
    later = NOW + timedelta(minutes=3)
    with database.transaction() as session:
        owed.mark_done(session, first[0], now=NOW)
        again = owed.take_due(session, "mail", limit=10, now=later)
    assert {row.key for row in again} == {"a", "b", "c"} - {first[0].key}
    assert {row.attempts for row in again} == {2}


def test_a_row_that_keeps_failing_is_parked_and_waits_longer_each_time(database: Database) -> None:
    owe(database, "poison")
    now, waits = NOW, []
    for _ in range(MAX_ATTEMPTS):
        with database.transaction() as session:
            (taken,) = owed.take_due(session, "mail", limit=1, now=now)
            owed.mark_failed(session, taken, "refused", now=now)
        with database.reading() as session:
            row = session.scalars(sa.select(Owed)).one()
        if row.due_at is not None:
            waits.append(row.due_at - now)
            now = row.due_at
    assert row.parked_at == now
    assert row.due_at is None
    assert len(waits) == MAX_ATTEMPTS - 1
    assert timedelta(seconds=30) <= waits[0] <= timedelta(seconds=90)
    assert max(waits) <= timedelta(hours=9)


def record(database: Database, subject: str) -> None:
    with database.transaction() as session:
        audit.record(
            session,
            municipality_id=1,
            actor="a",
            act="x.y",
            subject=subject,
            detail={"reason": "理由"},
            now=NOW,
        )


def test_the_chain_of_acts_holds_and_names_the_entry_that_was_changed(database: Database) -> None:
    for subject in ("one", "two", "three"):
        record(database, subject)
    with database.reading() as session:
        assert audit.first_broken(session, 1) is None
    with database.transaction() as session:
        session.execute(sa.update(AuditEntry).where(AuditEntry.number == 2).values(subject="forged"))
    with database.reading() as session:
        assert audit.first_broken(session, 1) == 2


@pytest.mark.parametrize("gone, broken", [(1, 1), (2, 2), (3, 3)])
def test_a_deleted_act_is_missed(database: Database, gone: int, broken: int) -> None:
    for subject in ("one", "two", "three"):
        record(database, subject)
    with database.transaction() as session:
        session.execute(sa.delete(AuditEntry).where(AuditEntry.number == gone))
    with database.reading() as session:
        assert audit.first_broken(session, 1) == broken


def test_many_acts_at_once_are_numbered_without_gaps(database: Database) -> None:
    record(database, "first")
    threads = [threading.Thread(target=record, args=(database, f"{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.reading() as session:
        numbers = session.scalars(sa.select(AuditEntry.number).order_by(AuditEntry.number)).all()
        assert list(numbers) == list(range(1, 10))
        assert audit.first_broken(session, 1) is None


def test_two_first_entries_at_once_both_stand(database: Database) -> None:
    if database.is_sqlite:
        # Writers queue: the second finds the first one's row.
        record_act(database, "one")
        record_act(database, "two")
    else:
        both = threading.Barrier(2)

        def meet(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if "INSERT INTO audit_head" in statement:
                both.wait(20)

        sa.event.listen(database.engine, "before_cursor_execute", meet)
        threads = [threading.Thread(target=record_act, args=(database, actor)) for actor in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        sa.event.remove(database.engine, "before_cursor_execute", meet)
    with database.reading() as session:
        entries = session.execute(sa.select(AuditEntry.number, AuditEntry.actor).order_by(AuditEntry.number))
        found = [tuple(entry) for entry in entries]
        assert audit.first_broken(session, 7) is None
    assert [number for number, _ in found] == [1, 2]
    assert {actor for _, actor in found} == {"one", "two"}


def record_act(database: Database, actor: str) -> None:
    with database.transaction() as session:
        audit.record(session, municipality_id=7, actor=actor, act="x", subject="y", detail={}, now=NOW)
