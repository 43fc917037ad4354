"""Waking, hello, welcome and trying again (protocol section 5)."""

from typing import Any

import pytest

from firmware_sim.core import effects, stimuli
from tests.unit.firmware_sim.lab import LOCK, Lab, PowerCut, started, window_at


def test_the_lock_comes_when_the_server_said_between_a_quarter_hour_and_a_day() -> None:
    for asked, comes in ((12 * 3600, 12 * 3600), (60, 900), (9 * 86400, 86400), (-5, 900)):
        lab = Lab()
        lab.server.publish(lab.now)
        lab.server.next_sync_in = asked
        lab.power_up()
        lab.settle()
        lab.advance(comes - 30)
        assert len(lab.server.hellos) == 1
        lab.advance(60)
        assert [hello["why"] for hello in lab.server.hellos] == ["boot", "schedule"], asked


def test_between_contacts_the_lock_is_not_connected() -> None:
    lab = started()
    assert lab.state.contact is None
    kinds = [type(effect) for effect in lab.done]
    assert kinds.count(effects.Connect) == kinds.count(effects.Disconnect) == 1


def test_failed_connects_are_retried_later_and_later() -> None:
    lab = started()
    lab.network = "down"
    tries = []
    while lab.connects == 1:
        lab.advance(5)
    for _ in range(6):
        before, at = lab.connects, lab.mono
        while lab.connects == before:
            lab.advance(5)
        tries.append(lab.mono - at)
    assert tries[0] <= 305
    assert tries[1] <= 1805
    assert tries[2] <= 7205
    assert all(abs(wait - 21600) <= 10 for wait in tries[3:])
    lab.network = "up"
    lab.advance(21700)
    assert lab.server.hellos[-1]["why"] == "retry"
    assert lab.state.failed_contacts == 0


def test_a_server_that_asks_for_patience_is_not_tried_earlier() -> None:
    lab = started()
    lab.network = "dead"
    for patience, at_least in ((600, 600), (10**9, 86400)):
        lab.feed(stimuli.SyncAsked())
        lab.feed(stimuli.Disconnected(patience))
        assert lab.state.timers["retry"] >= lab.mono + at_least
        assert lab.state.timers["retry"] <= lab.mono + 86400


def test_n_is_in_flash_before_the_hello_leaves_and_rises_through_power_cuts() -> None:
    lab = Lab()
    lab.server.publish(lab.now)
    for _ in range(4):
        lab.power_cycle()
        lab.settle()
    numbers = [hello["n"] for hello in lab.server.hellos]
    assert numbers == sorted(set(numbers))
    index = next(index for index, effect in enumerate(lab.done) if isinstance(effect, effects.Publish))
    assert isinstance(lab.done[index - 1], effects.FlashWrite)


def test_every_hello_has_its_own_nonce_and_every_boot_other_ones() -> None:
    lab = Lab()
    lab.server.publish(lab.now)
    for _ in range(5):
        lab.power_cycle()
        lab.settle()
    nonces = [hello["nonce"] for hello in lab.server.hellos]
    assert len(set(nonces)) == len(nonces)
    assert all(len(nonce) == 32 and int(nonce, 16) for nonce in nonces)


def test_a_hello_has_exactly_the_members_of_the_page() -> None:
    hello = started().server.hellos[0]
    members = (
        "v lock n nonce boot why clock clock_quality applied digest result mac_epoch epoch battery_mv "
        "temperature_c rssi_dbm hardware firmware bolt door key operating_mode first_seq last_seq events"
    )
    assert " ".join(hello) == members


def test_a_welcome_is_believed_for_the_open_nonce_only_and_once() -> None:
    lab = started()
    jws = lab.server.sign(
        {
            "v": 1,
            "lock": LOCK,
            "nonce": lab.server.hellos[-1]["nonce"],
            "now": (lab.now - 86400) * 1000,
            "version": 1,
            "digest": lab.server.digest,
            "ack_seq": 0,
            "next_sync_at": lab.now,
        },
        "kaiho-welcome",
    )
    wall = lab.wall_ms
    lab.welcome_changes = {"nonce": "0" * 32}
    lab.press("1")
    lab.deliver("welcome", jws)
    lab.press("2")
    assert lab.wall_ms == wall
    assert lab.state.dropped >= 2
    lab.advance(6)
    assert lab.state.contact is None
    assert "retry" in lab.state.timers


