"""Replaced, stolen, wiped, moved: told with the simulated lock's own core on both sides of the change."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.window import Window, granule_of
from locks import epochs, life, moving, standing
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.codes import code_of
from locks.errors import AlreadyFitted
from locks.installation import Installation, add_access_point, add_lock
from locks.keys import subkey
from locks.life_errors import LockIsDead, SharedCode
from locks.models import AccessPoint, CodeGroup, Grant, Lock, QuarantinedMessage
from locks.staff.models import StaffCode
from locks.standing import Standing
from locks.vendors.fitting import add_vendor_lock
from tests.integration.locks.conftest import LEFT, RIGHT, TOWN, School
from tests.integration.locks.core_lock import CoreLock

WHO = "account-1"


def point(school: School, name: str, *, with_gym: bool) -> int:
    """Another access point of the same courts, opened by the gym's code or by one of its own."""
    with school.database.transaction() as session:
        group = session.get_one(AccessPoint, school.gym).code_group_id
        return add_access_point(
            session,
            municipality_id=TOWN,
            name=name,
            kind="gate",
            courts=[LEFT, RIGHT],
            code_group_id=group if with_gym else None,
            now=school.now,
        )


def fit(school: School, access_point_id: int) -> Installation:
    with school.database.transaction() as session:
        return add_lock(session, school.keyring, access_point_id=access_point_id, now=school.now)


