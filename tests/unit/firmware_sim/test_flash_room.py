"""Flash that is too small for what it should hold: the log gives way first, then a new version is refused."""

from typing import Any

import pytest

from firmware_sim.core import event_log, stimuli
from tests.unit.firmware_sim.lab import Lab, window_at

MANY = [[1_000_000 + 4 * index, [2, 4], 3] for index in range(300)]


def small(room: int) -> Lab:
    lab = Lab()
    lab.flash_room = room
    lab.server.publish(lab.now, grants=[window_at(lab)])
    lab.power_up()
    lab.settle()
    assert lab.state.desired.version == 1
    return lab


def sync(lab: Lab, **desired: Any) -> None:
    lab.server.publish(lab.now, **desired)
    lab.feed(stimuli.SyncAsked())
    lab.settle()


def test_a_version_that_does_not_fit_is_refused_with_a_reason_and_the_old_one_opens() -> None:
    lab = small(6000)
    window = lab.server.desired["grants"][0]
    sync(lab, sellable=MANY)
    assert lab.state.desired.version == 1
    assert lab.server.hellos[-1]["result"] == "unsupported"
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["stale_desired"]
    assert lab.enter(lab.server.code(*window)) == "granted"
    lab.power_cycle(clock_kept=True)
    lab.settle()
    assert lab.state.desired.version == 1
    sync(lab, sellable=[])
    assert (lab.state.desired.version, lab.state.result) == (3, "ok")


def test_minor_records_give_way_to_a_new_version_and_openings_do_not() -> None:
    lab = small(16_000)
    code = lab.server.code(*lab.server.desired["grants"][0])
    lab.network = "down"
    assert lab.enter(code) == "granted"
    for index in range(80):
        lab.feed(stimuli.DoorMoved("open" if index % 2 else "closed"))
    withheld = lab.server.publish(lab.now, sellable=MANY)
    assert len(lab.state.to_flash()) + len(withheld) > lab.flash_room
    lab.network, lab.welcome_changes = "up", {"ack_seq": 0}
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert lab.state.desired.version == 2
    assert len(lab.flash or b"") <= lab.flash_room
    kinds = [record.get("operation") for record in lab.state.log.records]
    assert "unlock" in kinds
    assert "log_overflow" in [record.get("alarm") for record in lab.state.log.records]


@pytest.mark.parametrize("rooms", [3500, 6000])
def test_no_image_is_longer_than_the_flash(rooms: int) -> None:
    lab = small(rooms)
    lab.network = "down"
    for index in range(60):
        lab.feed(stimuli.DoorMoved("open" if index % 2 else "closed"))
        lab.enter(f"{index:08d}")
        assert len(lab.flash or b"") <= rooms
    seqs = [event_log.seq_of(record) for record in lab.state.log.records]
    assert seqs == sorted(set(seqs))
    assert lab.state.log.next_seq > 60


def test_without_the_check_the_image_would_not_fit() -> None:
    """Negative control: a lock that believes in more room than there is writes what no bank can hold."""
    lab = small(6000)
    lab.state.flash_room = 131072
    sync(lab, sellable=MANY)
    assert lab.state.desired.version == 2
    assert len(lab.flash or b"") > 6000