def test_a_welcome_after_five_seconds_is_too_late() -> None:
    lab = started("mute")
    lab.press("1")
    lab.advance(4)
    contact = lab.state.contact
    assert contact is not None
    assert contact.nonce
    lab.mono += 2
    payload = {
        "v": 1,
        "lock": LOCK,
        "nonce": contact.nonce,
        "now": 5,
        "version": 1,
        "digest": lab.server.digest,
        "ack_seq": 0,
        "next_sync_at": 0,
    }
    wall = lab.wall_ms
    lab.feed(
        stimuli.Received(
            f"kaiho/v1/locks/{LOCK}/down/welcome", lab.server.sign(payload, "kaiho-welcome").encode(), False
        )
    )
    assert lab.wall_ms == wall


def test_the_clock_is_set_by_a_welcome_and_a_step_back_is_told() -> None:
    lab = started()
    assert lab.wall_ms == lab.true_ms
    lab.wall_ms += 200_000
    lab.press("1*#")
    lab.settle()
    assert lab.events("time_changed") == []
    lab.wall_ms += 400_000
    lab.advance(700)
    lab.press("1*#")
    lab.settle()
    assert lab.wall_ms == lab.true_ms
    assert len(lab.events("time_changed")) == 1
    assert lab.state.high_water <= lab.now


def test_clock_quality_falls_to_holdover_after_two_days_and_unknown_without_power() -> None:
    lab = started()
    lab.network = "down"
    lab.advance(47 * 3600)
    lab.enter("12345678")
    lab.advance(3 * 3600)
    lab.enter("12345678")
    lab.power_cycle()
    lab.enter("12345678")
    qualities = [event["clock_quality"] for event in lab.events("lock_operation_error")]
    assert qualities == ["synced", "holdover", "unknown"]


def test_the_high_water_time_survives_and_never_goes_back() -> None:
    lab = started()
    lab.advance(7300)
    high = lab.state.high_water
    assert high >= lab.now - 3700
    lab.network = "down"
    lab.power_cycle()
    assert lab.state.high_water == high
    lab.advance(9999)
    assert lab.state.high_water == high


def test_events_wait_until_they_are_acknowledged_and_come_fifty_at_a_time() -> None:
    lab = started("down")
    for index in range(130):
        lab.feed(stimuli.DoorMoved("open" if index % 2 else "closed"))
    lab.network = "up"
    lab.advance(13 * 3600)
    lab.settle()
    assert lab.state.log.records == []
    assert sorted(lab.server.events) == list(range(1, max(lab.server.events) + 1))
    assert max(len(hello["events"]) for hello in lab.server.hellos) == 50


def test_a_server_that_acknowledges_nothing_hears_no_endless_hellos() -> None:
    lab = started("down")
    for index in range(60):
        lab.feed(stimuli.DoorMoved("open" if index % 2 else "closed"))
    before = len(lab.server.hellos)
    lab.welcome_changes = {"ack_seq": 0}
    lab.network = "up"
    lab.advance(13 * 3600)
    assert len(lab.server.hellos) - before <= 3
    assert len(lab.state.log.records) >= 60


def test_ten_hellos_end_a_contact() -> None:
    lab = started()
    before = len(lab.server.hellos)
    lab.press("1")
    for _ in range(20):
        lab.server.publish(lab.now)
        lab.feed(
            stimuli.Received(
                f"kaiho/v1/locks/{LOCK}/down/desired", (lab.server.desired_jws or "").encode(), False
            )
        )
    assert len(lab.server.hellos) - before == 10
    lab.settle()
    assert lab.state.contact is None


