"""Seeds of the town: every promise holds after every step, and each run can be had again."""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation.town import Outcome, run_seed
from tests.simulation.weather import CLIMATES, Climate

SEEDS = int(os.environ.get("KAIHO_SEEDS", "12"))
BRIEF = Climate(
    "brief",
    days=1,
    bookings=15,
    message_faults=0.1,
    stripe_faults=0.1,
    crashes=0.1,
    interleaving=0.2,
    power_cuts=1.0,
)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What the seeds of this run came to."""
    return []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_town_keeps_its_promises(seed: int, fresh_url: Callable[[], str], outcomes: list[Outcome]) -> None:
    found = run_seed(fresh_url(), seed)
    outcomes.append(found)
    assert found.violation is None, "\n".join([found.violation or "", *found.story[-60:]])
    assert found.events > 1000


def test_the_seeds_met_what_can_go_wrong(outcomes: list[Outcome]) -> None:
    covered = sum((found.coverage for found in outcomes), Counter[str]())
    wanted = {
        "move:held->expired",
        "move:held->cancelled",
        "move:confirmed->cancelled",
        "move:confirmed->used",
        "move:confirmed->revoked",
        "move:requested->held",
        "charged",
        "settled_by_return",
        "webhook:duplicate",
        "interleaved",
        "crash:statement",
        "crash:after_commit",
        "crash:call",
        "stripe:timeout_after",
        "stripe:stored_after",
        "hello_lost",
        "hello_twice",
        "hello_withheld",
        "desired_lost",
        "welcome_late",
        "replayed",
        "retained_old",
        "lock_cut_off",
        "lock_cut_off_over_26h",
        "power_cut",
        "power_cut_at_a_flash_write",
        "valid:granted",
        "valid:derived:offline",
        "early:restricted",
        "stranger:invalid_credential",
        "cancelled:invalid_credential",
    }
    if len({found.climate for found in outcomes}) == len(CLIMATES) and len(outcomes) >= 12:
        assert not wanted - covered.keys()
    assert sum(covered.values()) > 100 * len(outcomes)


def test_the_same_seed_lives_the_same_life(fresh_url: Callable[[], str]) -> None:
    first, again, other = (run_seed(fresh_url(), seed, BRIEF) for seed in (7, 7, 8))
    assert first.violation is None
    assert first.digest == again.digest, _parting(first.story, again.story)
    assert first.digest != other.digest


def _parting(one: list[str], other: list[str]) -> str:
    return next(
        (f"{mine} | {theirs}" for mine, theirs in zip(one, other, strict=False) if mine != theirs), ""
    )
