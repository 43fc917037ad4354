"""Faults from a seed, and what thousands of locks share."""

import json

import pytest

from firmware_sim.core.desired import Desired, read
from firmware_sim.core.state import State, factory_state
from firmware_sim.fleet.lean import Packed, Shelf
from firmware_sim.fleet.weather import PLANS, SILENT_AFTER_S, Weather

LOCKS = [f"{number:016x}" for number in range(2000)]


def test_no_plan_no_faults() -> None:
    weather = Weather(PLANS["none"], "1")
    assert all(weather.has_radio(lock, 5e6) for lock in LOCKS)
    assert not any(weather.cuts_contact() or weather.loses_message() for _ in range(500))


@pytest.mark.parametrize("plan", sorted(set(PLANS) - {"none"}))
def test_a_seed_draws_the_same_faults_again_and_another_seed_others(plan: str) -> None:
    def life(seed: str) -> list[bool]:
        weather = Weather(PLANS[plan], seed)
        return [
            *(weather.has_radio(lock, 2 * SILENT_AFTER_S) for lock in LOCKS),
            *(weather.cuts_contact() for _ in range(300)),
            *(weather.loses_message() for _ in range(300)),
        ]

    assert life("1") == life("1")
    assert life("1") != life("2")


def test_a_radio_is_away_for_the_share_of_hours_that_the_plan_says() -> None:
    weather = Weather(PLANS["radio"], "1")
    away = sum(not weather.has_radio(lock, 3600.0 * hour) for lock in LOCKS[:500] for hour in range(20))
    assert 0.04 < away / 10_000 < 0.06


def test_silent_locks_speak_for_a_day_and_never_again() -> None:
    weather = Weather(PLANS["silent"], "1")
    assert all(weather.has_radio(lock, SILENT_AFTER_S) for lock in LOCKS)
    silent = {lock for lock in LOCKS if not weather.has_radio(lock, SILENT_AFTER_S + 1)}
    assert 5 < len(silent) < 40
    assert silent == {lock for lock in LOCKS if not weather.has_radio(lock, 50 * SILENT_AFTER_S)}


def test_a_desired_state_on_the_shelf_says_what_it_said() -> None:
    plain = desired("0" * 16, 3)
    lean = tidied("0" * 16, 3).desired
    assert isinstance(lean, Packed)
    for name, value in plain.__dict__.items():
        if name not in ("config", "staff"):
            assert getattr(lean, name) == value, name
    assert lean.config.__dict__ == plain.config.__dict__


def test_locks_with_the_same_timetable_share_it() -> None:
    shelf = Shelf()
    one, two, other = (tidied(lock, 3, shelf=shelf) for lock in ("a" * 16, "b" * 16, "c" * 16))
    assert one.desired.sellable is two.desired.sellable is other.desired.sellable
    assert tidied("d" * 16, 4, shelf=shelf).desired.sellable is not one.desired.sellable


def test_a_packed_state_comes_back_from_flash_as_it_was() -> None:
    state = tidied("0" * 16, 3)
    again = factory_state("0" * 16, bytes(32), bytes(32))
    again.from_flash(state.to_flash())
    assert again.desired.octets == state.desired.octets
    assert again.desired.digest == state.desired.digest


def tidied(lock: str, starts: int, *, shelf: Shelf | None = None) -> State:
    """A lock that holds such a state, made lean."""
    state = factory_state(lock, bytes(32), bytes(32))
    state.desired = desired(lock, starts)
    (shelf or Shelf()).tidy(state)
    return state


def desired(lock: str, starts: int) -> Desired:
    """A desired state with so many sellable starts."""
    payload: dict[str, object] = {
        "v": 1,
        "lock": lock,
        "version": 7,
        "issued_at": 1_700_000_000,
        "lease_until": 1_703_000_000,
        "epoch": 0,
        "horizon": 950_000,
        "sellable": [[944_000 + 4 * number, [4, 8], 3] for number in range(starts)],
        "grants": [[944_000, 4, 1, 0]],
        "floors": [[944_004, 0, 2]],
        "staff": [],
        "config": {
            "early": 600,
            "late": 900,
            "auto_relock": 30,
            "door_ajar": 600,
            "wrong_code_limit": 5,
            "wrong_code_refill": 180,
            "operating_mode": "normal",
        },
    }
    return read(payload, json.dumps(payload, separators=(",", ":")).encode())
