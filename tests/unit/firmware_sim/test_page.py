"""Sentences of the protocol page (sections 5 and 6) that no other test reads, one after the other."""

from typing import Any

import pytest

from firmware_sim.core import stimuli
from firmware_sim.core.bucket import Bucket
from firmware_sim.core.entry_decision import Circumstances, decide
from tests.unit.firmware_sim.lab import LOCK, Lab, started, window_at
from tests.unit.firmware_sim.server_double import GRANULE

STAFF, EMERGENCY = "3141592653", "1618033988"


def with_staff(network: str = "up", **desired: Any) -> Lab:
    """A lock whose staff right holds for two days, and which has an emergency code."""
    lab = Lab()
    right = lab.server.staff("clerk", "staff", STAFF, lab.now - 3600, lab.now + 2 * 86400)
    envelope = lab.server.staff("envelope", "emergency", EMERGENCY)
    lab.server.publish(lab.now, staff=[right, envelope], **desired)
    lab.power_up()
    lab.settle()
    lab.advance(1000)
    lab.network = network
    return lab


def guess(lab: Lab, times: int) -> list[str]:
    return [lab.enter(f"{index:08d}") for index in range(times)]


# ---------------------------------------------------------------- section 5: the contact


def test_a_retry_waits_anything_up_to_its_bound() -> None:
    waits: list[list[float]] = [[], [], []]
    for seed in range(60):
        lab = Lab("down")
        lab.boots = seed
        lab.power_up()
        for tries in range(3):
            waits[tries].append(lab.state.timers["retry"] - lab.mono)
            lab.feed(stimuli.SyncAsked())
    for found, bound in zip(waits, (300, 1800, 7200), strict=True):
        assert 0 <= min(found) < bound * 0.2
        assert bound * 0.8 < max(found) <= bound


def test_a_day_after_the_budget_was_used_up_keys_may_cost_contacts_again() -> None:
    lab = started()
    for _ in range(20):
        lab.press("1*#")
        lab.settle()
        lab.advance(601)
    assert lab.connects == 1 + 12
    lab.advance(86400)
    lab.server.hellos.clear()
    lab.press("1*#")
    lab.settle()
    assert [hello["why"] for hello in lab.server.hellos] == ["keypad"]


def test_a_clock_that_was_never_set_is_set_by_the_contact_that_an_entry_starts() -> None:
    lab = Lab("mute")
    window = window_at(lab)
    lab.server.publish(lab.now, grants=[window])
    lab.power_up()
    lab.advance(100)
    lab.network = "up"
    assert not lab.state.clock_known
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert lab.state.clock_known


@pytest.mark.parametrize("now", [2**31 - 3600, 2**31 + 3600, 2**32 + 3600, 1_709_164_800 - 60])
def test_no_year_and_no_leap_day_stops_a_lock(now: int) -> None:
    lab = Lab(now=now)
    window = window_at(lab)
    lab.server.publish(lab.now, grants=[window])
    lab.power_up()
    lab.settle()
    lab.advance(3000)
    assert lab.enter(lab.server.code(*window)) == "granted"


@pytest.mark.parametrize("wrong_by_s", [-86400, -3600, 3600, 86400])
def test_a_clock_a_day_wrong_opens_for_nobody_offline_and_is_mended_by_a_contact(wrong_by_s: int) -> None:
    lab = started("down", grants=[window_at(Lab(), length=1)])
    window = lab.server.desired["grants"][0]
    lab.wall_ms += wrong_by_s * 1000
    assert lab.enter(lab.server.code(*window)) == "restricted"
    lab.network = "up"
    lab.advance(601)
    assert lab.enter(lab.server.code(*window)) == "granted"
    assert abs(lab.wall_ms - lab.true_ms) <= 1000


def test_a_version_issued_later_than_the_last_welcome_counts_for_the_high_water_time() -> None:
    lab = with_staff()
    lab.server.publish(lab.now + 3 * 86400)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    lab.network = "down"
    lab.power_cycle()
    assert lab.state.high_water >= lab.now + 2 * 86400
    assert lab.enter(STAFF) == "restricted"


