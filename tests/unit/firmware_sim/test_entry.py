"""Entries as the whole lock lives them: contact first, then the decision (protocol section 6)."""

import pytest

from firmware_sim.core import effects
from tests.unit.firmware_sim.lab import Lab, PowerCut, started, window_at
from tests.unit.firmware_sim.server_double import GRANULE


def test_a_code_sold_a_minute_ago_opens_at_once_through_a_contact() -> None:
    lab = started()
    window = window_at(lab)
    lab.server.publish(lab.now, grants=[window])
    before = lab.mono
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.mono - before < 1
    assert (lab.bolt, lab.decided[-1].offline) == ("unlocked", False)
    assert [hello["why"] for hello in lab.server.hellos] == ["boot", "keypad", "opened"]
    assert lab.server.events[lab.server.ack_seq]["credential"] == window


def test_a_code_sold_without_the_locks_knowledge_opens_without_a_network() -> None:
    lab = started()
    window = window_at(lab, rev=1)
    lab.server.publish(lab.now, sellable=[[window[0], [4], 1]], floors=[[window[0], 0, 1]])
    lab.settle()
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 2
    lab.advance(1000)
    lab.network = "down"
    assert lab.enter(lab.server.code(*window)) == "derived"
    assert (lab.bolt, lab.decided[-1].offline) == ("unlocked", True)


def test_a_dead_network_costs_six_seconds_and_a_refused_one_none() -> None:
    window = window_at(started())
    for network, seconds in (("dead", 6.0), ("mute", 6.0), ("down", 0.0)):
        lab = started(network, grants=[window])
        asked = lab.mono
        lab.press(lab.server.code(*window) + "#")
        lab.advance(7)
        assert lab.opened_at, network
        assert lab.decided[-1].offline
        assert lab.opened_at[0] - (lab.now - 7) <= seconds
        assert lab.mono == asked + 7


def test_a_cancelled_code_is_refused_by_the_contact_that_the_entry_starts() -> None:
    lab = started()
    window = window_at(lab)
    lab.server.publish(lab.now, grants=[window], sellable=[[window[0], [4], 1]])
    lab.press("1*#")
    lab.settle()
    lab.advance(1000)
    lab.server.publish(lab.now, grants=[], floors=[[window[0], 0, 1]])
    assert lab.enter(lab.server.code(*window)) == "invalid_credential"
    assert lab.bolt == "locked"


