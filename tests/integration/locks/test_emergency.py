"""Emergency codes: always one a group, opens when nothing else does, burns, alarms, is replaced."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.database import retrying
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.installation import add_access_point
from locks.models import AccessPoint, CodeGroup, Lock, LockEvent
from locks.staff import codes, emergency
from locks.staff.models import StaffCode, StaffKind
from tests.integration.locks.conftest import TOWN, School
from tests.integration.locks.staff import MANAGER, digits, end, fit, give, living

EMERGENCY = StaffKind.EMERGENCY


def alarms(school: School) -> list[Alarm]:
    with school.database.reading() as session:
        return list(session.scalars(sa.select(Alarm).where(Alarm.kind == AlarmKind.EMERGENCY_USED)))


def gate_of_the_gym(school: School) -> int:
    with school.database.transaction() as session:
        group = session.get_one(AccessPoint, school.gym).code_group_id
        return add_access_point(
            session,
            municipality_id=TOWN,
            name="門",
            kind="gate",
            courts=[1, 2],
            code_group_id=group,
            now=school.now,
        )


def test_it_opens_without_clock_network_and_lease_burns_and_is_replaced(school: School) -> None:
    lock = fit(school)
    lock.sync()
    first = digits(school, EMERGENCY)
    lock.network = False
    lock.sleep(timedelta(days=60))
    lock.lose_power()
    assert not lock.state.clock_known
    assert lock.opens_for(first)
    assert not lock.opens_for(first)
    assert digits(school, EMERGENCY) == first

    lock.network = True
    lock.sync()
    second = digits(school, EMERGENCY)
    assert second != first
    (alarm,) = alarms(school)
    assert (alarm.count, alarm.access_point_id, alarm.lock_id) == (1, school.gym, lock.id)
    assert [told.kind for told in school.notes.alarms].count(AlarmKind.EMERGENCY_USED) == 1
    lock.sync()
    assert not lock.opens_for(first)
    assert lock.opens_for(second)


def test_a_used_code_that_is_not_withdrawn_stays_burned(school: School) -> None:
    lock = fit(school)
    lock.sync()
    code = digits(school, EMERGENCY)
    lock.network = False
    assert lock.opens_for(code)
    lock.lose_power()
    assert not lock.opens_for(code)


def test_the_same_event_twice_changes_nothing(school: School) -> None:
    door = school.fit()
    school.contact(door)
    (code,) = living(school, EMERGENCY)
    at = int(school.now.timestamp())
    door.happens("lock_operation", at, operation="unlock", source="keypad", credential=code.gid)
    waiting = list(door.events)
    school.contact(door)
    replaced = digits(school, EMERGENCY)
    door.events = waiting
    for _ in range(2):
        assert school.hear(door, door.hello()) is not None
    message = door.hello()
    school.hear(door, message)
    school.hear(door, message)
    assert digits(school, EMERGENCY) == replaced
    assert [alarm.count for alarm in alarms(school)] == [1]
    acts = [row.act for row in school.rows(sa.select(AuditEntry.act))]
    assert acts.count("emergency.used") == 1


def test_a_second_door_opened_with_it_is_another_alarm_and_no_other_replacement(school: School) -> None:
    gym, gate = school.fit(), school.fit(gate_of_the_gym(school))
    (code,) = living(school, EMERGENCY)
    for door in (gym, gate):
        at = int(school.now.timestamp())
        door.happens("lock_operation", at, operation="unlock", source="keypad", credential=code.gid)
        school.contact(door)
    assert len({alarm.access_point_id for alarm in alarms(school)}) == 2
    assert len(school.rows(sa.select(StaffCode.gid))) == 2
    for door in (gym, gate):
        school.contact(door)
        assert code.gid not in [row[0] for row in door.desired["staff"]]


@pytest.mark.parametrize("gid", ["e-nobody", "", "another group's", "a person's"])
def test_a_gid_that_is_no_emergency_code_there_is_no_emergency(school: School, gid: str) -> None:
    with school.database.transaction() as session:
        add_access_point(session, municipality_id=TOWN, name="-", kind="gate", courts=[9], now=school.now)
    give(school)
    own, other = living(school, EMERGENCY)
    known = {"another group's": other.gid, "a person's": living(school, StaffKind.STAFF)[0].gid}
    door = school.fit()
    with school.database.transaction() as session:
        emergency.used(
            session,
            school.keyring,
            school.callbacks,
            gid=known.get(gid, gid),
            lock=session.get_one(Lock, door.id),
            at=school.now,
            now=school.now,
        )
    assert alarms(school) == []
    assert [code.gid for code in living(school, EMERGENCY)] == [own.gid, other.gid]


def test_without_looking_again_under_the_groups_row_two_would_issue_one_each(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    with school.database.transaction() as session:
        session.execute(sa.delete(StaffCode))
        group = session.scalars(sa.select(CodeGroup.id)).one()
    monkeypatch.setattr(emergency, "_without_code", lambda *_: [group])
    for _ in range(2):
        with school.database.transaction() as session:
            assert emergency.ensure(session, school.keyring, municipality_id=TOWN, now=school.now) == 1
    assert len(living(school, EMERGENCY)) == 2


def test_every_group_has_one_however_often_and_by_however_many_it_is_ensured(school: School) -> None:
    with school.database.transaction() as session:
        session.execute(sa.delete(StaffCode))
    began = threading.Barrier(2)

    def once() -> int:
        with school.database.transaction() as session:
            return emergency.ensure_all(session, school.keyring, now=school.now)

    issued: list[int] = []

    def run() -> None:
        began.wait(20)
        issued.append(retrying(once))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(issued) == [0, 1]
    assert once() == 0
    assert len(living(school, EMERGENCY)) == 1


def test_a_stolen_lock_costs_every_code_of_its_group_and_only_of_it(school: School) -> None:
    lock = fit(school)
    with school.database.transaction() as session:
        hall = add_access_point(
            session, municipality_id=TOWN, name="-", kind="gate", courts=[9], now=school.now
        )
        group = session.get_one(AccessPoint, school.gym).code_group_id
    give(school, points=[school.gym, hall])
    end(school, give(school))
    before = {code.gid for code in [*living(school, EMERGENCY), *living(school, StaffKind.STAFF)]}
    old = codes.digits_of(school.keyring, living(school, StaffKind.STAFF)[0])
    with school.database.transaction() as session:
        emergency.replace_group(session, school.keyring, code_group_id=group, why="stolen", now=school.now)
    after = {code.gid for code in [*living(school, EMERGENCY), *living(school, StaffKind.STAFF)]}
    assert len(before) == len(after) == 4
    assert len(before & after) == 2
    lock.sync()
    assert not lock.opens_for(old)
    assert lock.opens_for(codes.digits_of(school.keyring, living(school, StaffKind.STAFF)[0]))


def test_the_sheet_marks_what_it_showed_and_hides_it_in_its_text(school: School) -> None:
    gate_of_the_gym(school)
    with school.database.reading() as session:
        assert emergency.printed_at(session, municipality_id=TOWN) is None
    with school.database.transaction() as session:
        lines = emergency.sheet(session, school.keyring, municipality_id=TOWN, actor=MANAGER, now=school.now)
    code = digits(school, EMERGENCY)
    assert [line.code for line in lines] == [code, code]
    assert code not in repr(lines)
    with school.database.reading() as session:
        assert emergency.printed_at(session, municipality_id=TOWN) == school.now
        entries = session.scalars(sa.select(AuditEntry)).all()
    assert code not in "".join(str(entry.detail) for entry in entries)


def test_an_event_never_holds_the_digits(school: School) -> None:
    lock = fit(school)
    lock.sync()
    code = digits(school, EMERGENCY)
    assert lock.opens_for(code)
    lock.sync()
    with school.database.reading() as session:
        kept = session.scalars(sa.select(LockEvent)).all()
    assert any(event.detail.get("credential", "") for event in kept)
    assert code not in "".join(str(event.detail) for event in kept)
    assert datetime(2026, 1, 1, tzinfo=UTC) < max(event.at for event in kept)
