"""Bolt, door and battery."""

import pytest

from firmware_sim.core import effects, stimuli
from tests.unit.firmware_sim.lab import Lab, started, window_at


def opened(lab: Lab) -> Lab:
    lab.enter(lab.server.code(*lab.server.desired["grants"][0]))
    assert lab.bolt == "unlocked"
    return lab


def test_without_a_door_sensor_the_door_locks_itself_after_the_opening() -> None:
    lab = opened(started("down", grants=[window_at(Lab())]))
    lab.advance(29)
    assert lab.bolt == "unlocked"
    lab.advance(2)
    assert lab.bolt == "locked"
    assert lab.events("lock_operation")[-1] == {
        **lab.events("lock_operation")[-1],
        "operation": "lock",
        "source": "auto",
    }


def test_with_a_door_sensor_it_locks_after_the_door_closed() -> None:
    lab = started("down", grants=[window_at(Lab())])
    lab.feed(stimuli.DoorMoved("closed"))
    opened(lab)
    lab.feed(stimuli.DoorMoved("open"))
    lab.advance(300)
    assert lab.bolt == "unlocked"
    lab.feed(stimuli.DoorMoved("closed"))
    lab.advance(29)
    assert lab.bolt == "unlocked"
    lab.advance(2)
    assert lab.bolt == "locked"


def test_a_door_that_nobody_opened_locks_again() -> None:
    lab = started("down", grants=[window_at(Lab())])
    lab.feed(stimuli.DoorMoved("closed"))
    opened(lab).advance(31)
    assert lab.bolt == "locked"


def test_a_door_left_open_and_a_door_forced_open_raise_alarms() -> None:
    lab = started()
    lab.feed(stimuli.DoorMoved("closed"))
    lab.feed(stimuli.DoorMoved("open"))
    lab.advance(601)
    lab.settle()
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["door_forced_open", "door_ajar"]
    assert [hello["why"] for hello in lab.server.hellos][1:] == ["alarm", "alarm"]


def test_an_unlocked_bolt_is_locked_after_a_power_cut() -> None:
    lab = opened(started("down", grants=[window_at(Lab())]))
    lab.power_cycle(clock_kept=True)
    lab.advance(31)
    assert lab.bolt == "locked"


def test_a_jammed_bolt_is_no_opening() -> None:
    lab = started(grants=[window_at(Lab())])
    lab.jams = True
    lab.enter(lab.server.code(*lab.server.desired["grants"][0]))
    lab.settle()
    assert lab.events("lock_operation") == []
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["lock_jammed"]
    assert lab.state.bolt == "jammed"


def test_a_door_that_would_not_lock_is_tried_again_and_told_once() -> None:
    lab = opened(started("down", grants=[window_at(Lab())]))
    lab.jams = True
    moves = [effect for effect in lab.done if isinstance(effect, effects.MoveBolt)]
    lab.advance(3600)
    tries = [effect for effect in lab.done if isinstance(effect, effects.MoveBolt)][len(moves) :]
    assert 4 <= len(tries) <= 7
    assert {effect.position for effect in tries} == {"locked"}
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["lock_jammed"]
    lab.jams = False
    lab.advance(3600)
    assert lab.bolt == "locked"
    assert lab.state.jams == 0


def test_a_jam_is_tried_again_once_the_door_is_closed() -> None:
    lab = started("down", grants=[window_at(Lab())])
    lab.feed(stimuli.DoorMoved("closed"))
    opened(lab)
    lab.feed(stimuli.DoorMoved("open"))
    lab.jams = True
    lab.feed(stimuli.DoorMoved("closed"))
    lab.advance(31)
    lab.feed(stimuli.DoorMoved("open"))
    lab.advance(4000)
    lab.jams = False
    lab.feed(stimuli.DoorMoved("closed"))
    lab.advance(31)
    assert lab.bolt == "locked"


def test_a_door_that_is_to_stay_open_is_unlocked_again_after_a_jam() -> None:
    lab = started()
    lab.jams = True
    config = {**lab.server.desired["config"], "operating_mode": "passage"}
    lab.server.publish(lab.now, config=config)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert lab.state.bolt == "jammed"
    lab.jams = False
    lab.advance(61)
    assert lab.bolt == "unlocked"


def test_a_cover_that_is_taken_off_alarms() -> None:
    lab = started()
    lab.feed(stimuli.Tampered())
    lab.settle()
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["tamper"]
    assert lab.server.hellos[-1]["why"] == "alarm"


def test_a_bolt_turned_by_hand_is_told_as_manual() -> None:
    lab = started()
    lab.bolt = "unlocked"
    lab.feed(stimuli.BoltMoved("unlocked", by_hand=True))
    lab.advance(31)
    assert [event["source"] for event in lab.events("lock_operation")] == ["manual", "auto"]


def test_the_battery_alarms_once_at_each_mark() -> None:
    lab = started()
    for millivolts in (5000, 4799, 4700, 4399, 4300, 6000, 4700):
        lab.feed(stimuli.BatteryMeasured(millivolts))
        lab.settle()
    alarms = [event["alarm"] for event in lab.events("door_lock_alarm")]
    assert alarms == ["battery_low", "battery_critical", "battery_low"]
    assert lab.server.hellos[-1]["battery_mv"] == 4700


def test_a_hello_tells_what_was_measured() -> None:
    lab = started()
    lab.feed(stimuli.BatteryMeasured(5300, -7))
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    hello = lab.server.hellos[-1]
    assert (hello["battery_mv"], hello["temperature_c"], hello["rssi_dbm"]) == (5300, -7, -67)


def test_a_key_that_moves_is_told_once() -> None:
    lab = started()
    for position in ("present", "out", "out", "present"):
        lab.feed(stimuli.KeyMoved(position))
    assert [event["key"] for event in lab.events("key_state_change")] == ["present", "out", "present"]


@pytest.mark.parametrize("mode,bolt", [("passage", "unlocked"), ("vacation", "locked")])
def test_modes_of_a_desired_take_effect_and_end(mode: str, bolt: str) -> None:
    lab = started(grants=[window_at(Lab())])
    config = {**lab.server.desired["config"], "operating_mode": mode}
    lab.server.publish(lab.now, config=config)
    lab.press("1*#")
    lab.settle()
    lab.advance(900)
    assert lab.bolt == bolt
    code = lab.server.code(*lab.server.desired["grants"][0])
    assert lab.enter(code) == ("granted" if mode == "passage" else "invalid_credential")
    lab.server.publish(lab.now, config={**config, "operating_mode": "normal"})
    lab.press("1*#")
    lab.settle()
    lab.advance(40)
    assert lab.bolt == "locked"
    assert lab.enter(code) == "granted"


def test_a_lock_without_power_does_nothing() -> None:
    lab = Lab()
    lab.press("12345678#")
    lab.feed(stimuli.Tick())
    assert lab.done == []


def test_the_display_of_a_typing_visitor_survives_what_the_server_sends() -> None:
    lab = started()
    lab.press("123")
    lab.server.publish(lab.now)
    lab.deliver("desired", lab.server.desired_jws or "")
    lab.feed(stimuli.Tick())
    shown = [effect for effect in lab.done if isinstance(effect, effects.Show)][-1]
    assert (shown.message, shown.typed) == ("typing", 3)