def test_without_that_contact_a_cancelled_code_would_open() -> None:
    """Negative control of the test above: the same lock with its network cut."""
    lab = started(grants=[window_at(Lab())], sellable=[[Lab().now // GRANULE, [4], 1]])
    window = lab.server.desired["grants"][0]
    lab.server.publish(lab.now, grants=[], floors=[[window[0], 0, 1]])
    lab.network = "down"
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.decided[-1].offline


def test_a_code_works_again_inside_its_window_without_waiting() -> None:
    lab = started(grants=[window_at(Lab())])
    window = lab.server.desired["grants"][0]
    lab.network = "dead"
    assert lab.enter(lab.server.code(*window)) == "granted"
    lab.advance(60)
    assert lab.bolt == "locked"
    asked = lab.mono
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.mono == asked


def test_a_recent_welcome_spares_a_grant_the_wait() -> None:
    lab = started(grants=[window_at(Lab())])
    window = lab.server.desired["grants"][0]
    lab.press("1*#")
    lab.settle()
    lab.network = "dead"
    asked = lab.mono
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert (lab.mono, lab.decided[-1].offline) == (asked, False)


def test_the_next_partys_entry_ends_the_code_before_it() -> None:
    lab = started("down", grants=[window_at(Lab())], sellable=[[Lab().now // GRANULE, [4], 1]])
    first, second = lab.server.desired["grants"][0], window_at(Lab(), rev=1)
    assert lab.enter(lab.server.code(*second)) == "derived"
    assert lab.enter(lab.server.code(*first)) == "invalid_credential"
    lab.power_cycle(clock_kept=True)
    assert lab.enter(lab.server.code(*first)) == "invalid_credential"
    assert lab.enter(lab.server.code(*second)) == "derived"


def test_a_burn_is_in_flash_before_the_bolt_moves() -> None:
    lab = started("down", grants=[window_at(Lab(), rev=2)])
    window = lab.server.desired["grants"][0]
    lab.done.clear()
    lab.enter(lab.server.code(*window))
    kinds = [type(effect) for effect in lab.done]
    moved = kinds.index(effects.MoveBolt)
    write = max(index for index in range(moved) if kinds[index] is effects.FlashWrite)
    image = lab.done[write]
    assert isinstance(image, effects.FlashWrite)
    assert f'"burns": [[{window[0]}, 0, 2]]'.encode() in image.image


def test_an_opening_whose_record_lost_power_is_told_by_the_bolt() -> None:
    lab = started("down", grants=[window_at(Lab())])
    window = lab.server.desired["grants"][0]
    lab.press(lab.server.code(*window))
    lab.cut_at = (lab.writes + 1, False)
    with pytest.raises(PowerCut):
        lab.press("#")
    assert lab.bolt == "unlocked"
    lab.cut_at = None
    lab.power_cycle(clock_kept=True)
    assert lab.events("lock_operation")[0]["credential"] == window


def test_clock_unknown_refuses_residents_and_lets_staff_and_emergency_in() -> None:
    lab = Lab()
    window = window_at(lab)
    staff = [
        lab.server.staff("clerk", "staff", "3141592653", lab.now - 9, lab.now + 9999),
        lab.server.staff("former", "staff", "2718281828", 0, lab.now - 1),
        lab.server.staff("envelope", "emergency", "1618033988"),
    ]
    lab.server.publish(lab.now, grants=[window], staff=staff)
    lab.power_up()
    lab.settle()
    lab.network = "down"
    lab.power_cycle()
    assert lab.enter(lab.server.code(*window)) == "invalid_credential"
    assert lab.enter("2718281828") == "restricted"
    assert lab.enter("3141592653") == "staff"
    lab.advance(60)
    assert lab.enter("1618033988") == "emergency"
    assert lab.enter("1618033988") == "invalid_credential"


def test_an_emergency_code_lives_again_only_after_a_desired_without_it() -> None:
    lab = started(staff=[Lab().server.staff("x", "emergency", "1618033988")])
    envelope = lab.server.staff("envelope", "emergency", "1618033988")
    for staff, outcome in (
        ([envelope], "emergency"),
        ([envelope], "invalid_credential"),
        ([], "invalid_credential"),
        ([envelope], "emergency"),
    ):
        lab.server.publish(lab.now, staff=staff)
        lab.advance(13 * 3600)
        lab.settle()
        assert lab.enter("1618033988") == outcome
    assert "alarm" in [hello["why"] for hello in lab.server.hellos]


def test_guesses_empty_the_bucket_and_a_granted_code_still_opens() -> None:
    lab = started("down", grants=[window_at(Lab())], sellable=[[Lab().now // GRANULE, [4], 2]])
    window = lab.server.desired["grants"][0]
    outcomes = [lab.enter(f"{index:08d}") for index in range(7)]
    assert outcomes == ["invalid_credential"] * 5 + ["throttled"] * 2
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["wrong_code_entry_limit"]
    assert lab.enter(lab.server.code(*window_at(lab, lane=1))) == "throttled"
    asked = lab.mono
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.mono - asked <= 10
    lab.advance(181)
    assert lab.enter(lab.server.code(*window_at(lab, lane=1))) == "derived"


def test_the_bucket_is_kept_through_a_power_cut() -> None:
    lab = started("down")
    for index in range(5):
        lab.enter(f"{index:08d}")
    lab.power_cycle(clock_kept=True)
    assert lab.enter("00000009") == "throttled"


def test_a_pausing_keypad_takes_no_key() -> None:
    lab = started("down")
    for index in range(5):
        lab.enter(f"{index:08d}")
    lab.press("00000009#")
    decided = len(lab.decided)
    lab.press("00000009#")
    assert len(lab.decided) == decided
    assert isinstance(lab.done[-2], effects.Show)
    assert lab.done[-2].message == "paused"


def test_silence_ends_an_entry_and_correction_clears_it() -> None:
    lab = started("down", grants=[window_at(Lab())])
    code = lab.server.code(*lab.server.desired["grants"][0])
    lab.press("999*" + code)
    lab.advance(4.9)
    assert lab.decided == []
    lab.advance(0.2)
    assert lab.decided[-1].outcome == "granted"
    lab.press("1234567")
    lab.advance(6)
    assert lab.decided[-1].outcome == "ignored"
    assert lab.events("lock_operation_error") == []


def test_a_code_outside_its_window_takes_no_token() -> None:
    later = [Lab().now // GRANULE + 20, 4, 0, 0]
    lab = started("down", grants=[later])
    for _ in range(8):
        assert lab.enter(lab.server.code(*later)) == "restricted"
    assert lab.state.bucket.tokens == 5
    assert lab.events("lock_operation_error")[0]["count"] == 8


def test_keys_cost_two_contacts_in_ten_minutes_and_twelve_a_day() -> None:
    lab = started()
    for _ in range(5):
        lab.press("1*#")
        lab.settle()
    assert lab.connects == 1 + 2
    for _ in range(40):
        lab.advance(601)
        lab.press("1*#")
        lab.settle()
    assert lab.connects == 1 + 12


def test_a_first_use_is_outside_the_budget() -> None:
    lab = started()
    for _ in range(3):
        lab.press("1*#")
        lab.settle()
    lab.advance(901)
    for _ in range(3):
        lab.press("1*#")
        lab.settle()
    window = window_at(lab)
    lab.network = "down"
    connects = lab.connects
    lab.server.publish(lab.now, grants=[window])
    lab.network = "up"
    assert lab.enter(lab.server.code(*window)) == "invalid_credential"
    assert lab.connects == connects
    lab.advance(601)
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 2
    lab.advance(901)
    lab.state.key_contacts = [lab.mono, lab.mono]
    connects = lab.connects
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.connects == connects + 1
    assert not lab.decided[-1].offline


def test_an_empty_battery_opens_for_nobody_and_says_so() -> None:
    lab = started("down", grants=[window_at(Lab())])
    lab.state.battery_mv = 4000
    assert lab.enter(lab.server.code(*lab.server.desired["grants"][0])) == "insufficient_battery"
    assert lab.bolt == "locked"
    assert lab.events("lock_operation_error")[0]["error"] == "insufficient_battery"


def test_an_empty_battery_burns_no_emergency_code() -> None:
    lab = started()
    lab.server.publish(lab.now, staff=[lab.server.staff("envelope", "emergency", "1618033988")])
    lab.press("1*#")
    lab.settle()
    lab.network = "down"
    lab.state.battery_mv = 4000
    assert lab.enter("1618033988") == "insufficient_battery"
    lab.state.battery_mv = 6000
    assert lab.enter("1618033988") == "emergency"


def test_a_key_box_waits_past_the_usual_margin_only_for_a_key_that_is_out() -> None:
    lab = started("down", grants=[window_at(Lab())])
    window = lab.server.desired["grants"][0]
    lab.state.desired.config.late = 3600
    lab.state.key = "present"
    lab.until((window[0] + 4) * GRANULE + 1800)
    assert lab.enter(lab.server.code(*window)) == "restricted"
    lab.state.key = "out"
    assert lab.enter(lab.server.code(*window)) == "granted"


def test_no_effect_but_the_hellos_envelope_and_no_flash_carries_a_code() -> None:
    lab = started(grants=[window_at(Lab())])
    code = lab.server.code(*lab.server.desired["grants"][0])
    lab.done.clear()
    lab.enter(code)
    lab.enter("27182818")
    lab.settle()
    told = "".join(repr(vars(effect)) for effect in lab.done) + repr(lab.server.events)
    assert code not in told
    assert "27182818" not in told
    assert lab.state.root.hex() not in told
