"""Each plan of faults at a whole door: what goes wrong, what the lock says of it, and that it heals."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_sim.faults.plan import PLANS, plan_of
from firmware_sim.view import view
from tests.servers.processes import ROOT
from tests.unit.firmware_sim.server_double import GRANULE
from tests.unit.firmware_sim.yard import Yard

Factory = pytest.TempPathFactory
ASKED = (
    *(
        "power-cuts",
        "worn-flash",
        "full-flash",
        "drift",
        "lost-clock",
        "cold-battery",
        "jam",
        "door-left-open",
    ),
    *("key-not-returned", "no-radio", "slow-network", "half-open", "lossy", "withheld", "replayed", "forged"),
    "everything",
)


def test_every_plan_has_its_name_and_a_seed_draws_the_same_mixture_again() -> None:
    assert set(ASKED) <= set(PLANS)
    drawn = {plan_of(str(seed)) for seed in range(40)}
    assert len(drawn) > 30
    assert plan_of("7") == plan_of("7")
    assert plan_of("7").name == "seed 7"


def test_the_document_names_every_plan() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == [name for name in PLANS if name != "none"]


@pytest.mark.parametrize("plan", [*ASKED, "11", "12", "13", "見本"])
def test_after_two_days_of_trouble_two_contacts_without_it_make_both_sides_equal(
    tmp_path: Path, plan: str
) -> None:
    yard = Yard(tmp_path, plan).start(grants=[])
    live_two_days(yard)
    heal(yard)
    assert yard.door.state.desired.version == yard.server.version
    assert yard.door.state.result == "ok"
    assert yard.door.state.log.records == []
    stored = sorted(yard.server.events)
    lost = [event["range"] for event in yard.server.events.values() if event.get("alarm") == "log_overflow"]
    missing = set(range(1, yard.door.state.log.next_seq)) - set(stored)
    assert missing <= {seq for low, high in lost for seq in range(low, high + 1)}


def live_two_days(yard: Yard) -> None:
    """Visitors with the code of now, and others with tomorrow's and yesterday's, which never opens."""
    for hour in range(48):
        now = yard.window()
        tomorrow, yesterday = [now[0] + 48, *now[1:]], [now[0] - 48, *now[1:]]
        if hour % 5 == 0:
            yard.server.publish(yard.now, grants=sorted([yesterday, now, tomorrow]))
        if hour % 3 == 0:
            yard.enter(yard.server.code(*now))
        for other in (tomorrow, yesterday):
            decided = yard.enter(yard.server.code(*other))
            assert decided is None or not decided.opens
        yard.advance(3500)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9))
def test_any_seed_heals_and_never_opens_for_another_day(tmp_path_factory: Factory, seed: int) -> None:
    yard = Yard(tmp_path_factory.mktemp("yard"), str(seed)).start(grants=[])
    live_two_days(yard)
    heal(yard)
    assert yard.door.state.desired.version == yard.server.version
    numbers = [hello["n"] for hello in yard.server.hellos]
    assert numbers == sorted(set(numbers))


def test_a_clock_that_anybody_could_set_would_open_for_yesterdays_party(tmp_path: Path) -> None:
    """Negative control: the same entry by the right time, and by what a replayed welcome would tell."""
    yard = Yard(tmp_path).start()
    yesterday = [yard.window()[0] - 48, *yard.window()[1:]]
    yard.server.publish(yard.now, grants=[yesterday])
    yard.sync()
    yard.is_up = False
    opened = []
    for back_s in (0, 86400):
        yard.door.body.clock.set((yard.now - back_s) * 1000)
        decided = yard.enter(yard.server.code(*yesterday))
        assert decided is not None
        opened.append(decided.opens)
    assert opened == [False, True]


def heal(yard: Yard) -> None:
    """The same flash and iron in a world without faults; two contacts."""
    yard.door.stop()
    yard.faults = type(yard.faults)(PLANS["none"], yard.server.lock)
    yard.door = yard.new_door()
    yard.door.start()
    yard.advance(120)
    yard.sync()


def test_power_cuts_at_writes_never_mix_versions(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "power-cuts").start()
    versions = []
    for _ in range(60):
        yard.server.publish(yard.now, grants=[yard.window(), yard.window(1)])
        yard.sync()
        state = yard.door.state
        if state.powered and state.desired.version:
            versions.append(state.desired.version)
            assert state.desired.digest
    assert yard.door.state.boot > 10
    assert versions == sorted(versions)
    assert versions[-1] > 40


def test_a_worn_bank_is_noticed_and_nothing_is_lost(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "worn-flash").start()
    for _ in range(10):
        yard.server.publish(yard.now, grants=[yard.window()])
        yard.sync()
    assert yard.door.state.desired.version == yard.server.version
    assert yard.door.state.boot == 1


def test_full_flash_keeps_the_old_version_and_says_so(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "full-flash")
    window = yard.window()
    yard.start(grants=[window])
    yard.server.publish(yard.now, sellable=[[window[0] + 4 * index, [2, 4], 3] for index in range(300)])
    yard.sync()
    assert yard.door.state.desired.version == 1
    assert yard.server.hellos[-1]["result"] == "unsupported"
    decided = yard.enter(yard.server.code(*window))
    assert decided is not None
    assert decided.opens


def test_a_bare_crystal_in_the_cold_loses_minutes_and_a_contact_mends_it(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "drift").start()
    yard.is_up = False
    yard.advance(10 * 86400)
    behind = yard.now - yard.door.body.clock.wall_ms() / 1000
    assert 100 < behind < 200
    yard.is_up = True
    yard.sync()
    assert abs(yard.now - yard.door.body.clock.wall_ms() / 1000) < 1


def test_a_lost_clock_refuses_residents_until_the_next_contact(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "lost-clock")
    window = yard.window()
    yard.start(grants=[window])
    yard.is_up = False
    yard.advance(1400)
    assert view(yard.door)["clock"]["quality"] == "unknown"
    refused = yard.enter(yard.server.code(*window))
    assert refused is not None
    assert not refused.opens
    yard.is_up = True
    yard.sync()
    decided = yard.enter(yard.server.code(*window))
    assert decided is not None
    assert decided.opens


def test_cold_cells_fail_at_night_and_the_lock_says_why(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "cold-battery").start()
    outcomes = set()
    for _ in range(12):
        window = yard.window()
        yard.server.publish(yard.now, grants=[window])
        yard.sync()
        decided = yard.enter(yard.server.code(*window))
        outcomes.add(decided and decided.outcome)
        yard.advance(7000)
    assert "insufficient_battery" in outcomes
    assert {"battery_low", "battery_critical"} & set(yard.alarms())
    errors = {event["error"] for event in yard.events("lock_operation_error")}
    assert "insufficient_battery" in errors
    assert min(hello["temperature_c"] for hello in yard.server.hellos) < -10


def test_a_bolt_that_jams_is_told_and_opens_at_another_try(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "jam")
    window = yard.window()
    yard.start(grants=[window])
    for _ in range(12):
        yard.enter(yard.server.code(*window))
        yard.advance(120)
    openings = [event for event in yard.events("lock_operation") if event["operation"] == "unlock"]
    assert 0 < len(openings) < 12
    assert "lock_jammed" in yard.alarms()


def test_a_door_left_open_and_a_door_forced_alarm(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "door-left-open").start()
    for _ in range(12):
        window = yard.window()
        yard.server.publish(yard.now, grants=[window])
        yard.sync()
        yard.enter(yard.server.code(*window))
        yard.advance(9000)
    assert {"door_ajar", "door_forced_open"} <= set(yard.alarms())


def test_a_key_that_does_not_come_back_is_out_beyond_the_end(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "key-not-returned").start()
    late = []
    for _ in range(8):
        window = yard.window()
        yard.server.publish(yard.now, grants=[window])
        yard.sync()
        yard.enter(yard.server.code(*window))
        yard.advance((window[0] + 4) * GRANULE + 60 - yard.now)
        late.append(yard.door.state.key)
        yard.advance(86400)
    assert {"out", "present"} == set(late)


@pytest.mark.parametrize(
    "plan", ["no-radio", "slow-network", "half-open", "lossy", "withheld", "replayed", "forged"]
)
def test_whatever_the_network_does_a_known_code_opens_and_nothing_else_does(
    tmp_path: Path, plan: str
) -> None:
    yard = Yard(tmp_path, "none")
    window = yard.window()
    yard.start(grants=[window])
    yard.door.stop()
    yard.faults = type(yard.faults)(PLANS[plan], yard.server.lock)
    yard.door = yard.new_door()
    yard.door.start()
    yard.advance(60)
    before = yard.door.state.desired.version
    for _ in range(4):
        decided = yard.enter(yard.server.code(*window))
        assert decided is not None
        assert decided.opens
        wrong = yard.enter("27182818")
        assert wrong is not None
        assert not wrong.opens
        yard.advance(600)
    assert yard.door.state.desired.version >= before


def test_forged_messages_are_dropped_and_counted(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "forged").start()
    for _ in range(5):
        yard.sync()
    assert yard.door.state.dropped > 5
    assert yard.door.state.desired.version == 1


def test_a_replayed_command_runs_once(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "replayed").start()
    for _ in range(20):
        yard.sync()
    assert yard.events("command_result") == []
    assert yard.door.state.dropped > 20


def test_a_withheld_version_is_told_as_stale(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "withheld").start()
    for _ in range(6):
        yard.server.publish(yard.now)
        yard.sync()
    assert "stale_desired" in yard.alarms()


def test_without_faults_none_of_this_happens(tmp_path: Path) -> None:
    """Negative control: the same two days at a healthy door."""
    yard = Yard(tmp_path).start()
    for _ in range(8):
        window = yard.window()
        yard.server.publish(yard.now, grants=[window])
        yard.sync()
        decided = yard.enter(yard.server.code(*window))
        assert decided is not None
        assert decided.opens
        yard.advance(21_000)
    assert yard.alarms() == []
    assert yard.door.state.boot == 1
    assert yard.door.state.dropped == 0
    assert yard.events("lock_operation_error") == []
