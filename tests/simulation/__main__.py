"""`python -m tests.simulation --seeds 500`: one line a seed, exit status 1 where one broke a promise."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import structlog

from tests.servers.schema import copy_sqlite_template, make_sqlite_template
from tests.simulation.town import run_seed


def main() -> int:
    """Run the seeds that were asked for; the number of those that broke a promise, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--story", action="store_true", help="tell what happened in seeds that broke a promise"
    )
    given = parser.parse_args()
    structlog.configure(processors=[_drop])
    covered: Counter[str] = Counter()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="kaiho-simulation-") as name:
        folder = Path(name)
        template = make_sqlite_template(folder)
        for seed in range(given.first, given.first + given.seeds):
            url = copy_sqlite_template(template, folder)
            found = run_seed(url, seed)
            Path(url.removeprefix("sqlite:///")).unlink()
            covered += found.coverage
            broken += found.violation is not None
            tell(
                f"{seed} {found.climate}: {found.events} events, {found.digest}, {found.violation or 'kept'}"
            )
            if given.story and found.violation:
                tell("\n".join(found.story))
    for what, count in sorted(covered.items()):
        tell(f"  {what}: {count}")
    return min(broken, 1)


def tell(line: str) -> None:
    """A line on standard output, now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _drop(_logger: object, _name: str, _event: object) -> str:
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
