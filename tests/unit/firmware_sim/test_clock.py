"""The clock chip."""

from firmware_sim.clock import FACTORY_WALL_MS, DriftingClock, ppm_of
from firmware_sim.edge import entropy, unix_ms


def test_no_lock_drifts_more_than_it_may_and_each_has_its_own_drift() -> None:
    drifts = [ppm_of(f"{index:016x}", 20) for index in range(200)]
    assert all(-20 <= drift <= 20 for drift in drifts)
    assert len(set(drifts)) == 200
    assert min(drifts) < 0 < max(drifts)


def test_a_chip_runs_on_through_a_restart_and_starts_over_without_power() -> None:
    clock = DriftingClock(20.0)
    clock.set(1_800_000_000_000)
    other = DriftingClock(20.0)
    other.resume({"host_ms": unix_ms() - 86_400_000, "wall_ms": 1_800_000_000_000})
    assert 1_728 - 5 <= other.wall_ms() - 1_800_086_400_000 <= 1_728 + 500
    other.lose_power()
    assert 0 <= other.wall_ms() - FACTORY_WALL_MS < 1000


def test_entropy_is_the_machines_own_unless_a_seed_is_given() -> None:
    assert entropy(None, "a", b"") != entropy(None, "a", b"")
    assert entropy("7", "a", b"x") == entropy("7", "a", b"x")
    assert len({entropy("7", "a", b"x"), entropy("7", "b", b"x"), entropy("7", "a", b"y")}) == 3
