"""Orders wait for a contact, travel in it once, and what became of them is on record."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.errors import BadInput
from locks import commands, life
from locks.commands import CommandKind
from locks.installation import add_lock
from locks.life_errors import LockIsDead, NoCommands, TooManyCommands
from locks.models import LockCommand, Transport
from tests.integration.locks.conftest import School
from tests.integration.locks.core_lock import CoreLock
from tests.integration.locks.door import Door

WHO = "account-1"


def fitted(school: School) -> CoreLock:
    with school.database.transaction() as session:
        made = add_lock(session, school.keyring, access_point_id=school.gym, now=school.now)
    return CoreLock(school, made)


def order(school: School, lock_id: str, kind: CommandKind = CommandKind.IDENTIFY, **args: str) -> str:
    with school.database.transaction() as session:
        return commands.order(session, lock_id=lock_id, kind=kind, args=args, actor=WHO, now=school.now)


def waiting(school: School) -> list[Any]:
    return [
        (row.id, row.sent_at is not None, row.result)
        for row in school.rows(
            sa.select(LockCommand.id, LockCommand.sent_at, LockCommand.result).order_by(
                LockCommand.ordered_at
            )
        )
    ]


def right_clock(school: School) -> dict[str, Any]:
    return {"clock": int(school.now.timestamp() * 1000), "clock_quality": "synced"}


def test_an_order_is_carried_out_once_in_the_next_contact_and_its_result_is_known(school: School) -> None:
    lock = fitted(school)
    ordered = order(school, lock.id)
    assert waiting(school) == [(ordered, False, None)]
    lock.heard.clear()
    lock.sync()
    assert lock.heard.index("command") < lock.heard.index("welcome")
    assert lock.identified == 1
    assert waiting(school) == [(ordered, True, "ok")]
    lock.sync()
    assert lock.identified == 1
    assert school.rows(sa.select(AuditEntry.id).where(AuditEntry.act == "lock.command"))


def test_a_mode_that_is_ordered_lasts_until_the_next_version(school: School) -> None:
    lock = fitted(school)
    order(school, lock.id, CommandKind.SET_MODE, operating_mode="passage")
    lock.sync()
    assert lock.state.operating_mode() == "passage"
    school.issue(school.slot())
    lock.sync()
    assert lock.state.operating_mode() == "normal"


def test_the_same_order_twice_is_one(school: School) -> None:
    lock = fitted(school)
    assert order(school, lock.id) == order(school, lock.id)
    assert len(waiting(school)) == 1
    order(school, lock.id, CommandKind.SET_MODE, operating_mode="passage")
    order(school, lock.id, CommandKind.SET_MODE, operating_mode="normal")
    assert len(waiting(school)) == 3


@pytest.mark.parametrize(
    ("clock", "travels"),
    [
        ({"clock_quality": "unknown"}, False),
        ({"clock": 0}, False),
        ({}, True),
    ],
)
def test_an_order_waits_for_a_lock_that_could_tell_that_it_is_fresh(
    school: School, clock: dict[str, Any], travels: bool
) -> None:
    door = school.fit()
    order(school, door.id)
    answer = school.hear(door, door.hello(**(right_clock(school) | clock)))
    assert answer is not None
    assert bool(answer.commands) == travels
    assert [sent for _, sent, _ in waiting(school)] == [travels]


def test_an_order_that_nobody_fetched_in_a_day_is_not_carried_out_any_more(school: School) -> None:
    door = school.fit()
    ordered = order(school, door.id)
    school.clock.at += timedelta(hours=27)
    answer = school.hear(door, door.hello(**right_clock(school)))
    assert answer is not None
    assert answer.commands == ()
    assert waiting(school) == [(ordered, True, "expired")]


def test_an_order_is_signed_for_one_lock_and_dies_after_a_minute(school: School) -> None:
    door = school.fit()
    ordered = order(school, door.id)
    answer = school.hear(door, door.hello(**right_clock(school)))
    assert answer is not None
    (jws,) = answer.commands
    claims = door.opened(jws, "kaiho-command")
    at = int(school.now.timestamp())
    assert claims == {
        "v": 1,
        "lock": door.id,
        "id": ordered,
        "kind": "identify",
        "args": {},
        "issued_at": at,
        "expires_at": at + 60,
    }


def say_result(school: School, door: Door, command_id: str, result: str) -> None:
    door.happens(
        "command_result", int(school.now.timestamp()), id=command_id, command="identify", result=result
    )
    school.contact(door)


def test_a_result_counts_once_for_the_lock_that_was_asked(school: School) -> None:
    door = school.fit()
    ordered = order(school, door.id)
    say_result(school, door, ordered, "ok")
    # It was never sent: who says so made it up.
    assert waiting(school) == [(ordered, False, None)]
    school.hear(door, door.hello(**right_clock(school)))
    say_result(school, door, "nobodysorder", "ok")
    assert waiting(school) == [(ordered, True, None)]
    say_result(school, door, ordered, "unsupported")
    say_result(school, door, ordered, "ok")
    assert waiting(school) == [(ordered, True, "unsupported")]


def test_a_lock_that_cannot_be_told_anything_is_refused(school: School) -> None:
    with school.database.transaction() as session:
        made = add_lock(
            session, school.keyring, access_point_id=school.gym, transport=Transport.HTTPS, now=school.now
        )
    with pytest.raises(NoCommands):
        order(school, made.lock)
    with school.database.transaction() as session:
        life.decommission(session, lock_id=made.lock, actor=WHO, now=school.now)
    with pytest.raises(LockIsDead):
        order(school, made.lock)


def test_what_is_no_order_is_refused(school: School) -> None:
    lock = school.fit()
    for kind, args in (
        (CommandKind.SET_MODE, {}),
        (CommandKind.SET_MODE, {"operating_mode": "ajar"}),
        (CommandKind.IDENTIFY, {"operating_mode": "normal"}),
    ):
        with pytest.raises(BadInput):
            order(school, lock.id, kind, **args)
    assert waiting(school) == []


def test_orders_of_a_lock_that_was_taken_off_are_dropped(school: School) -> None:
    lock = school.fit()
    ordered = order(school, lock.id)
    with school.database.transaction() as session:
        life.decommission(session, lock_id=lock.id, actor=WHO, now=school.now)
    assert waiting(school) == [(ordered, True, "dropped")]


def test_a_lock_is_not_given_more_than_a_few_orders_at_once(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_WAITING", 2)
    lock = school.fit()
    order(school, lock.id)
    order(school, lock.id, CommandKind.SYNC_NOW)
    with pytest.raises(TooManyCommands):
        order(school, lock.id, CommandKind.SET_MODE, operating_mode="normal")
