"""Random histories: nobody with a right is refused, and the plain rows they run on decide as the steps do."""

from collections.abc import Callable
from datetime import datetime

import pytest

from core.database import Database
from core.window import Window
from tests.bench.histories.history import History, run_plain
from tests.bench.histories.plain_server import PlainServer
from tests.bench.histories.plan import plan_of
from tests.bench.histories.server import Secrets
from tests.bench.histories.steps_server import on_database
from tests.bench.histories.summary import REFUSED, run_seeds
from tests.bench.histories.timetable import Timetable

SEEDS = range(40)
COMPARED = {"sqlite": range(8), "postgresql": range(40, 42)}


def test_no_valid_code_is_refused_and_without_the_selling_rule_some_are() -> None:
    found = run_seeds(SEEDS)
    assert found.odd == []
    assert found.counts[REFUSED] == 0
    assert found.counts["openings by a right"] > 200
    assert found.control[REFUSED] > 0


def test_a_seed_replays_to_the_same_trace() -> None:
    first = run_plain(7)
    assert len(first.trace) > 10
    assert run_plain(7).trace == first.trace


def test_plain_rows_decide_as_the_real_steps_do(database_url: str, request: pytest.FixtureRequest) -> None:
    name = str(request.node.callspec.params["database_url"])
    database = Database(database_url)
    traces = {seed: History(plan_of(seed), on_database(database)).run().trace for seed in COMPARED[name]}
    database.dispose()
    for seed, trace in traces.items():
        assert run_plain(seed).trace == trace


class _ForgetsRevs(PlainServer):
    """Planted: sells a start as if nobody had ever held it."""

    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        kept, self._rows = self._rows, []
        try:
            return super().may_sell(window, courts, now=now)
        finally:
            self._rows = kept


class _SellsInTheDark(PlainServer):
    """Planted: takes its newest version for what the lock holds."""

    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        return self._timetable_lists(window, now) or super().may_sell(window, courts, now=now)

    def _timetable_lists(self, window: Window, now: datetime) -> bool:
        offered = self._timetable.windows(first=window.granules.start, last=window.granules.stop, now=now)
        return any(
            (one.granule, one.length) == (window.granules.start, len(window.granules)) for one in offered
        )


@pytest.mark.parametrize(("planted", "seeds"), [(_ForgetsRevs, range(20, 24)), (_SellsInTheDark, SEEDS)])
def test_a_wrong_selling_rule_shows_itself(
    planted: Callable[[Secrets, Timetable, datetime], PlainServer], seeds: range
) -> None:
    """Negative control of both: the trace is another one, and valid codes are refused."""
    refused = differs = 0
    for seed in seeds:
        outcome = History(plan_of(seed), planted).run()
        refused += outcome.counts[REFUSED]
        differs += outcome.digest != run_plain(seed).digest
    assert refused
    assert differs