def test_a_withheld_desired_raises_stale_desired() -> None:
    lab = started()
    lab.withhold_desired = True
    lab.server.publish(lab.now)
    lab.press("1*#")
    lab.settle()
    assert [event["alarm"] for event in lab.events("door_lock_alarm")] == ["stale_desired"]
    assert lab.state.desired.version == 1
    lab.withhold_desired = False
    lab.advance(700)
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 2
    assert lab.server.hellos[-1]["result"] == "ok"


def test_a_desired_that_comes_after_the_welcome_is_applied_and_told() -> None:
    lab = started()
    lab.withhold_desired = True
    lab.press("1*#")
    lab.server.publish(lab.now)
    lab.advance(0.3)
    lab.feed(
        stimuli.Received(
            f"kaiho/v1/locks/{LOCK}/down/desired", (lab.server.desired_jws or "").encode(), False
        )
    )
    lab.settle()
    assert (lab.server.hellos[-1]["why"], lab.server.hellos[-1]["applied"]) == ("applied", 2)
    assert lab.events("door_lock_alarm") == []


@pytest.mark.parametrize("defect", ["other_lock", "flipped", "up_key", "not_json"])
def test_a_poisoned_retained_message_changes_nothing_but_result(defect: str) -> None:
    window = window_at(Lab())
    lab = started(grants=[window])
    good = lab.server.desired_jws or ""
    payload: dict[str, Any] = {"v": 1, "lock": "ff" * 8, "version": 9}
    lab.server.desired_jws = {
        "other_lock": lab.server.sign(payload, "kaiho-desired"),
        "flipped": good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1],
        "up_key": lab.server.sign({**payload, "lock": LOCK}, "kaiho-desired", kid=f"{LOCK}:up:0"),
        "not_json": "\x00\x01",
    }[defect]
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 1
    assert lab.server.hellos[-1]["result"] == "bad_envelope"
    assert lab.enter(lab.server.code(*window)) == "granted"


def test_an_older_version_and_an_older_code_epoch_are_stale() -> None:
    lab = started()
    old = lab.server.desired_jws
    lab.server.epoch = 1
    lab.server.publish(lab.now)
    lab.press("1*#")
    lab.settle()
    assert (lab.state.desired.version, lab.state.desired.epoch) == (2, 1)
    for jws in (old, None):
        if jws is None:
            lab.server.epoch = 0
            jws = lab.server.publish(lab.now)
        lab.server.desired_jws = jws
        lab.advance(901)
        lab.press("1*#")
        lab.settle()
        assert lab.state.desired.version == 2
        assert lab.server.hellos[-1]["result"] == "stale"


def test_the_same_version_with_another_digest_is_a_conflict_and_the_old_one_stays() -> None:
    window = window_at(Lab())
    lab = started(grants=[window])
    lab.server.version = 0
    lab.server.publish(lab.now, grants=[])
    lab.press("1*#")
    lab.settle()
    assert lab.server.hellos[-1]["result"] == "conflict"
    assert "desired_conflict" in [event["alarm"] for event in lab.events("door_lock_alarm")]
    assert lab.state.desired.grants == [tuple(window)]


@pytest.mark.parametrize(
    "changes,result",
    [({"v": 2}, "unsupported"), ({"grants": "x"}, "bad_envelope"), ({"config": {}}, "bad_envelope")],
)
def test_a_desired_of_another_form_is_reported_and_not_applied(changes: dict[str, Any], result: str) -> None:
    lab = started()
    head = {"v": 1, "lock": LOCK, "version": 2, "issued_at": lab.now, "epoch": 0}
    lab.server.desired_jws = lab.server.sign({**head, **lab.server.desired, **changes}, "kaiho-desired")
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 1
    assert lab.server.hellos[-1]["result"] == result


def test_an_announced_mac_epoch_is_adopted_and_the_old_one_refused_from_then_on() -> None:
    lab = started()
    old_welcome_epoch = lab.server.mac_epoch
    lab.server.publish(lab.now, next_mac_epoch=1)
    lab.press("1*#")
    lab.settle()
    assert (old_welcome_epoch, lab.server.mac_epoch, lab.state.mac_epoch) == (0, 1, 1)
    assert lab.server.hellos[-1]["mac_epoch"] == 1
    lab.advance(901)
    lab.press("1*#")
    lab.settle()
    assert lab.state.desired.version == 2
    lab.power_cycle()
    assert lab.state.mac_epoch == 1


