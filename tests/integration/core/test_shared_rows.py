"""Leases, owed effects and the chain of acts, when many want them at once and when something is undone."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
import sqlalchemy as sa

from core import audit, owed
from core.audit import AuditEntry
from core.database import Database, retrying
from core.lease import Lease, drop_lease, take_lease
from core.owed import Owed

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOW_MANY = 6

T = TypeVar("T")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database."""
    made = Database(database_url)
    yield made
    made.dispose()


def at_once(work: Callable[[int], T]) -> list[T]:
    """What several threads get that begin together."""
    together, results = threading.Barrier(HOW_MANY), list[T]()

    def run(number: int) -> None:
        together.wait(20)
        results.append(retrying(lambda: work(number)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(HOW_MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == HOW_MANY
    return results


def test_one_of_many_gets_a_free_lease_and_one_a_lease_that_ran_out(database: Database) -> None:
    def take(now: datetime) -> Callable[[int], bool]:
        def once(number: int) -> bool:
            with database.transaction() as session:
                return take_lease(session, "tick", holder=f"{now} {number}", lasts_for=MINUTE, now=now)

        return once

    assert sum(at_once(take(NOW))) == 1
    assert sum(at_once(take(NOW + MINUTE / 2))) == 0
    assert sum(at_once(take(NOW + MINUTE))) == 1


def test_many_would_lead_if_a_lease_were_looked_at_and_then_written(database: Database) -> None:
    looked = threading.Barrier(HOW_MANY)

    def look(_number: int) -> bool:
        with database.reading() as session:
            is_free = session.get(Lease, "tick") is None
        looked.wait(20)
        # Whoever saw it free would now write itself in.
        return is_free

    assert sum(at_once(look)) == HOW_MANY


def test_a_lease_is_given_back_by_its_holder_alone(database: Database) -> None:
    with database.transaction() as session:
        assert take_lease(session, "tick", holder="a", lasts_for=MINUTE, now=NOW)
        drop_lease(session, "tick", holder="b")
        drop_lease(session, "tock", holder="a")
    with database.reading() as session:
        assert session.scalars(sa.select(Lease.holder)).all() == ["a"]


def owe(database: Database, *keys: str, municipality_id: int = 1) -> None:
    with database.transaction() as session:
        for key in keys:
            owed.owe(session, municipality_id=municipality_id, kind="mail", key=key, payload={}, now=NOW)


def test_every_due_row_is_taken_by_one_of_many(database: Database) -> None:
    owe(database, *(f"{number:02}" for number in range(30)))

    def take(_number: int) -> list[str]:
        with database.transaction() as session:
            return [row.key for row in owed.take_due(session, "mail", limit=10, now=NOW)]

    taken = Counter(key for keys in at_once(take) for key in keys)
    assert set(taken.values()) == {1}
    # Who comes while others hold rows skips them, so that one round may leave some; the next takes those.
    rest = take(0) + take(0) + take(0)
    assert set(taken) | set(rest) == {f"{number:02}" for number in range(30)}
    assert set(taken) & set(rest) == set()


def test_every_row_would_be_taken_by_all_if_it_were_only_looked_at(database: Database) -> None:
    owe(database, "a", "b")

    def look(_number: int) -> list[str]:
        with database.transaction() as session:
            return list(session.scalars(sa.select(Owed.key).where(Owed.due_at <= NOW).order_by(Owed.key)))

    assert at_once(look) == [["a", "b"]] * HOW_MANY


def test_what_is_done_is_never_owed_or_taken_again(database: Database) -> None:
    owe(database, "a")
    with database.transaction() as session:
        (row,) = owed.take_due(session, "mail", limit=1, now=NOW)
        owed.mark_done(session, row, now=NOW)
    owe(database, "a")
    with database.transaction() as session:
        assert owed.take_due(session, "mail", limit=9, now=NOW + timedelta(days=99)) == []
        assert session.scalars(sa.select(Owed.done_at)).one() == NOW


def test_what_is_owed_goes_with_the_transaction_that_caused_it(database: Database) -> None:
    def cause_and_fail() -> None:
        with database.transaction() as session:
            owed.owe(session, municipality_id=1, kind="mail", key="a", payload={}, now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cause_and_fail()
    with database.transaction() as session:
        assert owed.take_due(session, "mail", limit=9, now=NOW) == []


def test_the_same_key_of_another_kind_or_municipality_is_another_effect(database: Database) -> None:
    owe(database, "a")
    owe(database, "a", municipality_id=2)
    with database.transaction() as session:
        owed.owe(session, municipality_id=1, kind="letter", key="a", payload={}, now=NOW)
        assert len(owed.take_due(session, "mail", limit=9, now=NOW)) == 2
        assert len(owed.take_due(session, "letter", limit=9, now=NOW)) == 1


def record(database: Database, municipality_id: int, subject: str) -> None:
    with database.transaction() as session:
        audit.record(
            session,
            municipality_id=municipality_id,
            actor="係長",
            act="place.close",
            subject=subject,
            detail={"reason": "雨漏り"},
            now=NOW,
        )


def broken(database: Database, municipality_id: int) -> int | None:
    with database.reading() as session:
        return audit.first_broken(session, municipality_id)


def test_each_municipality_has_a_chain_of_its_own(database: Database) -> None:
    for subject in ("one", "two"):
        record(database, 1, subject)
        record(database, 2, subject)
    with database.transaction() as session:
        session.execute(sa.delete(AuditEntry).where(AuditEntry.municipality_id == 2))
    assert (broken(database, 1), broken(database, 2), broken(database, 3)) == (None, 1, None)


@pytest.mark.parametrize(
    "change",
    [{"actor": "x"}, {"act": "x"}, {"subject": "x"}, {"detail": {}}, {"at": NOW + MINUTE}, {"number": 9}],
)
def test_no_part_of_an_act_can_be_changed_unnoticed(database: Database, change: dict[str, object]) -> None:
    for subject in ("one", "two", "three"):
        record(database, 1, subject)
    assert broken(database, 1) is None
    with database.transaction() as session:
        session.execute(sa.update(AuditEntry).where(AuditEntry.number == 2).values(**change))
    assert broken(database, 1) == 2


def test_an_act_that_was_undone_leaves_no_gap(database: Database) -> None:
    record(database, 1, "one")

    def record_and_fail() -> None:
        with database.transaction() as session:
            audit.record(session, municipality_id=1, actor="a", act="b", subject="c", detail={}, now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    record(database, 1, "two")
    with database.reading() as session:
        assert session.scalars(sa.select(AuditEntry.number).order_by(AuditEntry.number)).all() == [1, 2]
    assert broken(database, 1) is None