def test_a_server_that_lost_versions_is_told_what_the_lock_holds_and_nothing_loops() -> None:
    lab = started(grants=[window_at(Lab())])
    lab.server.publish(lab.now)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert lab.state.desired.version == 2
    lab.server.version, lab.server.desired_jws, lab.server.digest = 1, None, "ab" * 32
    before = len(lab.server.hellos)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert len(lab.server.hellos) - before == 1
    assert lab.server.hellos[-1]["applied"] == 2
    assert lab.state.contact is None


def test_a_command_that_ran_is_remembered_through_a_power_cut() -> None:
    lab = started()
    payload = {
        "v": 1,
        "lock": LOCK,
        "id": "c1",
        "kind": "set_mode",
        "args": {"operating_mode": "passage"},
        "issued_at": lab.now,
        "expires_at": lab.now + 100,
    }
    order = lab.server.sign(payload, "kaiho-command").encode()
    for _ in range(2):
        lab.press("1")
        lab.feed(stimuli.Received(f"kaiho/v1/locks/{LOCK}/down/command", order, False))
        lab.settle()
        lab.power_cycle(clock_kept=True)
    assert len(lab.events("command_result")) == 1
    # The mode lasts through the cut, until the next version.
    assert lab.state.operating_mode() == "passage"


@pytest.mark.parametrize("days", [1 / 24, 13 / 24, 6, 13, 40, 46])
def test_a_lock_without_a_network_opens_for_what_it_was_told_before(days: float) -> None:
    """Grants to their end; what was sold since within the horizon, never after the lease."""
    far = (Lab().now + round(days * 86400)) // GRANULE
    lease = Lab().now + 45 * 86400
    lab = started("down", grants=[[far, 4, 0, 0]], sellable=[[far, [4], 2]], lease_until=lease)
    lab.until(far * GRANULE + 60)
    assert lab.enter(lab.server.code(far, 4, 0, 0)) == "granted"
    sold_since = lab.enter(lab.server.code(far, 4, 1, 0))
    assert sold_since == ("derived" if days < 45 else "invalid_credential")


# ---------------------------------------------------------------- section 6: the entry


def test_rule_1_slows_down_after_a_hundred_failures_until_staff_open() -> None:
    bucket = Bucket()
    for at in range(100):
        bucket.fail(at, 5, 180)
    assert (bucket.tokens, bucket.failures) == (0, 100)
    # The next token is earned from the moment when the bucket was full for the last time.
    bucket.refill(3599, 5, 180)
    assert bucket.tokens == 0
    bucket.refill(3600, 5, 180)
    assert bucket.tokens == 1
    bucket.failures = 0
    bucket.refill(3600 + 180, 5, 180)
    assert bucket.tokens == 2


def test_rule_1_counts_on_through_a_power_cut_and_ends_with_a_staff_opening() -> None:
    lab = with_staff("down")
    guess(lab, 60)
    lab.power_cycle(clock_kept=True)
    guess(lab, 45)
    assert lab.state.bucket.failures >= 100
    lab.advance(400)
    assert lab.enter("99999999") == "throttled"
    assert lab.enter(STAFF) == "staff"
    assert lab.state.bucket.failures == 0
    lab.advance(400)
    assert lab.enter("99999999") == "invalid_credential"


def test_rule_1_pauses_after_each_entry_at_an_empty_bucket_also_after_a_right_one() -> None:
    lab = with_staff("down", grants=[window_at(Lab())])
    guess(lab, 5)
    for code in (lab.server.code(*lab.server.desired["grants"][0]), STAFF):
        lab.press(code + "#")
        assert lab.decided[-1].opens
        assert lab.state.pause_until == lab.mono + 10
        lab.advance(11)


def test_rule_2_knows_both_ends_of_a_staff_right() -> None:
    lab = with_staff("down")
    right = lab.server.desired["staff"][0]
    for at, outcome in ((right[3], "staff"), (right[3] + 1, "restricted"), (right[2], "staff")):
        lab.wall_ms = at * 1000
        assert lab.enter(STAFF) == outcome
    assert lab.state.bucket.tokens == 5


