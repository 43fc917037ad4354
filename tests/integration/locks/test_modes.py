"""Doors that stay open until a time, and doors at rest: ordered, told to the lock, over by themselves."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.errors import BadInput, NotThere
from locks import desired_state
from locks.models import Lock, LockOffer
from locks.modes import one_door, orders, progress
from locks.modes.models import ModeOrder
from locks.modes.orders import Mode, StillSold, Why
from tests.integration.locks.conftest import LEFT, TOWN, School
from tests.integration.locks.staff import MANAGER, BatteryLock, fit

HOUR = timedelta(hours=1)


def hold_open(school: School, for_: timedelta = 5 * HOUR, *, point: int | None = None) -> None:
    with school.database.transaction() as session:
        one_door.hold_open(
            session,
            municipality_id=TOWN,
            access_point_id=point or school.gym,
            until=school.now + for_,
            actor=MANAGER,
            now=school.now,
        )


def order(school: School, mode: Mode, why: Why, *, until: timedelta | None = None, subject: str = "") -> None:
    with school.database.transaction() as session:
        orders.order(
            session,
            municipality_id=TOWN,
            access_point_ids=[school.gym],
            mode=mode,
            why=why,
            subject=subject,
            until=school.now + until if until else None,
            actor=MANAGER,
            now=school.now,
        )


def end(school: School, why: Why, subject: str = "") -> int:
    with school.database.transaction() as session:
        return orders.end(
            session, municipality_id=TOWN, why=why, subject=subject, actor=MANAGER, now=school.now
        )


def end_due(school: School) -> int:
    with school.database.transaction() as session:
        return orders.end_due(session, now=school.now)


def mode(school: School) -> Mode:
    with school.database.reading() as session:
        return orders.mode_of(session, school.gym, school.now)[0]


def version(school: School) -> int:
    return int(school.one(sa.select(Lock.desired_version)))


def is_open(lock: BatteryLock) -> bool:
    return lock.bolt == "unlocked"


def test_a_door_is_held_open_from_the_next_contact_until_its_time(school: School) -> None:
    lock = fit(school)
    hold_open(school)
    assert not is_open(lock)
    lock.sync()
    assert is_open(lock)
    lock.network = False
    lock.sleep(5 * HOUR)
    assert is_open(lock)
    assert end_due(school) == 1
    assert end_due(school) == 0
    lock.network = True
    lock.sync()
    lock.sleep(timedelta(minutes=2))
    assert not is_open(lock)
    acts = [row.act for row in school.rows(sa.select(AuditEntry.act))]
    assert acts.count("mode.passage") == acts.count("mode.end") == 1


def test_a_door_is_shut_at_its_time_even_when_no_worker_has_ended_the_order(school: School) -> None:
    lock = fit(school)
    hold_open(school)
    lock.sync()
    before = version(school)
    lock.sleep(5 * HOUR - timedelta(minutes=16))
    assert is_open(lock)
    assert version(school) == before
    lock.sleep(timedelta(minutes=32))
    assert not is_open(lock)
    assert version(school) == before + 1


def test_without_that_look_at_the_clock_the_door_would_stay_open(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desired_state, "_mode_is_over", lambda *_, **__: False)
    lock = fit(school)
    hold_open(school)
    lock.sync()
    lock.sleep(5 * HOUR + timedelta(minutes=16))
    assert is_open(lock)


def test_the_lock_is_asked_to_speak_just_after_the_time_is_over(school: School) -> None:
    lock = fit(school)
    hold_open(school)
    until = school.now + 5 * HOUR
    with school.database.reading() as session:
        turn = orders.next_turn_at(session, school.gym, school.now)
        assert orders.next_turn_at(session, school.gym, until) is None
    assert turn is not None
    assert until < turn < until + timedelta(minutes=1)
    lock.sync()
    assert school.one(sa.select(Lock.next_sync_at)) <= turn
    assert school.now < until


def test_a_newer_word_replaces_the_one_that_lasts_and_the_same_is_one(school: School) -> None:
    hold_open(school, 5 * HOUR)
    hold_open(school, 5 * HOUR)
    assert len(school.rows(sa.select(ModeOrder.id))) == 1
    hold_open(school, 2 * HOUR)
    assert len(school.rows(sa.select(ModeOrder.id).where(ModeOrder.ended_at.is_(None)))) == 1
    school.clock.at += 3 * HOUR
    assert mode(school) is Mode.NORMAL


def test_the_newest_order_counts_and_what_lasts_below_it_comes_back(school: School) -> None:
    order(school, Mode.PASSAGE, Why.SHELTER, subject="shelter")
    order(school, Mode.VACATION, Why.VACATION, until=HOUR)
    assert mode(school) is Mode.VACATION
    school.clock.at += 2 * HOUR
    assert mode(school) is Mode.PASSAGE
    assert end(school, Why.SHELTER, "another") == 0
    assert end(school, Why.SHELTER, "shelter") == 1
    assert end(school, Why.SHELTER, "shelter") == 0
    assert mode(school) is Mode.NORMAL


@pytest.mark.parametrize("for_", [timedelta(0), -HOUR, timedelta(hours=16, seconds=1)])
def test_a_time_that_is_over_or_more_than_sixteen_hours_ahead_is_refused(
    school: School, for_: timedelta
) -> None:
    with pytest.raises(BadInput):
        hold_open(school, for_)
    hold_open(school, timedelta(hours=16))


def test_a_door_of_elsewhere_is_not_there(school: School) -> None:
    with pytest.raises(NotThere):
        hold_open(school, point=9999)
    assert school.rows(sa.select(ModeOrder.id)) == []


def test_every_order_and_every_end_is_a_version_and_progress_goes_by_it(school: School) -> None:
    lock = fit(school)
    first = version(school)
    seen = []

    def look() -> tuple[bool, bool]:
        with school.database.reading() as session:
            (door,) = progress.progress_of(
                session, municipality_id=TOWN, why=Why.SHELTER, subject="x", now=school.now
            )
        return door.is_over, door.is_confirmed

    order(school, Mode.PASSAGE, Why.SHELTER, subject="x")
    seen.append(look())
    lock.sync()
    seen.append(look())
    end(school, Why.SHELTER, "x")
    seen.append(look())
    lock.sync()
    seen.append(look())
    assert seen == [(False, False), (False, True), (True, False), (True, True)]
    assert version(school) == first + 2


def test_a_lock_fitted_after_the_order_is_open_and_counted_once_it_has_said_so(school: School) -> None:
    order(school, Mode.PASSAGE, Why.SHELTER, subject="x")
    with school.database.reading() as session:
        (door,) = progress.progress_of(
            session, municipality_id=TOWN, why=Why.SHELTER, subject="x", now=school.now
        )
    assert (door.has_lock, door.is_confirmed) == (False, False)
    lock = fit(school)
    lock.sync()
    with school.database.reading() as session:
        (door,) = progress.progress_of(
            session, municipality_id=TOWN, why=Why.SHELTER, subject="x", now=school.now
        )
    assert (door.has_lock, door.is_confirmed, is_open(lock)) == (True, True, True)


def test_at_rest_nothing_is_listed_or_sold_and_afterwards_it_is_again(school: School) -> None:
    lock = fit(school)
    lock.sync()
    wanted = school.slot()
    assert school.may_sell(wanted)
    order(school, Mode.VACATION, Why.VACATION, until=5 * HOUR)
    assert not school.may_sell(wanted)
    lock.sync()
    assert lock.state.desired.sellable == []
    assert school.one(sa.select(LockOffer.starts)) == {}
    assert not school.may_sell(wanted)
    school.clock.at += 6 * HOUR
    end_due(school)
    lock.sync()
    assert school.may_sell(school.slot())


def test_what_is_sold_keeps_a_lock_from_resting(school: School) -> None:
    fit(school)
    school.issue(school.slot(hours=2), [LEFT])
    with pytest.raises(StillSold):
        order(school, Mode.VACATION, Why.VACATION, until=6 * HOUR)
    order(school, Mode.VACATION, Why.VACATION, until=HOUR)
    assert mode(school) is Mode.VACATION
