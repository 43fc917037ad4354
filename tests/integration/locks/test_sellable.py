"""Nobody is sold a window for which the lock would refuse the code; and what a screen may say of a code."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.window import granule_start
from locks import desired_state, standing
from locks.codes import code_of
from locks.installation import add_access_point
from locks.keys import subkey
from locks.models import CodeGroup, Grant, Lock
from locks.standing import Standing
from tests.integration.locks.conftest import LEFT, NOW, RIGHT, School, Statements
from tests.integration.locks.door import Door


def of(school: School, *holders: UUID) -> list[Standing]:
    with school.database.reading() as session:
        told = standing.standings_of(session, holders=holders, now=school.now)
    return [told[holder] for holder in holders]


def build(school: School, door: Door) -> None:
    """What the gateway does without the lock."""
    with school.database.transaction() as session:
        desired_state.build(session, school.keyring, school.callbacks, lock_id=door.id, now=school.now)


def derives(school: School, door: Door, holder: UUID) -> bool:
    """Whether the lock, with what it holds, opens for the holder's code (section 6, rules 3 and 4)."""
    grant = school.one(sa.select(Grant).where(Grant.holder == holder))
    group = school.one(sa.select(CodeGroup))
    key = subkey(school.keyring.unwrap(group.wrapped_code_root, bound_to=f"code_group/{group.id}"), "code", 0)
    code = code_of(key, grant.granule, grant.length, grant.lane, grant.rev)
    granted = {code_of(key, *listed) for listed in door.desired["grants"]}
    floors = {(granule, lane): floor for granule, lane, floor in door.desired["floors"]}
    derived = {
        code_of(key, granule, length, lane, floors.get((granule, lane), 0) + ahead)
        for granule, lengths, lanes in door.desired["sellable"]
        for length in lengths
        for lane in range(32)
        if lanes >> lane & 1
        for ahead in range(3)
    }
    return code in granted | derived


def test_a_lock_that_never_spoke_is_sold_freely_and_says_call_us(school: School) -> None:
    assert school.may_sell(school.slot())
    school.fit()
    assert school.may_sell(school.slot())
    assert of(school, school.issue(school.slot())) == [Standing.CALL_US]


def test_a_booking_after_the_last_contact_is_sold_and_the_lock_derives_its_code(school: School) -> None:
    door = school.fit()
    school.contact(door)
    assert school.may_sell(school.slot())
    holder = school.issue(school.slot())
    assert of(school, holder) == [Standing.DERIVABLE]
    assert derives(school, door, holder)
    school.contact(door)
    assert of(school, holder) == [Standing.ON_THE_LOCK]


@pytest.mark.parametrize(("hours", "length", "courts"), [(2, 3, [LEFT]), (2.5, 4, [7]), (2, 12, [LEFT])])
def test_what_the_lock_does_not_list_is_not_sold(
    school: School, hours: float, length: int, courts: list[int]
) -> None:
    door = school.fit()
    school.contact(door)
    assert not school.may_sell(school.slot(hours, length), courts)
    assert school.may_sell(school.slot(hours, 4), [RIGHT])


def test_a_third_rebooking_without_a_contact_is_not_sold(school: School) -> None:
    door = school.fit()
    school.contact(door)
    window = school.slot()
    for _ in range(3):
        assert school.may_sell(window)
        holder = school.issue(window)
        assert derives(school, door, holder)
        school.withdraw(holder)
    assert not school.may_sell(window)
    # The control: sold all the same, the lock would refuse it.
    assert not derives(school, door, school.issue(window))
    school.contact(door)
    school.withdraw(holder)
    assert school.may_sell(window)


def test_a_start_that_a_later_version_dropped_is_not_sold_again_until_both_sides_list_it(
    school: School,
) -> None:
    door = school.fit()
    school.contact(door)
    window = school.slot()
    school.notes.closed = set(window.granules)
    with school.database.transaction() as session:
        desired_state.mark_changed(session, access_point_ids=[school.gym], now=school.now)
    build(school, door)
    school.notes.closed = set()
    assert not school.may_sell(window)
    with school.database.transaction() as session:
        desired_state.mark_changed(session, access_point_ids=[school.gym], now=school.now)
    build(school, door)
    # The lock may hold any of three versions now; one of them does not list the start.
    assert not school.may_sell(window)
    school.contact(door)
    assert school.may_sell(window)


def test_beyond_the_horizon_it_is_sold_as_pending_and_told_so(school: School) -> None:
    door = school.fit()
    school.contact(door)
    holder = school.issue(school.slot(24 * 20))
    assert of(school, holder) == [Standing.PENDING]
    school.contact(door)
    assert of(school, holder) == [Standing.ON_THE_LOCK]


