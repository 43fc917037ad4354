"""Seeds of the town: every promise holds after every step, and each run can be had again."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.simulation.town import run_seed
from tests.simulation.weather import Climate

SEEDS = int(os.environ.get("KAIHO_SEEDS", "6"))
"""Every climate at least once; more by hand or at night."""
STORM = Climate(
    "storm",
    days=1.5,
    bookings=20,
    message_faults=0.2,
    stripe_faults=0.15,
    crashes=0.1,
    interleaving=0.3,
    lock_outages=2.0,
    power_cuts=2.0,
    server_outages=1.0,
)
BRIEF = replace(STORM, name="brief", days=0.5, bookings=10)
MET = {
    "broker_away",
    "charged",
    "crash:after_commit",
    "crash:before_commit",
    "crash:call",
    "crash:statement",
    "gateway_away",
    "hello_lost",
    "hello_twice",
    "hello_withheld",
    "interleaved",
    "lock_cut_off",
    "move:confirmed->cancelled",
    "move:confirmed->used",
    "move:held->confirmed",
    "move:held->expired",
    "power_cut",
    "power_cut_at_a_flash_write",
    "replayed",
    "retained_old",
    "stranger:invalid_credential",
    "stripe:timeout_after",
    "stripe:timeout_before",
    "valid:granted",
    "webhook:accepted",
    "welcome_lost",
    "worker_away",
}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_town_keeps_its_promises(seed: int, fresh_url: Callable[[], str]) -> None:
    found = run_seed(fresh_url(), seed)
    assert found.violation is None, "\n".join([found.violation or "", *found.story[-60:]])
    assert found.events > 500


def test_a_storm_brings_every_fault_and_breaks_nothing(fresh_url: Callable[[], str]) -> None:
    covered: Counter[str] = Counter()
    for seed in range(3):
        found = run_seed(fresh_url(), seed, STORM)
        assert found.violation is None, "\n".join([found.violation or "", *found.story[-60:]])
        covered += found.coverage
    assert not MET - covered.keys()


def test_town_keeps_its_promises_on_postgresql(postgres_database_url: str) -> None:
    found = run_seed(postgres_database_url, 3, BRIEF)
    assert found.violation is None, "\n".join([found.violation or "", *found.story[-60:]])
    assert found.coverage["charged"]


def test_the_same_seed_lives_the_same_life(fresh_url: Callable[[], str]) -> None:
    first, again, other = (run_seed(fresh_url(), seed, BRIEF) for seed in (7, 7, 8))
    assert first.violation is None
    assert first.digest == again.digest, _parting(first.story, again.story)
    assert first.digest != other.digest


def _parting(one: list[str], other: list[str]) -> str:
    return next(
        (f"{mine} | {theirs}" for mine, theirs in zip(one, other, strict=False) if mine != theirs), ""
    )
