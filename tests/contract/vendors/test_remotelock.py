"""The adapter against a cloud that answers as the vendor's description says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import RejectedOutside, Unavailable
from locks.vendors.port import PinOrder, PinStanding, VendorCloud
from locks.vendors.registry import NoSuchVendor, clouds_of
from tests.servers.vendor_cloud import Device, running_vendor_cloud
from tests.servers.vendor_cloud import VendorCloud as Cloud

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_vendor_cloud() as running:
        running.devices["gym"] = Device("gym")
        yield running


@pytest.fixture
def adapter(cloud: Cloud) -> VendorCloud:
    return clouds_of({"remotelock": cloud.account})["remotelock"]


def order(key: str = "kaiho-1", digits: str = "04711234", *, may_exist: bool = False) -> PinOrder:
    return PinOrder(key, "gym", digits, NOW, NOW + timedelta(hours=2), may_exist)


def where(adapter: VendorCloud, pin_ref: str) -> PinStanding:
    return adapter.standings(lock_ref="gym", pin_refs=[pin_ref]).get(pin_ref, PinStanding.ABSENT)


def test_a_pin_waits_until_the_lock_fetches_it_and_opens_only_in_its_window(
    cloud: Cloud, adapter: VendorCloud
) -> None:
    pin = adapter.put(order())
    assert where(adapter, pin) is PinStanding.WAITING
    assert not cloud.opens("gym", "04711234", NOW)
    cloud.heartbeat("gym", NOW)
    assert where(adapter, pin) is PinStanding.ON_THE_LOCK
    assert cloud.opens("gym", "04711234", NOW + timedelta(hours=2))
    assert not cloud.opens("gym", "04711234", NOW + timedelta(hours=2, seconds=1))
    assert not cloud.opens("gym", "04711234", NOW - timedelta(seconds=1))


def test_a_pin_taken_back_is_absent_only_once_the_lock_has_heard_of_it(
    cloud: Cloud, adapter: VendorCloud
) -> None:
    pin = adapter.put(order())
    cloud.heartbeat("gym", NOW)
    assert adapter.take_back(lock_ref="gym", key="kaiho-1", pin_ref=pin) == pin
    assert where(adapter, pin) is PinStanding.WAITING
    assert cloud.opens("gym", "04711234", NOW)
    cloud.heartbeat("gym", NOW)
    assert where(adapter, pin) is PinStanding.ABSENT
    assert not cloud.opens("gym", "04711234", NOW)


def test_an_order_whose_answer_was_lost_makes_no_second_pin(cloud: Cloud, adapter: VendorCloud) -> None:
    cloud.faults = ["lost_answer"]
    with pytest.raises(Unavailable):
        adapter.put(order())
    assert adapter.put(order(may_exist=True)) == "guest-1"
    assert len(cloud.guests) == 1


def test_an_order_told_to_be_the_first_would_clash_with_its_own_lost_try(
    cloud: Cloud, adapter: VendorCloud
) -> None:
    # What `may_exist` is for.
    cloud.faults = ["lost_answer"]
    with pytest.raises(Unavailable):
        adapter.put(order())
    with pytest.raises(RejectedOutside):
        adapter.put(order())


def test_a_pin_whose_name_was_never_learned_is_found_by_its_key_also_when_already_taken_back(
    cloud: Cloud, adapter: VendorCloud
) -> None:
    pin = adapter.put(order())
    cloud.faults = ["", "lost_answer"]
    with pytest.raises(Unavailable):
        adapter.take_back(lock_ref="gym", key="kaiho-1", pin_ref=None)
    assert cloud.guests[pin].status == "deactivated"
    assert adapter.take_back(lock_ref="gym", key="kaiho-1", pin_ref=None) == pin
    assert adapter.take_back(lock_ref="gym", key="kaiho-2", pin_ref=None) is None


@pytest.mark.parametrize("fault", ["429", "away"])
def test_a_busy_or_absent_cloud_is_worth_another_try(cloud: Cloud, adapter: VendorCloud, fault: str) -> None:
    cloud.faults = [fault]
    with pytest.raises(Unavailable):
        adapter.status(lock_ref="gym")
    assert adapter.status(lock_ref="gym").battery_percent == 90


def test_a_cloud_that_nobody_runs_is_worth_another_try() -> None:
    with running_vendor_cloud() as gone:
        adapter = clouds_of({"remotelock": gone.account})["remotelock"]
    with pytest.raises(Unavailable):
        adapter.status(lock_ref="gym")


def test_a_token_that_ran_out_is_renewed_and_wrong_credentials_are_a_no(cloud: Cloud) -> None:
    adapter = clouds_of({"remotelock": cloud.account})["remotelock"]
    adapter.status(lock_ref="gym")
    cloud.token = "token-2"
    assert adapter.status(lock_ref="gym").speaks_every_s == 12 * 3600
    wrong = clouds_of({"remotelock": {**cloud.account, "client_secret": "another"}})["remotelock"]
    with pytest.raises(RejectedOutside):
        wrong.status(lock_ref="gym")


def test_events_are_read_once_over_pages_and_oldest_first(cloud: Cloud, adapter: VendorCloud) -> None:
    cloud.devices["hall"] = Device("hall")
    for minute in range(120):
        cloud.opens("hall" if minute % 2 else "gym", "00000000", NOW + timedelta(minutes=minute))
    events, cursor = adapter.events(lock_ref="gym", after=None)
    assert [event.at for event in events] == [NOW + timedelta(minutes=m) for m in range(0, 120, 2)]
    assert adapter.events(lock_ref="gym", after=cursor) == ([], cursor)
    cloud.opens("gym", "00000000", NOW + timedelta(hours=3))
    later, _ = adapter.events(lock_ref="gym", after=cursor)
    assert [event.at for event in later] == [NOW + timedelta(hours=3)]


def test_a_cursor_whose_entry_is_gone_still_reads_nothing_twice(cloud: Cloud, adapter: VendorCloud) -> None:
    cloud.opens("gym", "00000000", NOW)
    cloud.opens("gym", "00000000", NOW + timedelta(minutes=1))
    _, cursor = adapter.events(lock_ref="gym", after=None)
    cloud.happened.pop()
    assert adapter.events(lock_ref="gym", after=cursor)[0] == []


def test_neither_an_error_nor_an_order_shows_digits(adapter: VendorCloud) -> None:
    adapter.put(order())
    with pytest.raises(RejectedOutside) as refused:
        adapter.put(order("kaiho-2"))
    assert "04711234" not in repr(refused.value) + repr(refused.getrepr()) + repr(order())


@pytest.mark.parametrize("name", ["nobody", "../port", "port", "Remotelock", ""])
def test_a_vendor_without_a_file_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(NoSuchVendor):
        clouds_of({name: {}})