def test_a_new_code_epoch_changes_every_code() -> None:
    window = window_at(Lab())
    lab = started(grants=[window])
    old_code = lab.server.code(*window)
    lab.server.epoch = 1
    lab.server.publish(lab.now)
    assert lab.enter(old_code) == "invalid_credential"
    assert lab.enter(lab.server.code(*window)) == "granted"


@pytest.mark.parametrize("kept", [False, True])
def test_a_power_cut_while_applying_leaves_the_old_or_the_new_version_whole(kept: bool) -> None:
    lab = started(grants=[window_at(Lab())])
    lab.server.publish(lab.now, grants=[window_at(lab, rev=3)])
    lab.press("1")
    images = [effect.image for effect in lab.done if isinstance(effect, effects.FlashWrite)]
    cut = next(i for i, image in enumerate(images) if b'version\\": 2' in image)
    assert cut
    lab = started(grants=[window_at(Lab())])
    lab.server.publish(lab.now, grants=[window_at(lab, rev=3)])
    lab.cut_at = (cut, kept)
    with pytest.raises(PowerCut):
        lab.press("1")
    lab.cut_at = None
    lab.network = "down"
    lab.power_cycle(clock_kept=True)
    assert lab.state.desired.version == (2 if kept else 1)
    assert lab.state.desired.grants[0][3] == (3 if kept else 0)


def command(lab: Lab, kind: str, name: str = "c1", args: Any = None, expires_in: int = 60, v: int = 1) -> str:
    payload = {
        "v": v,
        "lock": LOCK,
        "id": name,
        "kind": kind,
        "args": args,
        "issued_at": lab.now,
        "expires_at": lab.now + expires_in,
    }
    return lab.server.sign(payload, "kaiho-command")


def send(lab: Lab, jws: str, retained: bool = False) -> None:
    """Deliver a command inside a contact."""
    lab.press("1")
    lab.feed(stimuli.Received(f"kaiho/v1/locks/{LOCK}/down/command", jws.encode(), retained))
    lab.settle()
    lab.advance(901)


def test_a_command_runs_once() -> None:
    lab = started()
    order = command(lab, "set_mode", args={"operating_mode": "passage"}, expires_in=100)
    lab.press("1")
    for _ in range(3):
        lab.feed(stimuli.Received(f"kaiho/v1/locks/{LOCK}/down/command", order.encode(), False))
    lab.settle()
    assert [event["result"] for event in lab.events("command_result")] == ["ok"]
    assert lab.bolt == "unlocked"
    lab.advance(900)
    assert lab.bolt == "unlocked"
    lab.server.publish(lab.now)
    lab.press("1*#")
    lab.settle()
    lab.advance(60)
    assert (lab.state.operating_mode(), lab.bolt) == ("normal", "locked")


@pytest.mark.parametrize(
    "expires_in,retained,clock", [(-1, False, True), (121, False, True), (60, True, True), (60, False, False)]
)
def test_a_stale_retained_or_untimely_command_never_runs(
    expires_in: int, retained: bool, clock: bool
) -> None:
    lab = started()
    lab.state.clock_known = clock
    lab.network = "up" if clock else "mute"
    send(lab, command(lab, "set_mode", args={"operating_mode": "passage"}, expires_in=expires_in), retained)
    assert lab.events("command_result") == []
    assert lab.bolt == "locked"


def test_an_unknown_command_is_answered_and_does_nothing() -> None:
    lab = started()
    send(lab, command(lab, "self_destruct"))
    send(lab, command(lab, "identify", "c2"))
    send(lab, command(lab, "sync_now", "c3"))
    assert [event["result"] for event in lab.events("command_result")] == ["unsupported", "ok", "ok"]
    assert any(isinstance(effect, effects.Identify) for effect in lab.done)
