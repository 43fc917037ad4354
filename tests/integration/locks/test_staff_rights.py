"""Staff codes: drawn, listed as verifiers on each lock, open in their validity at a real lock core."""

import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from core import audit
from core.audit import AuditEntry
from core.database import retrying
from core.errors import BadInput, NotThere, Unavailable
from locks import desired_state
from locks.codes import staff_verifier
from locks.installation import add_access_point
from locks.keys import lock_binding, subkey
from locks.lists import MAX_OCTETS
from locks.models import AccessPoint, CodeGroup, Lock, LockState
from locks.staff import codes, queries, rights, verifiers
from locks.staff.errors import OwnRight, TooManyStaffCodes
from locks.staff.models import StaffCode, StaffKind, StaffRight
from tests.integration.locks.conftest import TOWN, School
from tests.integration.locks.staff import MANAGER, digits, end, fit, give, living
from tests.unit.locks.golden import sets

STAFF = StaffKind.STAFF
DAY = timedelta(days=1)


def desired(school: School, lock_id: str) -> dict:
    with school.database.transaction() as session:
        stored = desired_state.build(
            session, school.keyring, school.callbacks, lock_id=lock_id, now=school.now
        )
    return json.loads(stored.payload)


def listed(school: School, lock_id: str) -> list[list]:
    """What the lock is told of persons."""
    return [row for row in desired(school, lock_id)["staff"] if row[1] == "staff"]


def another_point(school: School, *, with_gym: bool) -> int:
    with school.database.transaction() as session:
        group = session.get_one(AccessPoint, school.gym).code_group_id if with_gym else None
        return add_access_point(
            session,
            municipality_id=TOWN,
            name="門",
            kind="gate",
            courts=[1, 2],
            code_group_id=group,
            now=school.now,
        )


def test_a_staff_code_opens_in_its_validity_and_not_outside(school: School) -> None:
    lock = fit(school)
    give(school, begins_in=timedelta(hours=3), lasts_for=timedelta(hours=5))
    code = digits(school, STAFF)
    lock.sync()
    assert not lock.opens_for(code)
    lock.sleep(timedelta(hours=3))
    assert lock.opens_for(code)
    lock.network = False
    lock.sleep(timedelta(hours=1))
    assert lock.opens_for(code)
    lock.sleep(timedelta(hours=4))
    assert not lock.opens_for(code)


def test_an_ended_right_opens_until_the_next_contact_and_never_after(school: School) -> None:
    lock = fit(school)
    right = give(school)
    code = digits(school, STAFF)
    lock.sync()
    assert lock.opens_for(code)
    end(school, right)
    lock.sync()
    assert not lock.opens_for(code)


def test_a_guess_opens_nothing(school: School) -> None:
    lock = fit(school)
    give(school)
    lock.sync()
    code = digits(school, STAFF)
    assert not lock.opens_for(f"{(int(code) + 1) % 10**10:010}")


def test_a_lock_fitted_later_knows_the_right_too(school: School) -> None:
    give(school)
    assert fit(school).opens_for(digits(school, STAFF))
    gate = fit(school, another_point(school, with_gym=True))
    assert gate.opens_for(digits(school, STAFF))


def test_each_group_has_digits_of_its_own_and_each_lock_verifiers_of_its_own(school: School) -> None:
    gate = another_point(school, with_gym=True)
    hall = another_point(school, with_gym=False)
    locks = [fit(school, point).id for point in (school.gym, gate, hall)]
    give(school, points=[school.gym, hall])
    of_gym, of_gate, of_hall = (listed(school, lock_id)[0] for lock_id in locks)
    assert of_gym[0] == of_gate[0] != of_hall[0]
    assert len({row[4] for row in (of_gym, of_gate, of_hall)}) == 3
    assert len({codes.digits_of(school.keyring, code) for code in living(school, STAFF)}) == 2


