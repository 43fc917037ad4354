"""`make bench`: the figures, each beside its limit of the same run; ends with 1 where an aim is missed.

    python -m tests.bench [--database sqlite|postgresql|both] [--rounds N] [--short] [--workers N --threads N]

Everything listens on loopback and lives in a temporary folder. A machine that does other things at the same
time gives other figures: compare the shares, not the numbers.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.bench import figures, machine, night
from tests.bench.broker_floor import CLIENTS
from tests.bench.contacts import Contacts
from tests.bench.figures import Figure
from tests.bench.run import DEFAULTS, Run, Server, Size, count_small, page_counts
from tests.bench.webhooks import CONNECTIONS
from tests.servers.postgres import running_postgres
from tests.servers.schema import sqlite_url

METHOD = """\
Town: the seed with a lock at every gym ({locks}), {year}, {residents} signed-in residents.
Server: `kaiho web` ({servers}).
Client: raw keep-alive connections from one process on the same machine.
{rounds} rounds, measurements and limits in turn; medians, (lowest–highest) of the rounds.
Bare page: a one-line Flask application behind the same server, same client.
Bare insert: the rows of one hold (reservation, claims, owed mail) by the driver alone, a durable transaction
each ({bare}).
Settle: one worker; half of the sessions are read from `payments.sandbox`, a process of this machine, half
from memory.
Webhooks: four messages a payment, two of them the same, mixed and signed, over {connections} connections.
Audit: a town of its own, a year that is over, with its payments (of a hundred 80 by card, 8 in cash, 6 by
slip, 6 by invoice), refunds, ledger, Stripe's movements and payouts, closed months; bare read: each of their
rows once, by the driver alone.
Fleet: {fleet:,} simulated locks in one process, one gateway, one Mosquitto, on a database of their own.
Contact of the bare broker: the same packets with nobody who thinks at either end, {clients} at a time."""

SHORT = Size(
    rounds=1,
    reservations=1500,
    pages=5,
    holds=60,
    confirmed=20,
    settled=20,
    events=80,
    bare=200,
    builds=2,
    locks=30,
)


def main() -> int:
    """Measure, print one table, say whether every aim is met."""
    wanted = _arguments()
    logging.disable(logging.INFO)
    begun = time.perf_counter()
    size = SHORT if wanted.short else Size()
    size = replace(size, rounds=wanted.rounds or size.rounds)
    lines = machine.describe()
    found: list[Figure] = []
    runs: list[Run] = []
    for name in ("SQLite", "PostgreSQL"):
        if wanted.database not in ("both", name.lower()):
            continue
        server = DEFAULTS[name]
        server = Server(wanted.workers or server.workers, wanted.threads or server.threads)
        with _database(name) as url:
            few = count_small(url)
        with _database(name) as url:
            run = Run(name, url, size, server)
            if name == "PostgreSQL":
                lines.append(machine.postgres_version(run.town.services))
            found += [*run.figures(), page_counts(name, few, run)]
            runs.append(run)
        with _database(name) as url:
            found += Contacts(name, url, locks=size.locks).figures()
        with _database(name) as url:
            found += night.measured(name, url, reservations=size.reservations, rounds=size.rounds)
    print("\n".join(["## Machine", "", *(f"- {line}" for line in lines), "", "## Method", ""]))
    print(_method(runs, size))
    print(f"\n## Figures\n\n{figures.table(found)}\n\nTook {time.perf_counter() - begun:.0f} s.")
    missed = [figure for figure in found if figure.is_met is False]
    for figure in missed:
        print(
            f"aim missed on {figure.database}: {figure.what}: {figure.value}, {figure.aim}", file=sys.stderr
        )
    return 1 if missed else 0


def _method(runs: list[Run], size: Size) -> str:
    return METHOD.format(
        locks=len(runs[0].town.locks),
        year=f"a year of {runs[0].year.reservations:,} reservations with {runs[0].year.claims:,} claims "
        f"and {runs[0].year.closures} closed days",
        residents=len(runs[0].town.residents),
        servers=", ".join(
            f"{run.name}: {run.server.workers} process(es) × {run.server.threads} threads" for run in runs
        ),
        rounds=size.rounds,
        fleet=size.locks,
        connections=CONNECTIONS,
        clients=CLIENTS,
        bare="PostgreSQL: 16 connections of 2 processes, SQLite: its one writer",
    )


@contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "SQLite":
        with tempfile.TemporaryDirectory(prefix="kaiho-bench-") as folder:
            yield sqlite_url(Path(folder) / "kaiho.sqlite3")
        return
    with running_postgres(durable=True) as server:
        server.drop("kaiho_bench")
        yield server.create("kaiho_bench")
        server.drop("kaiho_bench")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--rounds", type=int, help=f"{Size().rounds}, short {SHORT.rounds}")
    parser.add_argument(
        "--short", action="store_true", help="small numbers: shows that it works, measures little"
    )
    parser.add_argument("--workers", type=int, help="processes of the web server")
    parser.add_argument("--threads", type=int, help="threads of each")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
