"""The database comes back as it was a day ago, while locks and people have gone on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.database import Base, Database
from core.errors import BadInput
from core.window import Window
from locks.models import CodeGroup, Grant, Lock
from locks.restore import after_restore
from locks.standing import codes_of
from tests.integration.locks.conftest import LEFT, TOWN, School
from tests.integration.locks.door import Door

Backup = list[tuple[sa.Table, list[dict[str, Any]]]]


def back_up(database: Database) -> Backup:
    """Every row of every table."""
    with database.reading() as session:
        return [
            (table, [dict(row._mapping) for row in session.execute(sa.select(table))])
            for table in Base.metadata.sorted_tables
        ]


def put_back(database: Database, backup: Backup) -> None:
    """The database as it was."""
    with database.transaction() as session:
        for table, _ in reversed(backup):
            session.execute(sa.delete(table))
        for table, rows in backup:
            if rows:
                session.execute(sa.insert(table), rows)


def restored(school: School, *, name: str = "morning", times: int = 1) -> dict[int, int]:
    with school.database.transaction() as session:
        return after_restore(session, restore_id=name, times=times, actor="operator", now=school.now)


def code(school: School, holder: UUID) -> str:
    with school.database.reading() as session:
        (shown,) = codes_of(session, school.keyring, holder=holder, now=school.now)
        return shown.code


def rev(school: School, holder: UUID) -> int:
    found: int = school.one(sa.select(Grant.rev).where(Grant.holder == holder))
    return found


def accepts(door: Door, window: Window, of_rev: int, lane: int = 0) -> bool:
    """Whether the lock would open for the code by itself: granted, or derivable (protocol 6, 3 and 4)."""
    granules = window.granules
    floors = {(granule, at): floor for granule, at, floor in door.desired["floors"]}
    floor = floors.get((granules.start, lane), 0)
    if [granules.start, len(granules), lane, of_rev] in door.desired["grants"]:
        return of_rev >= floor
    listed = any(
        granule == granules.start and len(granules) in lengths and mask >> lane & 1
        for granule, lengths, mask in door.desired["sellable"]
    )
    return bool(listed and floor <= of_rev <= floor + 2)


def a_day_is_lost(school: School, *, tell: bool) -> tuple[Door, Window, str, str]:
    """Fit, back up, sell a window, let the lock hear of it, restore, sell the window again; both codes."""
    door = school.fit()
    school.contact(door)
    backup = back_up(school.database)
    school.clock.at += timedelta(hours=20)
    window = school.slot(hours=24)
    lost = code(school, school.issue(window))
    school.contact(door)
    put_back(school.database, backup)
    if tell:
        restored(school)
    return door, window, lost, code(school, school.issue(window))


def test_nobody_gets_the_code_of_a_lost_booking(school: School) -> None:
    _, _, lost, new = a_day_is_lost(school, tell=True)
    assert lost != new


def test_without_raising_the_revs_two_parties_would_hold_one_code(school: School) -> None:
    _, _, lost, new = a_day_is_lost(school, tell=False)
    assert lost == new


def test_a_lock_that_is_ahead_takes_what_we_say_and_opens_for_the_new_holder(school: School) -> None:
    door, window, _, _ = a_day_is_lost(school, tell=True)
    ahead = door.applied
    school.contact(door)
    assert door.applied > ahead
    assert accepts(door, window, 3)
    assert not accepts(door, window, 0)


def test_a_start_nobody_holds_can_be_sold_and_derived_after_the_next_contact(school: School) -> None:
    door = school.fit()
    school.contact(door)
    window = school.slot(hours=30)
    assert school.may_sell(window)
    restored(school)
    assert not school.may_sell(window), "the lock would still derive from floor 0"
    school.contact(door)
    assert school.may_sell(window)
    holder = school.issue(window)
    assert rev(school, holder) == 3
    assert accepts(door, window, rev(school, holder))
    assert not accepts(door, window, 0)


def test_codes_sold_before_the_backup_open_as_before(school: School) -> None:
    door = school.fit()
    window = school.slot(hours=30)
    holder = school.issue(window)
    school.contact(door)
    before = code(school, holder)
    restored(school)
    school.contact(door)
    assert code(school, holder) == before
    assert accepts(door, window, rev(school, holder))


def test_after_a_cancellation_the_next_holder_is_above_whatever_was_lost(school: School) -> None:
    door = school.fit()
    window = school.slot(hours=30)
    holder = school.issue(window)
    restored(school)
    school.contact(door)
    school.withdraw(holder)
    assert not school.may_sell(window)
    school.contact(door)
    assert school.may_sell(window)
    again = school.issue(window)
    assert rev(school, again) == 0 + 1 + 3
    assert accepts(door, window, 4)
    assert not accepts(door, window, 0)


def test_someone_who_holds_a_raised_rev_does_not_reopen_what_lies_below(school: School) -> None:
    door = school.fit()
    restored(school)
    window = school.slot(hours=30)
    school.issue(window)
    school.contact(door)
    assert not any(accepts(door, window, of_rev) for of_rev in (0, 1, 2))


def test_the_same_restore_counts_once_and_another_counts_again(school: School) -> None:
    door = school.fit()
    school.contact(door)
    assert restored(school) == {TOWN: 1}
    assert restored(school) == {}
    assert restored(school, name="evening", times=2) == {TOWN: 1}
    assert school.one(sa.select(CodeGroup.restores)) == 3
    acts = school.rows(sa.select(AuditEntry.subject).where(AuditEntry.act == "locks.after_restore"))
    assert [act.subject for act in acts] == ["morning", "evening"]
    window = school.slot(hours=30)
    assert rev(school, school.issue(window)) == 9


def test_restored_twice_from_one_backup_nothing_sold_in_between_is_sold_again(school: School) -> None:
    school.fit()
    backup = back_up(school.database)
    window = school.slot(hours=30)
    revs: list[int] = []
    for times in (1, 2):
        put_back(school.database, backup)
        restored(school, times=times)
        revs.append(rev(school, school.issue(window, courts=(LEFT,))))
    assert revs == [3, 6]


def test_a_lock_that_changed_its_mac_epoch_since_the_backup_is_understood(school: School) -> None:
    school.fit()
    restored(school)
    lock = school.one(sa.select(Lock))
    assert (lock.mac_epoch, lock.next_mac_epoch) == (0, 1)


@pytest.mark.parametrize(("name", "times"), [("", 1), ("x" * 65, 1), ("x", 0)])
def test_a_restore_without_a_name_is_refused(school: School, name: str, times: int) -> None:
    with pytest.raises(BadInput):
        restored(school, name=name, times=times)


def test_while_no_backup_was_restored_no_floor_is_listed_for_a_start_nobody_had(school: School) -> None:
    door = school.fit()
    school.contact(door)
    listed: Sequence[Any] = door.desired["floors"]
    assert listed == []
