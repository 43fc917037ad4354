"""Locks that keep plain PINs: the loop makes the vendor's cloud hold what the grants say."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from locks import life, standing
from locks.alarms.models import Alarm
from locks.models import Lock, LockEvent, LockState
from locks.vendors.fitting import add_vendor_lock
from locks.vendors.models import PinState, VendorPin
from locks.vendors.port import PinOrder
from locks.vendors.reconcile import VendorLoop
from locks.vendors.registry import clouds_of
from tests.integration.locks.conftest import School
from tests.servers.vendor_cloud import Device, VendorCloud, running_vendor_cloud


@pytest.fixture
def cloud() -> Iterator[VendorCloud]:
    with running_vendor_cloud() as running:
        running.devices["gym"] = Device("gym")
        yield running


class Vendor:
    """A gym whose lock is a vendor's, and the worker's hands."""

    def __init__(self, school: School, cloud: VendorCloud) -> None:
        self.school, self.cloud = school, cloud
        self.clouds = clouds_of({"remotelock": cloud.account})
        self.lock_id = self.fit()

    def fit(self, vendor: str = "remotelock") -> str:
        with self.school.database.transaction() as session:
            return add_vendor_lock(
                session,
                self.school.keyring,
                access_point_id=self.school.gym,
                vendor=vendor,
                vendor_ref="gym",
                actor="system",
                now=self.school.now,
            )

    def loop(self, clouds: dict[str, Any] | None = None) -> VendorLoop:
        school = self.school
        return VendorLoop(
            school.database,
            school.keyring,
            school.callbacks,
            self.clouds if clouds is None else clouds,
            school.clock,
        )

    def work(self, minutes: float = 0) -> None:
        """What the worker does, `minutes` later."""
        self.school.clock.at += timedelta(minutes=minutes)
        for _ in range(3):
            self.loop().reconcile()

    def heartbeat(self) -> None:
        self.cloud.heartbeat("gym", self.school.now)

    def state(self, holder: UUID) -> str | None:
        from locks.models import Grant

        found = self.school.rows(
            sa.select(VendorPin.state)
            .join(Grant, Grant.id == VendorPin.grant_id)
            .where(Grant.holder == holder, VendorPin.lock_id == self.lock_id)
        )
        return str(found[0][0]) if found else None

    def digits(self, holder: UUID) -> str:
        with self.school.database.reading() as session:
            shown = standing.codes_of(session, self.school.keyring, holder=holder, now=self.school.now)
        return shown[0].code


@pytest.fixture
def vendor(school: School, cloud: VendorCloud) -> Vendor:
    return Vendor(school, cloud)


def test_a_grant_becomes_a_pin_that_opens_with_the_digits_its_owner_sees(vendor: Vendor) -> None:
    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    vendor.work()
    assert vendor.state(holder) == PinState.SENT
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.state(holder) == PinState.ON_THE_LOCK
    code = vendor.digits(holder)
    assert vendor.cloud.opens("gym", code, window.starts_at - timedelta(seconds=600))
    assert vendor.cloud.opens("gym", code, window.ends_at + timedelta(seconds=900))
    assert not vendor.cloud.opens("gym", code, window.starts_at - timedelta(seconds=601))
    assert not vendor.cloud.opens("gym", code, window.ends_at + timedelta(seconds=901))


def test_a_withdrawn_pin_is_revoking_until_the_vendor_says_that_the_lock_forgot_it(vendor: Vendor) -> None:
    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    code = vendor.digits(holder)
    vendor.school.withdraw(holder)
    vendor.work()
    assert vendor.state(holder) == PinState.REVOKING
    assert vendor.cloud.opens("gym", code, window.starts_at), "the lock has not heard of it"
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.state(holder) == PinState.GONE
    assert not vendor.cloud.opens("gym", code, window.starts_at)


def test_running_the_loop_again_and_again_changes_nothing(vendor: Vendor) -> None:
    vendor.school.issue(vendor.school.slot())
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    vendor.cloud.calls.clear()
    vendor.work()
    vendor.work()
    assert vendor.cloud.calls == []
    assert len(vendor.cloud.guests) == 1


def test_rights_that_exist_when_the_lock_is_fitted_follow(school: School, cloud: VendorCloud) -> None:
    holder = school.issue(school.slot())
    vendor = Vendor(school, cloud)
    vendor.work()
    assert vendor.state(holder) == PinState.SENT


def test_a_cloud_that_is_away_is_tried_again_and_makes_one_pin(vendor: Vendor) -> None:
    holder = vendor.school.issue(vendor.school.slot())
    vendor.cloud.faults = ["lost_answer", "away"]
    vendor.work()
    assert vendor.state(holder) == PinState.WANTED
    vendor.work(5)
    vendor.work(5)
    assert vendor.state(holder) == PinState.SENT
    assert len(vendor.cloud.guests) == 1


def test_a_worker_that_dies_after_the_call_leaves_a_row_that_makes_no_second_pin(vendor: Vendor) -> None:
    holder = vendor.school.issue(vendor.school.slot())

    class Dies:
        def put(self, order: PinOrder) -> str:
            vendor.clouds["remotelock"].put(order)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vendor.loop({"remotelock": Dies()}).reconcile()
    assert vendor.state(holder) == PinState.WANTED
    vendor.work()
    assert vendor.state(holder) == PinState.WANTED, "its lease runs"
    vendor.work(6)
    assert vendor.state(holder) == PinState.SENT
    assert len(vendor.cloud.guests) == 1


def test_a_pin_withdrawn_while_it_is_being_put_is_taken_back_all_the_same(vendor: Vendor) -> None:
    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    code = vendor.digits(holder)

    class WithdrawnMeanwhile:
        def put(self, order: PinOrder) -> str:
            vendor.school.withdraw(holder)
            vendor.loop().reconcile()
            return vendor.clouds["remotelock"].put(order)

    vendor.loop({"remotelock": WithdrawnMeanwhile()}).reconcile()
    vendor.work(6)
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.state(holder) == PinState.GONE
    assert not vendor.cloud.opens("gym", code, window.starts_at)


def test_a_pin_that_the_cloud_forgot_is_put_again(vendor: Vendor) -> None:
    window = vendor.school.slot(hours=40)
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    vendor.cloud.forget_pin("guest-1")
    vendor.work(6 * 60 + 1)
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.state(holder) == PinState.ON_THE_LOCK
    assert vendor.cloud.opens("gym", vendor.digits(holder), window.starts_at)


def test_a_refusal_alarms_staff_at_the_third_time_and_not_before(vendor: Vendor) -> None:
    holder = vendor.school.issue(vendor.school.slot(hours=30))
    vendor.cloud.devices["gym"].refuses = True
    vendor.work()
    vendor.heartbeat()
    for _ in range(2):
        vendor.work(40)
    assert vendor.school.notes.alarms == []
    for _ in range(3):
        vendor.work(100)
    assert [alarm.kind for alarm in vendor.school.notes.alarms] == ["vendor_refused"]
    assert vendor.state(holder) == PinState.SENT


def test_a_vendor_that_the_settings_do_not_name_alarms_staff(vendor: Vendor) -> None:
    vendor.school.issue(vendor.school.slot(hours=30))
    for _ in range(4):
        vendor.loop({}).reconcile()
        vendor.school.clock.at += timedelta(minutes=20)
    assert [row.kind for row in vendor.school.rows(sa.select(Alarm.kind))] == ["vendor_refused"]


def test_a_new_code_epoch_replaces_every_pin(vendor: Vendor) -> None:
    from locks.models import CodeGroup

    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    old = vendor.digits(holder)
    with vendor.school.database.transaction() as session:
        session.execute(sa.update(CodeGroup).values(code_epoch=CodeGroup.code_epoch + 1))
    for _ in range(3):
        vendor.work(2)
        vendor.heartbeat()
    new = vendor.digits(holder)
    assert new != old
    assert vendor.cloud.opens("gym", new, window.starts_at)
    assert not vendor.cloud.opens("gym", old, window.starts_at)


def test_what_happened_at_the_lock_is_told_once_and_names_the_holder(vendor: Vendor) -> None:
    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.cloud.opens("gym", vendor.digits(holder), window.starts_at)
    vendor.school.clock.at = window.starts_at + timedelta(minutes=10)
    vendor.loop().watch()
    vendor.school.clock.at += timedelta(minutes=6)
    vendor.loop().watch()
    assert vendor.school.notes.opened == [(holder, window.starts_at, False)]
    events = vendor.school.rows(sa.select(LockEvent.seq, LockEvent.kind, LockEvent.holder))
    assert [tuple(event) for event in events] == [(1, "lock_operation", holder)]


def test_two_workers_that_read_the_same_record_tell_an_opening_once(vendor: Vendor) -> None:
    window = vendor.school.slot()
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.cloud.opens("gym", vendor.digits(holder), window.starts_at)
    vendor.school.clock.at = window.starts_at

    class Slow:
        """Answers after another worker, whose lease it outlived, has stored the same."""

        def status(self, *, lock_ref: str) -> Any:
            return vendor.clouds["remotelock"].status(lock_ref=lock_ref)

        def events(self, *, lock_ref: str, after: str | None) -> Any:
            found = vendor.clouds["remotelock"].events(lock_ref=lock_ref, after=after)
            vendor.school.clock.at += timedelta(minutes=3)
            vendor.loop().watch()
            vendor.school.notes.opened.clear()
            return found

    before = len(vendor.school.rows(sa.select(LockEvent.seq)))
    vendor.loop({"remotelock": Slow()}).watch()
    assert len(vendor.school.rows(sa.select(LockEvent.seq))) == before + 1


def test_a_lock_is_active_once_its_vendor_has_heard_it_and_shows_its_contact_and_battery(
    vendor: Vendor,
) -> None:
    vendor.loop().watch()
    assert vendor.school.one(sa.select(Lock.state)) == LockState.PROVISIONED
    vendor.heartbeat()
    heard = vendor.school.now
    vendor.cloud.devices["gym"].power_level = 20
    vendor.school.clock.at += timedelta(minutes=6)
    vendor.loop().watch()
    lock = vendor.school.one(sa.select(Lock))
    assert (lock.state, lock.last_contact_at) == (LockState.ACTIVE, heard)
    assert lock.next_sync_at == heard + timedelta(hours=12)
    assert [alarm.kind for alarm in vendor.school.notes.alarms] == ["battery_low"]
    vendor.cloud.devices["gym"].power_level = 100
    vendor.school.clock.at += timedelta(minutes=6)
    vendor.loop().watch()
    assert vendor.school.rows(sa.select(Alarm.id).where(Alarm.ended_at.is_(None))) == []


def test_only_a_start_that_the_next_heartbeat_reaches_is_sold(vendor: Vendor) -> None:
    school = vendor.school
    assert school.may_sell(school.slot(hours=1)), "people get a staff key until it has spoken"
    vendor.heartbeat()
    vendor.loop().watch()
    # The next one is in 12 hours; half an hour to spare, and doors open ten minutes early.
    assert not school.may_sell(school.slot(hours=11))
    assert school.may_sell(school.slot(hours=13))
    school.clock.at += timedelta(hours=13)
    assert not school.may_sell(school.slot(hours=13)), "it has missed one"
    assert school.may_sell(school.slot(hours=15 * 24))


def test_a_window_sold_too_near_would_find_the_door_shut(vendor: Vendor) -> None:
    # What the rule is for: the lock does not ask before its heartbeat.
    vendor.heartbeat()
    vendor.loop().watch()
    window = vendor.school.slot(hours=1)
    holder = vendor.school.issue(window)
    vendor.work()
    assert not vendor.cloud.opens("gym", vendor.digits(holder), window.starts_at)


def test_screens_say_of_a_plain_pin_what_they_say_of_any_code(vendor: Vendor) -> None:
    def says(holder: UUID) -> standing.Standing:
        with vendor.school.database.reading() as session:
            return standing.standings_of(session, holders=[holder], now=vendor.school.now)[holder]

    vendor.heartbeat()
    vendor.loop().watch()
    holder = vendor.school.issue(vendor.school.slot(hours=13))
    vendor.work()
    assert says(holder) is standing.Standing.PENDING
    vendor.heartbeat()
    vendor.work(2)
    assert says(holder) is standing.Standing.ON_THE_LOCK
    vendor.school.withdraw(holder)
    assert says(holder) is standing.Standing.REVOCATION_PENDING
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    assert says(holder) is standing.Standing.GONE
    window = vendor.school.slot(hours=13)
    late = vendor.school.issue(window)
    vendor.school.clock.at = window.starts_at + timedelta(minutes=1)
    assert says(late) is standing.Standing.CALL_US


def test_a_lock_taken_off_its_door_leaves_no_pin_behind(vendor: Vendor) -> None:
    window = vendor.school.slot(hours=13)
    holder = vendor.school.issue(window)
    vendor.work()
    vendor.heartbeat()
    vendor.work(2)
    code = vendor.digits(holder)
    with vendor.school.database.transaction() as session:
        life.decommission(session, lock_id=vendor.lock_id, actor="operator", now=vendor.school.now)
    vendor.work(2)
    vendor.heartbeat()
    vendor.work(2)
    assert vendor.state(holder) == PinState.GONE
    assert not vendor.cloud.opens("gym", code, window.starts_at)
    with vendor.school.database.reading() as session:
        says = standing.standings_of(session, holders=[holder], now=vendor.school.now)[holder]
    assert says is standing.Standing.CALL_US
    vendor.lock_id = vendor.fit()
    vendor.work(2)
    assert vendor.state(holder) == PinState.SENT, "its successor holds what was sold"