def test_the_list_is_what_the_protocol_computes_sorted_and_without_what_is_over(school: School) -> None:
    lock = fit(school)
    lasting = [give(school), give(school, begins_in=3 * DAY)]
    end(school, give(school))
    give(school, lasts_for=timedelta(hours=1))
    school.clock.at += timedelta(hours=2)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(desired_version=Lock.desired_version + 1))
    staff = desired(school, lock.id)["staff"]
    assert staff == sorted(staff)
    key = subkey(lock.fitted.root, "grant", 0)
    for right_id, (gid, kind, not_before, not_after, verifier) in zip(
        sorted(lasting),
        sorted((row for row in staff if row[1] == "staff"), key=lambda row: row[2]),
        strict=True,
    ):
        code = school.one(sa.select(StaffCode).where(StaffCode.gid == gid))
        right = school.one(sa.select(StaffRight).where(StaffRight.id == right_id))
        assert code.staff_right_id == right_id
        assert (kind, not_before) == ("staff", int(right.not_before.timestamp()))
        assert not_after == int(right.not_after.timestamp())
        assert verifier == staff_verifier(key, gid, codes.digits_of(school.keyring, code))


def test_giving_and_ending_make_a_version_each_and_a_second_end_none(school: School) -> None:
    lock = fit(school)
    before = school.one(sa.select(Lock.desired_version))
    right = give(school)
    end(school, right)
    end(school, right)
    assert school.one(sa.select(Lock.desired_version)) == before + 2
    assert listed(school, lock.id) == []


def test_a_lock_that_is_being_wiped_is_told_no_codes(school: School) -> None:
    lock = fit(school)
    give(school)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state=LockState.RETIRING))
    with school.database.transaction() as session:
        found = verifiers.rows_for(session, school.keyring, session.get_one(Lock, lock.id), now=school.now)
    assert found == []


def test_weak_digits_and_digits_that_were_somebodys_are_drawn_again(school: School) -> None:
    right = give(school)
    taken = digits(school, STAFF)
    draws = iter(["7777777777", "0123456789", "9876543210", taken, "3141592653"])
    other = another_point(school, with_gym=False)
    with school.database.transaction() as session:
        group = session.get_one(AccessPoint, other).code_group_id
        gid = codes.issue(
            session,
            school.keyring,
            staff_right_id=right,
            kind=STAFF,
            code_group_id=group,
            now=school.now,
            draw=lambda: next(draws),
        )
    made = school.one(sa.select(StaffCode).where(StaffCode.gid == gid))
    assert codes.digits_of(school.keyring, made) == "3141592653"


def test_a_source_that_only_repeats_itself_is_given_up(school: School) -> None:
    right = give(school)
    taken = digits(school, STAFF)
    with pytest.raises(Unavailable), school.database.transaction() as session:
        codes.issue(
            session,
            school.keyring,
            staff_right_id=right,
            kind=STAFF,
            code_group_id=1,
            now=school.now,
            draw=lambda: taken,
        )


def test_without_drawing_again_the_table_still_refuses_equal_digits(school: School) -> None:
    right = give(school)
    digest = codes.code_digest(school.keyring, digits(school, STAFF))
    twin = StaffCode(
        gid="s-twin",
        staff_right_id=right,
        code_group_id=1,
        wrapped_code=b"-",
        code_digest=digest,
        issued_at=school.now,
    )
    with pytest.raises(IntegrityError), school.database.transaction() as session:
        session.add(twin)


def test_nobody_gives_a_right_to_oneself(school: School) -> None:
    person = UUID(int=5)
    with pytest.raises(OwnRight):
        give(school, person=person, actor=str(person))
    give(school, person=person)
    assert len(living(school, STAFF)) == 1


def test_an_access_point_of_elsewhere_is_not_there(school: School) -> None:
    with pytest.raises(NotThere):
        give(school, points=[school.gym, 9999])
    with school.database.transaction() as session:
        foreign = add_access_point(
            session, municipality_id=TOWN + 1, name="-", kind="gate", courts=[9], now=school.now
        )
    with pytest.raises(NotThere):
        give(school, points=[school.gym, foreign])
    right = give(school)
    with pytest.raises(NotThere), school.database.transaction() as session:
        rights.end(session, municipality_id=TOWN + 1, staff_right_id=right, actor=MANAGER, now=school.now)


@pytest.mark.parametrize(
    "changed",
    [
        {"begins_in": -2 * DAY, "lasts_for": DAY},
        {"lasts_for": timedelta(0)},
        {"lasts_for": timedelta(days=401)},
        {"label": " "},
        {"label": "a\nb"},
    ],
)
def test_a_right_that_makes_no_sense_is_refused(school: School, changed: dict) -> None:
    with pytest.raises(BadInput):
        give(school, **changed)
    assert living(school, STAFF) == []