def test_beyond_the_lease_a_confirmed_version_is_not_taken_for_a_confirmed_grant(school: School) -> None:
    door = school.fit()
    holder = school.issue(school.slot(24 * 50))
    school.contact(door)
    assert door.desired["grants"] == []
    assert of(school, holder) == [Standing.PENDING]
    school.clock.at += timedelta(days=10)
    with school.database.transaction() as session:
        desired_state.roll_horizons(session, now=school.now)
    school.contact(door)
    assert of(school, holder) == [Standing.ON_THE_LOCK]


def test_a_gym_stays_on_sale_through_a_fortnight_without_a_network_and_no_longer(school: School) -> None:
    door = school.fit()
    school.contact(door)
    horizon = granule_start(door.desired["horizon"])
    for days in (1, 5, 13):
        school.clock.at = NOW + timedelta(days=days)
        with school.database.transaction() as session:
            desired_state.roll_horizons(session, now=school.now)
        build(school, door)
        soon = school.slot(3)
        assert school.may_sell(soon)
        assert derives(school, door, school.issue(soon))
    school.clock.at = horizon + timedelta(hours=1)
    with school.database.transaction() as session:
        desired_state.roll_horizons(session, now=school.now)
    build(school, door)
    assert not school.may_sell(school.slot(3))
    holder = school.issue(school.slot(3))
    assert not derives(school, door, holder)
    assert of(school, holder) == [Standing.CALL_US]
    school.contact(door)
    assert school.may_sell(school.slot(3))


def test_a_day_that_only_the_newest_version_covers_waits_for_a_lock_that_is_in_touch(school: School) -> None:
    door = school.fit()
    school.contact(door)
    school.clock.at += timedelta(hours=23)
    with school.database.transaction() as session:
        desired_state.roll_horizons(session, now=school.now)
    build(school, door)
    new_day = school.slot(14 * 24 + 4)
    assert new_day.granules.start >= door.desired["horizon"]
    assert school.may_sell(new_day)
    assert of(school, school.issue(new_day)) == [Standing.PENDING]
    # Lost: nothing promises that the grant will arrive.
    school.clock.at = NOW + timedelta(hours=27)
    assert not school.may_sell(new_day)


def test_a_cancelled_code_is_said_to_be_pending_until_the_lock_has_confirmed(school: School) -> None:
    door = school.fit()
    holder, never_told = school.issue(school.slot()), school.issue(school.slot(6))
    school.contact(door)
    school.withdraw(holder)
    assert of(school, holder) == [Standing.REVOCATION_PENDING]
    assert derives(school, door, holder)
    school.contact(door)
    assert of(school, holder) == [Standing.GONE]
    assert not derives(school, door, holder)
    assert of(school, never_told) == [Standing.ON_THE_LOCK]


def test_a_cancelled_code_is_gone_when_its_window_is_over(school: School) -> None:
    door = school.fit()
    holder = school.issue(school.slot())
    school.contact(door)
    school.withdraw(holder)
    school.clock.at = school.slot().ends_at + timedelta(minutes=15)
    assert of(school, holder) == [Standing.REVOCATION_PENDING]
    school.clock.at += timedelta(seconds=1)
    assert of(school, holder) == [Standing.GONE]


def test_the_worst_access_point_speaks_for_the_holder(school: School) -> None:
    door = school.fit()
    with school.database.transaction() as session:
        gate = add_access_point(
            session, municipality_id=1, name="門", kind="gate", courts=[LEFT, RIGHT], now=NOW
        )
    school.contact(door)
    holder = school.issue(school.slot(), points=[school.gym, gate])
    assert of(school, holder) == [Standing.CALL_US]
    at_gate = school.fit(gate)
    school.contact(door)
    school.contact(at_gate)
    assert of(school, holder) == [Standing.ON_THE_LOCK]
    with school.database.reading() as session:
        shown = standing.codes_of(session, school.keyring, holder=holder, now=school.now)
    assert [code.access_point_name for code in shown] == ["体育館", "門"]
    assert shown[0].opens_from == school.slot().starts_at - timedelta(minutes=10)
    assert shown[0].opens_until == school.slot().ends_at + timedelta(minutes=15)
    assert shown[0].last_contact_at == NOW


def test_a_withdrawn_code_is_not_shown(school: School) -> None:
    holder = school.issue(school.slot())
    school.withdraw(holder)
    with school.database.reading() as session:
        assert standing.codes_of(session, school.keyring, holder=holder, now=school.now) == []


def test_standings_of_many_cost_one_statement(school: School) -> None:
    school.contact(school.fit())
    holders = [school.issue(school.slot(2 + 2 * hour)) for hour in range(6)]
    with school.database.reading() as session, Statements(school.database) as seen:
        standing.standings_of(session, holders=holders, now=school.now)
        assert len(seen) <= 1 + school.database.is_sqlite
    assert len(school.rows(sa.select(Lock.id))) == 1
