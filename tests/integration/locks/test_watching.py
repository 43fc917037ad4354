"""Troubles that contacts and silence tell: they begin, are told once, and end with their cause."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.window import granule_of
from locks.alarms.models import Alarm
from locks.alarms.sweep import sweep
from locks.models import Lock, LockState
from tests.integration.locks.conftest import School, Statements
from tests.integration.locks.door import Door


def fitted(school: School) -> Door:
    """A lock that has been commissioned."""
    door = school.fit()
    school.contact(door)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state=LockState.ACTIVE))
    return door


def lasting(school: School) -> list[str]:
    rows = school.rows(sa.select(Alarm.kind).where(Alarm.ended_at.is_(None)).order_by(Alarm.kind))
    return [row.kind for row in rows]


def told(school: School) -> list[str]:
    return [alarm.kind for alarm in school.notes.alarms]


def run(school: School, limit: int = 200) -> int:
    with school.database.transaction() as session:
        return sweep(session, school.callbacks, now=school.now, limit=limit)


def hello(school: School, which: Door, **changes: Any) -> None:
    assert school.hear(which, which.hello(**changes)) is not None


def alarm(school: School, door: Door, name: str) -> None:
    door.happens("door_lock_alarm", int(school.now.timestamp()), alarm=name)
    hello(school, door, why="alarm")


def test_a_silent_lock_is_late_then_lost_and_neither_after_its_next_word(school: School) -> None:
    door = fitted(school)
    turn: datetime = school.one(sa.select(Lock.next_sync_at))
    for after, expected in ((90, []), (91, ["late"])):
        school.clock.at = turn + timedelta(minutes=after)
        run(school)
        assert lasting(school) == expected
    heard: datetime = school.one(sa.select(Lock.last_contact_at))
    school.clock.at = heard + timedelta(hours=26, minutes=1)
    assert run(school) == 1
    assert run(school) == 0
    assert lasting(school) == ["late", "lost"]
    assert told(school) == ["late", "lost"]
    school.contact(door)
    assert lasting(school) == []


def test_nobody_is_alarmed_about_a_lock_that_is_still_being_fitted(school: School) -> None:
    door = school.fit()
    school.contact(door)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state=LockState.PROVISIONED))
    school.clock.at += timedelta(days=3)
    alarm(school, door, "tamper")
    school.clock.at += timedelta(days=3)
    assert run(school) == 0
    assert told(school) == []


def test_what_a_lock_says_of_itself_is_an_alarm_of_that_name(school: School) -> None:
    door = fitted(school)
    names = ["tamper", "door_forced_open", "wrong_code_entry_limit", "lock_jammed", "battery_low"]
    for name in names:
        alarm(school, door, name)
    assert told(school) == names
    door.happens("door_lock_alarm", int(school.now.timestamp()), alarm="something_of_tomorrow")
    hello(school, door)
    assert told(school) == names


def test_a_repeated_message_does_not_repeat_the_alarm(school: School) -> None:
    door = fitted(school)
    door.happens("door_lock_alarm", int(school.now.timestamp()), alarm="tamper")
    message = door.hello(why="alarm")
    school.hear(door, message)
    school.hear(door, message)
    assert told(school) == ["tamper"]
    assert school.one(sa.select(Alarm.count)) == 1


def test_a_jam_is_over_once_the_bolt_moves(school: School) -> None:
    door = fitted(school)
    hello(school, door, bolt="jammed")
    hello(school, door, bolt="jammed")
    assert told(school) == ["lock_jammed"]
    hello(school, door, bolt="locked")
    assert lasting(school) == []


def test_a_conflict_is_over_with_a_desired_that_holds(school: School) -> None:
    door = fitted(school)
    hello(school, door, result="conflict")
    assert lasting(school) == ["desired_conflict"]
    hello(school, door, result="ok")
    assert lasting(school) == []


def test_a_gap_in_the_log_is_told_with_how_much_is_gone(school: School) -> None:
    door = fitted(school)
    door.happens("boot", int(school.now.timestamp()))
    hello(school, door)
    door.seq += 4
    door.events.clear()
    door.happens("boot", int(school.now.timestamp()))
    hello(school, door)
    assert [(a.kind, dict(a.detail)) for a in school.notes.alarms] == [("event_loss", {"records": 4})]


def test_an_open_door_in_somebodys_time_is_nobodys_trouble_until_it_is_over(school: School) -> None:
    door = fitted(school)
    window = school.slot()
    school.issue(window)
    school.clock.at = window.starts_at + timedelta(minutes=20)
    door.happens("door_lock_alarm", int(school.now.timestamp()), alarm="door_ajar")
    hello(school, door, why="alarm", door="open")
    run(school)
    assert lasting(school) == []
    # It speaks again, or where its turn fell in these two hours it would be late as well.
    school.clock.at = window.ends_at
    hello(school, door, door="open")
    school.clock.at += timedelta(minutes=16)
    run(school)
    assert lasting(school) == ["door_ajar"]
    hello(school, door, door="closed")
    assert lasting(school) == []


def test_a_door_left_open_in_nobodys_time_is_told_at_once(school: School) -> None:
    door = fitted(school)
    alarm(school, door, "door_ajar")
    assert told(school) == ["door_ajar"]


def test_a_door_open_since_the_opening_alone_is_no_trouble(school: School) -> None:
    door = fitted(school)
    hello(school, door, why="opened", door="open")
    # Not so long that it could be late: its turn is 15 minutes away at least.
    school.clock.at += timedelta(minutes=100)
    run(school)
    assert lasting(school) == []


def opened_with(school: School, *, cancel: bool) -> None:
    door = fitted(school)
    window = school.slot()
    holder = school.issue(window)
    school.contact(door)
    (grant,) = door.desired["grants"]
    if cancel:
        school.withdraw(holder)
    school.clock.at = window.starts_at
    at = int(window.starts_at.timestamp()) - 60
    door.happens("lock_operation", at, operation="unlock", source="keypad", credential=grant, offline=True)
    hello(school, door, why="opened")
    kinds = [(a.kind, a.holder) for a in school.notes.alarms]
    assert kinds == ([("cancelled_opening", holder)] if cancel else [])


def test_an_opening_with_a_cancelled_code_is_told_with_whose_it_was(school: School) -> None:
    opened_with(school, cancel=True)


def test_an_opening_with_a_living_code_is_no_alarm(school: School) -> None:
    opened_with(school, cancel=False)


def test_a_clock_that_runs_away_is_told_and_over_once_it_is_right(school: School) -> None:
    door = fitted(school)
    for offset_ms in (2000, 2000, 0, 0, 0, 0, 0, 0, 0):
        school.clock.at += timedelta(hours=12)
        now_ms = int(school.now.timestamp() * 1000)
        hello(school, door, why="schedule", clock=now_ms + offset_ms)
        if offset_ms:
            assert lasting(school) == ["clock_margin"]
    assert told(school) == ["clock_margin"]
    assert lasting(school) == []


def test_a_battery_is_low_weeks_ahead_and_fine_again_with_new_cells(school: School) -> None:
    door = fitted(school)
    millivolts, low_at = 5870, 0
    for _ in range(60):
        school.clock.at += timedelta(days=1)
        millivolts -= 20
        hello(school, door, battery_mv=millivolts, temperature_c=20)
        if lasting(school) == ["battery_low"] and not low_at:
            low_at = millivolts
    assert told(school) == ["battery_low"]
    assert (low_at - 4200) // 20 >= 14
    hello(school, door, battery_mv=6000, temperature_c=20)
    assert lasting(school) == []


def test_a_battery_that_falls_below_the_last_mark_is_critical(school: School) -> None:
    door = fitted(school)
    hello(school, door, battery_mv=4390)
    hello(school, door, battery_mv=4380)
    assert told(school).count("battery_critical") == 1


def test_a_contact_without_trouble_costs_few_statements(school: School) -> None:
    door = fitted(school)
    school.contact(door)
    message = door.hello()
    with Statements(school.database) as seen:
        school.hear(door, message)
    ours = [text for text in seen if any(table in text for table in ("lock_alarm", "lock_battery_day"))]
    turn = [text for text in seen if "min(CASE" in text]
    assert len(ours) <= 1
    assert len(seen) <= 8, seen
    assert len(turn) == 1


def unreached(school: School, *, lock_hears: bool) -> list[str]:
    """A start sold three weeks ahead, at a lock that has (not) spoken since; the alarms a day before it."""
    door = fitted(school)
    first = granule_of(school.now + timedelta(days=21))
    window = school.slot(hours=21 * 24)
    assert window.granules.start >= first
    holder = school.issue(window)
    for _ in range(21):
        school.clock.at += timedelta(days=1)
        if lock_hears:
            school.contact(door)
        run(school)
    kinds = [a.kind for a in school.notes.alarms if a.holder == holder]
    assert school.notes.unreached == ([] if lock_hears else [(holder, school.gym)])
    return kinds


def test_a_start_that_its_lock_does_not_know_a_day_before_is_told_to_staff_and_holder(
    school: School,
) -> None:
    assert unreached(school, lock_hears=False) == ["start_unreached"]


def test_a_start_that_its_lock_has_heard_of_is_not(school: School) -> None:
    assert unreached(school, lock_hears=True) == []


def test_an_unreached_start_is_over_once_the_lock_has_it(school: School) -> None:
    door = fitted(school)
    window = school.slot(hours=21 * 24)
    school.issue(window)
    school.clock.at = window.starts_at - timedelta(hours=20)
    run(school)
    assert "start_unreached" in lasting(school)
    school.contact(door)
    run(school)
    assert "start_unreached" not in lasting(school)


def test_alarms_of_a_lock_that_was_taken_off_are_over(school: School) -> None:
    fitted(school)
    school.clock.at += timedelta(days=2)
    run(school)
    assert lasting(school) == ["late", "lost"]
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state=LockState.DEAD))
    run(school)
    assert lasting(school) == []
