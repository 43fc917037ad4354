"""The hands and ears around the core, without a network."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim import flash
from firmware_sim.clock import DriftingClock
from firmware_sim.door import Door
from firmware_sim.provision import Broker, Provision
from firmware_sim.view import view
from tests.unit.firmware_sim.yard import Yard

LOCK = "00112233445566ff"


@pytest.fixture
def make_door(tmp_path: Path) -> Callable[[], Door]:
    def make() -> Door:
        nowhere = Broker("127.0.0.1", 1, False, None)
        provision = Provision(LOCK, "見本", bytes(32), bytes(32), nowhere, LOCK, "x")
        door = Door(provision, tmp_path, DriftingClock(0), "seed", lambda: None)
        door.set_network(False)
        return door

    return make


def test_iron_and_memory_survive_a_restart(make_door: Callable[[], Door]) -> None:
    first = make_door()
    first.start()
    first.turn_thumb("unlocked")
    first.move_door(True)
    first.set_battery(5100)
    first.stop()
    second = make_door()
    second.start()
    seen = view(second)
    assert (seen["bolt"], seen["door"], seen["battery_mv"], seen["boot"]) == ("unlocked", "open", 5100, 2)


def test_a_battery_that_was_pulled_stays_out_through_a_restart(make_door: Callable[[], Door]) -> None:
    first = make_door()
    first.start()
    first.pull_battery(True)
    first.stop()
    second = make_door()
    second.start()
    assert not view(second)["powered"]
    second.pull_battery(False)
    assert (view(second)["powered"], view(second)["boot"]) == (True, 2)


def test_a_key_is_taken_out_of_an_open_box_alone_and_a_door_has_none(tmp_path: Path) -> None:
    nowhere = Broker("127.0.0.1", 1, False, None)
    boxes = []
    for name, has_key in (("box", True), ("door", False)):
        provision = Provision(LOCK, name, bytes(32), bytes(32), nowhere, LOCK, "x", has_key=has_key)
        boxes.append(Door(provision, tmp_path / name, DriftingClock(0), "seed", lambda: None))
    box, door = boxes
    for one in boxes:
        one.set_network(False)
        one.start()
    assert [view(one)["key"] for one in boxes] == ["present", "none"]
    box.move_key(True)
    assert view(box)["key"] == "present", "it is locked"
    for one in boxes:
        one.turn_thumb("unlocked")
        one.move_key(True)
    assert [view(one)["key"] for one in boxes] == ["out", "none"]
    assert view(box)["log"][0]["text"] == "鍵が取り出された"
    box.turn_thumb("locked")
    box.move_key(False)
    assert view(box)["key"] == "out"
    box.turn_thumb("unlocked")
    box.move_key(False)
    assert view(box)["key"] == "present"
    assert view(door)["key"] == "none"


def test_flash_that_cannot_be_written_resets_the_lock_and_never_kills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard(tmp_path)
    door = yard.door
    door.start()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(flash.FileMedium, "write", full)
        door.move_door(True)
        resets = [view(door)["display"]["message"]]
        yard.advance(11)
        resets.append(view(door)["display"]["message"])
    assert resets == ["dark", "dark"]
    assert door.wake_at is not None
    yard.advance(11)
    assert view(door)["display"]["message"] == "ready"
    assert view(door)["boot"] == 2


def test_stimuli_from_many_threads_come_one_after_the_other(make_door: Callable[[], Door]) -> None:
    door = make_door()
    door.start()

    def move() -> None:
        for index in range(20):
            door.move_door(index % 2 == 0)

    threads = [threading.Thread(target=move) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = [line["seq"] for line in view(door)["log"]]
    assert seqs == sorted(seqs, reverse=True)
    assert door.state.log.next_seq == len(door.state.log.records) + 1