def test_rule_2_opens_in_vacation_and_rules_3_and_4_do_not() -> None:
    lab = with_staff()
    config = {**lab.server.desired["config"], "operating_mode": "vacation"}
    window = window_at(lab)
    lab.server.publish(lab.now, config=config, grants=[window], sellable=[[window[0], [4], 3]])
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    lab.network = "down"
    assert lab.enter(lab.server.code(*window)) == "invalid_credential"
    assert lab.enter(lab.server.code(*window_at(lab, lane=1))) == "invalid_credential"
    assert lab.enter(STAFF) == "staff"
    lab.advance(60)
    assert lab.enter(EMERGENCY) == "emergency"


def test_rule_3_takes_the_first_of_two_grants_with_one_code() -> None:
    lab = started(grants=[window_at(Lab())])
    desired, key = lab.state.desired, lab.state.code_key
    twice = desired.grants[0]
    desired.grants.append(twice)
    at = Circumstances(lab.now, True, True, 0, {}, 5)
    found = decide(desired, key, b"", lab.server.code(*twice), at)
    assert (found.outcome, found.window) == ("granted", twice)


def test_rule_4_ends_with_the_lease_and_with_the_third_revision() -> None:
    window = window_at(Lab())
    lab = started("down", sellable=[[window[0], [4], 1]], lease_until=Lab().now + 3000)
    assert lab.enter(lab.server.code(window[0], 4, 0, 3)) == "invalid_credential"
    assert lab.enter(lab.server.code(window[0], 4, 0, 0)) == "derived"
    lab.until(Lab().now + 3000)
    assert lab.enter(lab.server.code(window[0], 4, 0, 1)) == "invalid_credential"


def test_rule_4_keeps_a_key_box_late_only_for_a_key_that_is_out() -> None:
    window = window_at(Lab())
    late = {**Lab().server.desired["config"], "late": 3600}
    lab = started("down", sellable=[[window[0], [4], 1]], config=late)
    lab.state.key = "present"
    lab.until((window[0] + 4) * GRANULE + 1800)
    code = lab.server.code(*window)
    assert lab.enter(code) == "invalid_credential"
    lab.feed(stimuli.KeyMoved("out"))
    assert lab.enter(code) == "derived"


def test_rule_5_asks_first_and_a_withdrawn_derived_code_stays_out() -> None:
    window = window_at(Lab())
    lab = started(sellable=[[window[0], [4], 1]])
    assert lab.enter(lab.server.code(*window)) == "invalid_credential"
    lab.network = "mute"
    lab.advance(1000)
    assert lab.enter(lab.server.code(*window)) == "derived"
    assert lab.decided[-1].offline


def test_rule_6_tells_a_staff_right_outside_its_validity_from_a_wrong_code() -> None:
    lab = with_staff("down")
    lab.until(lab.server.desired["staff"][0][3] + 5)
    assert [lab.enter(STAFF), lab.enter("1234567890")] == ["restricted", "invalid_credential"]
    assert lab.state.bucket.tokens == 4


def test_rule_7_keeps_burns_until_the_longest_window_has_passed() -> None:
    lab = started(grants=[window_at(Lab())])
    window = lab.server.desired["grants"][0]
    assert lab.enter(lab.server.code(*window)) == "granted"
    lab.until((window[0] + 48) * GRANULE + 900 - 7200)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert lab.state.burns == {(window[0], 0): 0}
    lab.advance(8000)
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    assert lab.state.burns == {}


def test_rule_8_says_hello_after_every_opening() -> None:
    lab = started(grants=[window_at(Lab())])
    for _ in range(3):
        lab.server.hellos.clear()
        assert lab.enter(lab.server.code(*lab.server.desired["grants"][0])) == "granted"
        lab.settle()
        assert "opened" in [hello["why"] for hello in lab.server.hellos]
        lab.advance(120)


def test_a_changed_reservation_keeps_its_old_code_until_the_new_one_is_used() -> None:
    """Two windows that overlap, as the server leaves them; once it withdrew the old one, that is dead."""
    start = Lab().now // GRANULE
    old, new = [start, 2, 0, 0], [start, 4, 0, 1]
    lab = started(grants=[old, new])
    assert lab.enter(lab.server.code(*old)) == "granted"
    lab.advance(120)
    assert lab.enter(lab.server.code(*new)) == "granted"
    # The burn alone ends the old one here, for they share start and lane.
    assert lab.enter(lab.server.code(*old)) == "invalid_credential"
