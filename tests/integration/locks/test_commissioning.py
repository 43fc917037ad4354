"""A new lock becomes active by itself, by the hello that completes its checklist, and by no earlier one."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from locks import commissioning
from locks.commissioning import Step
from locks.models import Lock
from tests.integration.locks.conftest import NOW, School
from tests.integration.locks.door import Door


def right(school: School, off: timedelta = timedelta()) -> dict[str, Any]:
    """The members of a hello whose clock is right, or off by so much."""
    return {"clock": int((school.now + off).timestamp() * 1000), "clock_quality": "synced"}


def open_from_inside(school: School, door: Door) -> None:
    door.happens(
        "lock_operation", int(school.now.timestamp()), operation="unlock", source="manual", offline=False
    )


def say(school: School, door: Door, **members: Any) -> None:
    answer = school.hear(door, door.hello(**members))
    assert answer is not None
    if answer.desired is not None:
        door.take_desired(answer.desired)
    door.take_welcome(answer.welcome)


def done(school: School, door: Door) -> set[Step]:
    with school.database.reading() as session:
        checks = commissioning.checklist(session, session.get_one(Lock, door.id))
    return {check.name for check in checks if check.is_done}


def state_of(school: School, door: Door) -> tuple[str, object]:
    lock = school.one(sa.select(Lock).where(Lock.id == door.id))
    return lock.state, lock.commissioned_at


def test_a_lock_becomes_active_with_the_hello_that_completes_its_list(school: School) -> None:
    door = school.fit()
    assert done(school, door) == set()
    say(school, door, clock=0, clock_quality="unknown")
    assert done(school, door) == {Step.FIRST_CONTACT}
    say(school, door, **right(school))
    assert done(school, door) == {Step.FIRST_CONTACT, Step.TIME_RIGHT, Step.HOLDS_RIGHTS}
    assert state_of(school, door) == ("provisioned", None)
    school.clock.at += timedelta(minutes=1)
    open_from_inside(school, door)
    say(school, door, **right(school))
    assert done(school, door) == set(Step)
    assert state_of(school, door) == ("active", NOW + timedelta(minutes=1))
    entry = school.one(sa.select(AuditEntry).where(AuditEntry.act == "lock.commission"))
    assert (entry.subject, entry.actor) == (door.id, "system")


def test_an_active_lock_stays_so_and_is_told_of_once(school: School) -> None:
    door = school.fit()
    say(school, door)
    open_from_inside(school, door)
    say(school, door, **right(school))
    school.issue(school.slot())
    say(school, door, clock=0, clock_quality="unknown")
    assert state_of(school, door) == ("active", NOW)
    assert len(school.rows(sa.select(AuditEntry.id).where(AuditEntry.act == "lock.commission"))) == 1


@pytest.mark.parametrize(
    ("lacking", "step"),
    [
        ({"clock_quality": "unknown"}, Step.TIME_RIGHT),
        ({"clock_quality": "holdover"}, Step.TIME_RIGHT),
        ({"clock": int((NOW + timedelta(seconds=9)).timestamp() * 1000)}, Step.TIME_RIGHT),
        ({"clock": int((NOW - timedelta(seconds=9)).timestamp() * 1000)}, Step.TIME_RIGHT),
        ({"applied": 0, "digest": "", "result": "none"}, Step.HOLDS_RIGHTS),
        ({"events": [], "last_seq": 0, "first_seq": 1}, Step.TEST_OPENING),
    ],
)
def test_a_lock_that_lacks_one_thing_is_not_active_until_it_has_it(
    school: School, lacking: dict[str, Any], step: Step
) -> None:
    door = school.fit()
    answer = school.hear(door, door.hello(clock=0, clock_quality="unknown"))
    assert answer is not None
    assert answer.desired is not None
    door.take_desired(answer.desired)
    open_from_inside(school, door)
    school.hear(door, door.hello(**(right(school) | lacking)))
    assert done(school, door) == set(Step) - {step}
    assert state_of(school, door) == ("provisioned", None)
    # The control: with the missing thing it is.
    say(school, door, **right(school))
    assert state_of(school, door) == ("active", NOW)


@pytest.mark.parametrize(
    "members",
    [
        {"operation": "lock", "source": "manual"},
        {"operation": "unlock", "source": "auto"},
        {"operation": "unlock", "source": "remote"},
    ],
)
def test_other_movements_of_the_bolt_are_no_test_opening(school: School, members: dict[str, Any]) -> None:
    door = school.fit()
    say(school, door)
    door.happens("lock_operation", int(NOW.timestamp()), **members)
    say(school, door, **right(school))
    assert done(school, door) == set(Step) - {Step.TEST_OPENING}


def test_an_opening_from_before_it_was_put_here_is_none(school: School) -> None:
    door = school.fit()
    say(school, door)
    door.happens("lock_operation", int(NOW.timestamp()) - 60, operation="unlock", source="manual")
    say(school, door, **right(school))
    assert Step.TEST_OPENING not in done(school, door)


def test_a_lock_that_is_not_active_yet_is_sold_by_the_same_rule(school: School) -> None:
    door = school.fit()
    school.contact(door)
    assert state_of(school, door)[0] == "provisioned"
    window = school.slot()
    assert school.may_sell(window)
    school.notes.closed.update(window.granules)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(desired_version=Lock.desired_version + 1))
    school.contact(door)
    assert not school.may_sell(window)
