"""`python -m tests.simulation.money`: ten thousand payments with all faults on, and the sum of the books.

Prints the figures; exit status 1 where a promise was broken or a yen differs.
"""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.schema import copy_sqlite_template, make_sqlite_template
from tests.simulation.money.proof import Outcome, run_proof


def main() -> int:
    """Run, and tell what was compared."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.money", description=__doc__)
    parser.add_argument("--payments", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--a-day", type=int, default=250, help="how many people come a day")
    given = parser.parse_args()
    # Statements and objects of Stripe's come and go by the million; looking for cycles among them is a tenth.
    gc.set_threshold(100_000, 20, 100)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kaiho-money-") as name:
        url = copy_sqlite_template(make_sqlite_template(Path(name)), Path(name))
        found = run_proof(url, given.seed, given.payments, a_day=given.a_day)
    tell(found)
    sys.stdout.write(f"\nTook {time.perf_counter() - begun:.0f} s.\n")
    return 0 if found.violation is None and not found.differences else 1


def tell(found: Outcome) -> None:
    """Coverage first, then what was compared, then what differs."""
    lines = [f"seed {found.seed}: {found.events:,} events", "", "What happened:"]
    lines += [f"  {what}: {count:,}" for what, count in sorted(found.coverage.items())]
    lines += ["", "What was compared:"]
    lines += [f"  {what}: {count:,}" for what, count in found.figures.items()]
    lines += ["", f"Broken promise: {found.violation or 'none'}", f"Differences: {len(found.differences)}"]
    lines += [f"  {one}" for one in found.differences]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