def running(school: School) -> Window:
    """A window around this moment, on the offered grid."""
    return Window.of_granules(granule_of(school.now) // 4 * 4, 8)


def shown(school: School, holder: UUID) -> dict[int, tuple[str, Standing]]:
    """What the holder's page says, by access point."""
    with school.database.reading() as session:
        codes = standing.codes_of(session, school.keyring, holder=holder, now=school.now)
    return {code.access_point_id: (code.code, code.standing) for code in codes}


def replaced(school: School, lock_id: str) -> Installation:
    with school.database.transaction() as session:
        return life.replace(
            session, school.keyring, school.callbacks, lock_id=lock_id, actor=WHO, now=school.now
        )


def report_stolen(school: School, lock_id: str) -> None:
    with school.database.transaction() as session:
        life.stolen(session, school.keyring, school.callbacks, lock_id=lock_id, actor=WHO, now=school.now)


def decommission(school: School, lock_id: str, *, force: bool = False) -> None:
    with school.database.transaction() as session:
        life.decommission(session, lock_id=lock_id, actor=WHO, force=force, now=school.now)


def move(school: School, lock_id: str, access_point_id: int) -> None:
    with school.database.transaction() as session:
        moving.move(
            session,
            school.keyring,
            school.callbacks,
            lock_id=lock_id,
            access_point_id=access_point_id,
            actor=WHO,
            now=school.now,
        )


def row(school: School, lock_id: str) -> Any:
    return school.one(sa.select(Lock).where(Lock.id == lock_id))


def lasting(school: School, kind: AlarmKind) -> list[int]:
    """The access points for which such an alarm lasts."""
    return [
        found.access_point_id
        for found in school.rows(
            sa.select(Alarm.access_point_id).where(Alarm.kind == str(kind), Alarm.ended_at.is_(None))
        )
    ]


def acts(school: School) -> list[str]:
    return [found.act for found in school.rows(sa.select(AuditEntry.act).order_by(AuditEntry.number))]


def test_a_replaced_lock_is_dead_and_its_successor_opens_for_the_codes_that_people_hold(
    school: School,
) -> None:
    old_parts = fit(school, school.gym)
    old = CoreLock(school, old_parts)
    holder = school.issue(running(school))
    old.sync()
    code, before = shown(school, holder)[school.gym]
    assert (before, old.opens_for(code)) == (Standing.ON_THE_LOCK, True)

    new_parts = replaced(school, old.id)
    # Nobody knows yet whether its installer typed the secrets in.
    assert shown(school, holder)[school.gym] == (code, Standing.CALL_US)
    new = CoreLock(school, new_parts)
    assert shown(school, holder)[school.gym] == (code, Standing.ON_THE_LOCK)
    assert new.opens_for(code)
    assert (row(school, old.id).state, row(school, old.id).dead_why) == ("dead", "replaced")
    assert school.notes.changed_codes == []
    assert new_parts.root != old_parts.root
    # A second tap finds it dead already, and makes no second lock.
    with pytest.raises(LockIsDead):
        replaced(school, old.id)
    assert len(school.rows(sa.select(Lock.id))) == 2
    # The control: the same lock with a code root of its own opens for nothing.
    mistyped = CoreLock(school, replaced(school, new.id), code_root=bytes(32))
    assert not mistyped.opens_for(code)


def test_whatever_a_dead_lock_says_counts_no_more(school: School) -> None:
    old = CoreLock(school, fit(school, school.gym))
    n = row(school, old.id).last_n
    replaced(school, old.id)
    old.heard.clear()
    old.sync()
    assert old.heard == []
    assert row(school, old.id).last_n == n
    assert {found.why for found in school.rows(sa.select(QuarantinedMessage.why))} == {"unknown_lock"}


def test_a_stolen_lock_takes_nothing_along_that_opens_its_door_again(school: School) -> None:
    gate_point = point(school, "校門", with_gym=True)
    gym, gate_parts = CoreLock(school, fit(school, school.gym)), fit(school, gate_point)
    gate = CoreLock(school, gate_parts)
    holder = school.issue(running(school), points=[school.gym, gate_point])
    gym.sync()
    gate.sync()
    code = shown(school, holder)[school.gym][0]
    assert shown(school, holder)[gate_point][0] == code
    emergency = {
        found.gid for found in school.rows(sa.select(StaffCode.gid).where(StaffCode.withdrawn_at.is_(None)))
    }

    report_stolen(school, gate.id)
    assert row(school, gate.id).dead_why == "stolen"
    assert school.notes.changed_codes == [holder]
    # The gate's next lock computes other codes; the gym's goes on by what it has in its flash.
    new_gate = CoreLock(school, fit(school, gate_point))
    new_code = shown(school, holder)[gate_point][0]
    assert new_code != code
    assert new_gate.opens_for(new_code)
    assert not new_gate.opens_for(code)
    assert shown(school, holder)[school.gym] == (code, Standing.ON_THE_LOCK)
    assert gym.opens_for(code)
    assert not gym.opens_for(new_code)
    # Staff learn which lock has to be provisioned anew, and every emergency code of the group is another.
    assert lasting(school, AlarmKind.REPROVISION_NEEDED) == [school.gym]
    now_valid = {
        found.gid for found in school.rows(sa.select(StaffCode.gid).where(StaffCode.withdrawn_at.is_(None)))
    }
    assert now_valid
    assert not now_valid & emergency

    new_gym = CoreLock(school, replaced(school, gym.id))
    assert school.notes.changed_codes == [holder, holder]
    assert shown(school, holder)[school.gym][0] == new_code
    assert new_gym.opens_for(new_code)
    assert not new_gym.opens_for(code)
    assert lasting(school, AlarmKind.REPROVISION_NEEDED) == []
    assert acts(school).count("lock.stolen") == 1


def test_another_makers_lock_of_the_group_is_given_other_digits(school: School) -> None:
    gate_point = point(school, "校門", with_gym=True)
    gym = fit(school, school.gym)
    with school.database.transaction() as session:
        gate = add_vendor_lock(
            session,
            school.keyring,
            access_point_id=gate_point,
            vendor="remotelock",
            vendor_ref="見本",
            actor=WHO,
            now=school.now,
        )
    holder = school.issue(running(school), points=[school.gym, gate_point])
    before = shown(school, holder)[gate_point][0]
    report_stolen(school, gym.lock)
    assert shown(school, holder)[gate_point][0] != before
    # The new epoch is what makes the loop put them; the lock keeps no root that could be an old one.
    assert school.one(sa.select(CodeGroup)).code_epoch == 1
    assert row(school, gate).wrapped_code_root is None
    assert school.notes.changed_codes == [holder]
    assert lasting(school, AlarmKind.REPROVISION_NEEDED) == []


def test_a_code_epoch_does_not_heal_what_a_thief_has(school: School) -> None:
    parts = fit(school, school.gym)
    lock = CoreLock(school, parts)
    window = running(school)
    holder = school.issue(window)
    lock.sync()
    group = school.one(sa.select(CodeGroup))
    with school.database.transaction() as session:
        epochs.rotate_code_epoch(
            session, school.callbacks, code_group_id=group.id, code_epoch=0, actor=WHO, now=school.now
        )
    lock.sync()
    grant = school.one(sa.select(Grant))
    stolen_key = subkey(parts.code_root, "code", 1)
    guessed = code_of(stolen_key, grant.granule, grant.length, grant.lane, grant.rev)
    assert shown(school, holder)[school.gym][0] == guessed
    assert lock.opens_for(guessed)
    # What does heal it: the same thief knows nothing of the next lock's codes.
    report_stolen(school, lock.id)
    successor = CoreLock(school, fit(school, school.gym))
    assert not successor.opens_for(guessed)
    assert successor.opens_for(shown(school, holder)[school.gym][0])


def test_codes_of_a_new_epoch_are_shown_and_told_when_the_lock_has_them(school: School) -> None:
    lock = CoreLock(school, fit(school, school.gym))
    holder = school.issue(running(school))
    lock.sync()
    code = shown(school, holder)[school.gym][0]
    group = school.one(sa.select(CodeGroup))
    for _ in range(2):
        # The second tap finds the group at another epoch than the one it saw.
        with school.database.transaction() as session:
            epochs.rotate_code_epoch(
                session, school.callbacks, code_group_id=group.id, code_epoch=0, actor=WHO, now=school.now
            )
    assert school.one(sa.select(CodeGroup)).code_epoch == 1
    assert shown(school, holder)[school.gym][0] == code
    assert school.notes.changed_codes == []
    lock.sync()
    new_code = shown(school, holder)[school.gym][0]
    assert new_code != code
    assert school.notes.changed_codes == [holder]
    assert lock.opens_for(new_code)
    assert not lock.opens_for(code)


def test_a_lock_takes_up_the_next_mac_epoch_and_is_answered_under_it(school: School) -> None:
    lock = CoreLock(school, fit(school, school.gym))
    for _ in range(2):
        with school.database.transaction() as session:
            epochs.rotate_mac_epoch(session, lock_id=lock.id, actor=WHO, now=school.now)
    assert (row(school, lock.id).mac_epoch, row(school, lock.id).next_mac_epoch) == (0, 1)
    lock.sync()
    assert (row(school, lock.id).mac_epoch, row(school, lock.id).next_mac_epoch) == (1, None)
    # What is retained was signed under the old epoch, so that it is due again.
    assert row(school, lock.id).publish_due_at is not None
    n = row(school, lock.id).last_n
    lock.sync()
    assert row(school, lock.id).last_n > n
    assert row(school, lock.id).result == "ok"
    assert acts(school).count("lock.rotate_mac_epoch") == 1


def test_a_decommissioned_lock_is_dead_once_it_has_nothing_left(school: School) -> None:
    lock = CoreLock(school, fit(school, school.gym))
    holder = school.issue(running(school))
    lock.sync()
    code = shown(school, holder)[school.gym][0]
    decommission(school, lock.id)
    assert row(school, lock.id).state == "retiring"
    assert shown(school, holder)[school.gym][1] == Standing.CALL_US
    version = row(school, lock.id).desired_version
    decommission(school, lock.id)
    school.issue(school.slot(4))
    assert row(school, lock.id).desired_version == version
    with pytest.raises(AlreadyFitted):
        fit(school, school.gym)

    lock.sync()
    held = lock.state.desired
    assert (list(held.grants), list(held.sellable), list(held.staff)) == ([], [], [])
    assert (row(school, lock.id).state, row(school, lock.id).dead_why) == ("dead", "decommissioned")
    assert row(school, lock.id).clear_due_at is not None
    lock.network = False
    assert not lock.opens_for(code)
    assert acts(school)[-2:] == ["lock.decommission", "lock.emptied"]
    assert fit(school, school.gym).lock != lock.id


def test_a_retiring_lock_lives_until_all_it_saw_is_stored(school: School) -> None:
    door = school.fit()
    school.contact(door)
    decommission(school, door.id)
    for _ in range(60):
        door.happens("door_state_change", int(school.now.timestamp()))
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert answer.desired is not None
    door.take_desired(answer.desired)
    door.take_welcome(answer.welcome)
    # Of sixty records fifty travel at a time.
    assert row(school, door.id).state == "retiring"
    welcome = school.contact(door)
    assert welcome["ack_seq"] == 60
    assert row(school, door.id).state == "dead"


def test_a_lock_that_is_out_of_reach_can_be_ended_by_force(school: School) -> None:
    lock = CoreLock(school, fit(school, school.gym))
    decommission(school, lock.id)
    decommission(school, lock.id, force=True)
    assert row(school, lock.id).state == "dead"
    silent = fit(school, school.gym)
    # One that never spoke holds nothing: there is nothing to wait for.
    decommission(school, silent.lock)
    assert row(school, silent.lock).state == "dead"


def test_a_moved_lock_leaves_no_right_of_its_old_door_behind(school: School) -> None:
    other = point(school, "武道場", with_gym=False)
    lock = CoreLock(school, fit(school, school.gym))
    lock.turn_thumb("unlocked")
    lock.turn_thumb("locked")
    lock.sync()
    assert row(school, lock.id).state == "active"
    stays = school.issue(running(school))
    comes = school.issue(running(school), points=[other])
    lock.sync()
    old_code, version = shown(school, stays)[school.gym][0], row(school, lock.id).desired_version
    assert lock.opens_for(old_code)

    move(school, lock.id, other)
    moved = row(school, lock.id)
    assert (moved.state, moved.access_point_id, moved.desired_version) == ("provisioned", other, version + 1)
    assert shown(school, stays)[school.gym][1] == Standing.CALL_US
    new_code, told = shown(school, comes)[other]
    assert told == Standing.PENDING
    assert set(school.notes.changed_codes) == {stays, comes}
    lock.sync()
    assert shown(school, comes)[other] == (new_code, Standing.ON_THE_LOCK)
    assert lock.opens_for(new_code)
    assert not lock.opens_for(old_code)
    # It has to show itself on its new door, and does.
    assert row(school, lock.id).state == "active"
    # The old door's next lock shares no secret with it.
    successor = CoreLock(school, fit(school, school.gym))
    assert successor.opens_for(shown(school, stays)[school.gym][0])
    assert not successor.opens_for(old_code)
    assert acts(school).count("lock.move") == 1


def test_a_second_tap_on_move_changes_nothing(school: School) -> None:
    other = point(school, "武道場", with_gym=False)
    lock = fit(school, school.gym)
    move(school, lock.lock, other)
    version = row(school, lock.lock).desired_version
    move(school, lock.lock, other)
    assert row(school, lock.lock).desired_version == version


def test_a_lock_does_not_carry_a_shared_secret_to_another_door(school: School) -> None:
    gate, other = point(school, "校門", with_gym=True), point(school, "武道場", with_gym=False)
    gym = fit(school, school.gym)
    fit(school, gate)
    with pytest.raises(SharedCode):
        move(school, gym.lock, other)
    assert row(school, gym.lock).access_point_id == school.gym
    # The control: within its group it may.
    decommission(school, row_at(school, gate), force=True)
    move(school, gym.lock, gate)
    assert row(school, gym.lock).access_point_id == gate


def row_at(school: School, access_point_id: int) -> str:
    """The living lock there."""
    found: str = school.one(
        sa.select(Lock.id).where(Lock.access_point_id == access_point_id, Lock.state != "dead")
    )
    return found


def test_what_a_moved_lock_saw_at_its_old_door_stays_there(school: School) -> None:
    other = point(school, "武道場", with_gym=False)
    lock = CoreLock(school, fit(school, school.gym))
    holder = school.issue(running(school))
    lock.sync()
    lock.network = False
    assert lock.opens_for(shown(school, holder)[school.gym][0])
    move(school, lock.id, other)
    lock.network = True
    lock.sync()
    assert [opened[0] for opened in school.notes.opened] == [holder]


def test_revs_are_chosen_free_under_every_root_that_a_lock_may_use(school: School) -> None:
    gate_point = point(school, "校門", with_gym=True)
    gym, gate = fit(school, school.gym), fit(school, gate_point)
    report_stolen(school, gate.lock)
    fit(school, gate_point)
    holder = school.issue(running(school), points=[school.gym, gate_point])
    grants = school.rows(sa.select(Grant.rev).where(Grant.holder == holder))
    assert len({found.rev for found in grants}) == 1
    codes = shown(school, holder)
    assert codes[school.gym][0] != codes[gate_point][0]
    assert row(school, gym.lock).wrapped_code_root is not None
