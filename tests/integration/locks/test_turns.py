"""When a lock is asked to speak: its own turn, and before the day's first reservation."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.window import GRANULE, Window, granule_of
from locks import turns
from locks.models import Lock
from locks.turns import extra_turn, regular_turn
from tests.integration.locks.conftest import School
from tests.integration.locks.door import Door

EVENING = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
"""Half past nine in the evening in Japan."""


def said(school: School, door: Door) -> datetime:
    """When the lock is asked to speak next."""
    return datetime.fromtimestamp(school.contact(door)["next_sync_at"], UTC)


def tomorrow_at(hour: float) -> Window:
    begin = datetime(2026, 11, 21, 15, 0, tzinfo=UTC) + timedelta(hours=hour)
    return Window(begin, begin + 4 * GRANULE)


def only_at(school: School, window: Window) -> None:
    """A door that only this window can be sold at."""
    every = range(granule_of(school.now) - 60, granule_of(school.now) + 800)
    school.notes.closed = set(every) - set(window.granules)


def test_without_reservations_a_lock_keeps_its_own_turn(school: School) -> None:
    door = school.fit()
    assert said(school, door) == regular_turn(door.id, school.now)


def test_a_lock_speaks_in_the_hour_before_the_days_first_reservation(school: School) -> None:
    school.clock.at = EVENING
    door = school.fit()
    first = tomorrow_at(8)
    school.issue(first)
    school.issue(tomorrow_at(12))
    turn = said(school, door)
    extra = extra_turn(door.id, first.starts_at)
    assert turn == min(regular_turn(door.id, EVENING), extra)
    school.clock.at = turn
    if turn != extra:
        turn = said(school, door)
        school.clock.at = turn
    assert timedelta(minutes=30) <= first.starts_at - turn <= timedelta(minutes=60)
    school.contact(door)
    assert school.one(sa.select(Lock)).extra_contact_on.isoformat() == "2026-11-22"


def test_there_is_one_extra_contact_a_civil_day_and_not_one_before_each(school: School) -> None:
    school.clock.at = EVENING
    door = school.fit()
    first, second = tomorrow_at(8), tomorrow_at(12)
    holder = school.issue(first)
    school.issue(second)
    school.contact(door)
    school.clock.at = extra_turn(door.id, first.starts_at)
    assert said(school, door) == regular_turn(door.id, school.now)
    school.withdraw(holder)
    assert said(school, door) == regular_turn(door.id, school.now)


def test_a_key_press_before_it_does_not_lose_the_extra_contact(school: School) -> None:
    school.clock.at = EVENING
    door = school.fit()
    first = tomorrow_at(8)
    school.issue(first)
    school.contact(door)
    school.clock.at = first.starts_at - timedelta(hours=2)
    assert said(school, door) <= extra_turn(door.id, first.starts_at)


def test_extra_contacts_of_many_locks_are_spread_over_half_an_hour() -> None:
    start = tomorrow_at(8).starts_at
    turns_ = [start - extra_turn(f"{number:016x}", start) for number in range(400)]
    assert min(turns_) >= timedelta(minutes=30)
    assert max(turns_) <= timedelta(minutes=60)
    minutes = [int(turn.total_seconds()) // 60 for turn in turns_]
    assert max(minutes.count(minute) for minute in range(30, 60)) < 40


def opens_after_cancelling(school: School) -> bool:
    """Book the day's first window, cancel it in the night, come in the morning without network: whether the
    lock as it was told last still lists the code.
    """
    school.clock.at = EVENING
    door = school.fit()
    first = tomorrow_at(8)
    only_at(school, first)
    holder = school.issue(first)
    turn = said(school, door)
    school.clock.at = EVENING + timedelta(minutes=20)
    school.withdraw(holder)
    school.notes.closed |= set(first.granules)
    while turn < first.starts_at:
        school.clock.at = turn
        turn = said(school, door)
    starts = {granule for granule, _, _, _ in door.desired["grants"]}
    return granule_of(first.starts_at) in starts


def regular_turn_after(start: datetime, minutes: int) -> object:
    """A lock whose own turn comes only after the reservation has begun."""

    def turn(_lock_id: str, now: datetime) -> datetime:
        place = start + timedelta(minutes=minutes)
        while place <= now:
            place += timedelta(hours=12)
        return place

    return turn


def test_a_code_cancelled_in_the_night_is_dead_in_the_morning(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "regular_turn", regular_turn_after(tomorrow_at(8).starts_at, 5))
    assert not opens_after_cancelling(school)


def test_without_the_extra_contact_it_would_still_open(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "regular_turn", regular_turn_after(tomorrow_at(8).starts_at, 5))
    monkeypatch.setattr(turns, "_before_the_first", lambda *_: None)
    assert opens_after_cancelling(school)