def test_a_full_group_takes_no_more_and_its_lock_still_has_room_for_what_is_sold(school: School) -> None:
    lock = fit(school)
    for _ in range(rights.MAX_CODES_PER_GROUP):
        last = give(school)
    with pytest.raises(TooManyStaffCodes):
        give(school)
    claims = desired(school, lock.id)
    assert len(json.dumps(claims, separators=(",", ":"))) <= MAX_OCTETS
    assert len(claims["staff"]) == rights.MAX_CODES_PER_GROUP + 1
    assert claims["sellable"]
    end(school, last)
    give(school)
    assert len(living(school, STAFF)) == rights.MAX_CODES_PER_GROUP


def test_the_same_right_given_at_once_by_one_hand_is_one(school: School) -> None:
    began, made = threading.Barrier(2), []

    def once() -> int:
        return give(school, person=UUID(int=5))

    def run() -> None:
        began.wait(20)
        made.append(retrying(once))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(made) == 2
    assert len(set(made)) == 1
    assert len(living(school, STAFF)) == 1


def test_a_person_sees_own_digits_in_their_time_and_a_manager_none(school: School) -> None:
    person = UUID(int=5)
    give(school, person=person, begins_in=DAY, lasts_for=DAY)
    code = digits(school, STAFF)
    seen = []
    for _ in range(3):
        with school.database.reading() as session:
            own = queries.codes_of_person(session, school.keyring, person=person, now=school.now)
            lines = queries.rights_of(session, municipality_id=TOWN, now=school.now)
        seen.append([each.codes[0].code for each in own])
        assert code not in repr(own) + repr(lines)
        school.clock.at += DAY + timedelta(minutes=1)
    assert seen == [[None], [code], []]


def test_no_digits_are_in_the_audit_chain_and_it_holds(school: School) -> None:
    end(school, give(school))
    give(school)
    with school.database.reading() as session:
        entries = session.scalars(sa.select(AuditEntry)).all()
        assert audit.first_broken(session, TOWN) is None
    acts = [entry.act for entry in entries]
    assert acts.count("staff_right.give") == 2
    assert acts.count("staff_right.end") == 1
    assert digits(school, STAFF) not in "".join(str(entry.detail) for entry in entries)


@pytest.mark.parametrize("vector", sets(), ids=lambda vector: vector["lock"])
def test_rows_that_say_what_a_golden_vector_says_give_its_list(school: School, vector: dict) -> None:
    root = bytes.fromhex(vector["root"])
    with school.database.transaction() as session:
        session.execute(sa.delete(StaffCode))
        group = session.get_one(AccessPoint, school.gym).code_group_id
        session.execute(sa.update(CodeGroup).values(code_epoch=vector["epoch"]))
        lock = Lock(
            id=vector["lock"],
            municipality_id=TOWN,
            access_point_id=school.gym,
            added_at=school.now,
            wrapped_root=school.keyring.wrap(root, bound_to=lock_binding(vector["lock"])),
            broker_password_hash="-",
        )
        session.add(lock)
        for gid, kind, not_before, not_after, _ in vector["desired"]["staff"]:
            code = vector["staff_codes"][gid]
            right = StaffRight(
                municipality_id=TOWN,
                kind=kind,
                label="-",
                not_before=datetime.fromtimestamp(not_before, UTC),
                not_after=datetime.fromtimestamp(not_after, UTC),
                given_by=MANAGER,
                given_at=school.now,
            )
            session.add(right)
            session.flush()
            session.add(
                StaffCode(
                    gid=gid,
                    staff_right_id=right.id,
                    code_group_id=group,
                    wrapped_code=school.keyring.wrap(code.encode(), bound_to=f"staff_code/{gid}"),
                    code_digest=codes.code_digest(school.keyring, code),
                    issued_at=school.now,
                )
            )
        session.flush()
        then = datetime.fromtimestamp(min(row[3] for row in vector["desired"]["staff"]), UTC)
        assert verifiers.rows_for(session, school.keyring, lock, now=then) == vector["desired"]["staff"]
