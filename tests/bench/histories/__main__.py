"""Many histories and what came of them; ends with 1 where a valid code was refused or a door was wrong.

python -m tests.bench.histories [--histories N] [--first SEED] [--workers N]
python -m tests.bench.histories --compare N    the same seeds on the real steps with a database
"""

import argparse
import tempfile
import time
from pathlib import Path

from core.database import Base, Database
from tests.bench.histories.history import History, run_plain
from tests.bench.histories.plan import plan_of
from tests.bench.histories.steps_server import on_database
from tests.bench.histories.summary import Summary, run_many
from tests.servers.schema import sqlite_url

MANY = 20_000


def main() -> int:
    """Run, print, judge."""
    wanted = _arguments()
    if wanted.compare:
        return _compare(wanted.first, wanted.compare)
    begun = time.perf_counter()
    found = run_many(wanted.first, wanted.histories, wanted.workers)
    print(report(found, time.perf_counter() - begun))
    return 0 if found.is_right else 1


def report(found: Summary, took_s: float) -> str:
    """The table, and whatever must not be."""
    lines = [
        found.table(),
        "",
        f"Took {took_s:.0f} s, {1000 * found.cpu_s / found.histories:.0f} ms a history.",
    ]
    lines += [f"**seed {seed}: {what}**" for seed, what in found.odd[:20]]
    return "\n".join(lines)


def _compare(first: int, count: int) -> int:
    """How many seeds have another trace on the real steps."""
    other = 0
    with tempfile.TemporaryDirectory(prefix="kaiho-histories-") as folder:
        database = Database(sqlite_url(Path(folder) / "kaiho.sqlite3"))
        Base.metadata.create_all(database.engine)
        for seed in range(first, first + count):
            if History(plan_of(seed), on_database(database)).run().digest != run_plain(seed).digest:
                other += 1
                print(f"seed {seed}: another trace on the real steps")
        database.dispose()
    print(f"{count - other} of {count} histories have the same trace on the real steps.")
    return 1 if other else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=MANY)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--compare", type=int, default=0, help="run so many on a database too")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
