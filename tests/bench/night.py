"""How long the nightly audit takes over a year of reservations with all their money.

    python -m tests.bench.night [--database sqlite|postgresql|both] [--reservations N] [--rounds N]

Beside it the hourly comparison with Stripe's books over the same year, and the limit of both: the driver
alone reads every row of the tables of money once.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from booking.money_desk.nightly import CHECKS, audit_night
from booking.seed.year import plant_year
from payments.comparing import compare, snapshot
from tests.bench import figures, measure
from tests.bench.figures import Figure
from tests.bench.money_year import MoneyYear
from tests.bench.town import BenchTown
from tests.servers.postgres import running_postgres
from tests.servers.schema import sqlite_url

NIGHT_WITHIN_S = 60.0
_READ = ("reservation", "payment", "payment_item", "refund", "charge", "ledger_entry", "stripe_movement")


@dataclass(frozen=True, slots=True)
class Night:
    """One audit."""

    took_s: float
    compared_s: float
    """The comparison of settlement."""
    floor_s: float
    """Every row read once by the driver alone."""
    slowest: tuple[str, float]
    """The check that took longest, and its seconds."""
    findings: int
    statements: int


def plant(town: BenchTown, reservations: int) -> dict[str, int]:
    """A whole year that is over, with its money; rows by table."""
    with town.services.database.transaction() as session:
        plant_year(
            session,
            municipality_id=town.municipality_id,
            first=town.today - timedelta(days=366),
            days=365,
            reservations=reservations,
            now=town.now,
        )
        year = MoneyYear(session, town.municipality_id)
        year.plant(now=town.now)
    if not town.services.database.is_sqlite:
        with town.services.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE"))
    return dict(year.rows)


def audit(town: BenchTown) -> Night:
    """Audit once, compare once, read once."""
    database, asked = town.services.database, town.municipality_id
    now = town.services.clock.now()
    with database.reading() as session, measure.statements(database) as sent:
        snapshot(session)
        begun = time.perf_counter()
        found = audit_night(session, municipality_id=asked, now=now)
        took = time.perf_counter() - begun
        count = len(sent)
    with database.reading() as session:
        snapshot(session)
        begun = time.perf_counter()
        compared = compare(session, municipality_id=asked, now=now)
        compared_s = time.perf_counter() - begun
    return Night(
        took,
        compared_s,
        _floor(town),
        _slowest(town),
        found.total + len(compared.open) + len(compared.under_way),
        count,
    )


def figures_of(name: str, rows: dict[str, int], nights: Sequence[Night]) -> list[Figure]:
    """The lines of the table."""
    middle = sorted(nights, key=lambda one: one.took_s)[len(nights) // 2]
    findings = max(one.findings for one in nights)
    told = ", ".join(
        f"{rows[table]:,} {table}" for table in ("reservation", "payment", "refund", "ledger_entry")
    )
    return [
        _seconds(f"nightly audit: {told}", name, [one.took_s for one in nights], nights, NIGHT_WITHIN_S),
        figures.counted(
            "— its slowest check", name, f"{middle.slowest[0]} {middle.slowest[1]:.2f} s", "", None
        ),
        figures.counted("— its findings in sound books", name, str(findings), "0", findings == 0),
        figures.counted("— its statements", name, str(middle.statements), "", None),
        figures.counted(
            f"hourly comparison with Stripe's books: {rows['stripe_movement']:,} movements",
            name,
            f"{sorted(one.compared_s for one in nights)[len(nights) // 2]:.2f} s",
            "",
            None,
        ),
    ]


def _seconds(what: str, name: str, took: Sequence[float], nights: Sequence[Night], most_s: float) -> Figure:
    middle = sorted(took)[len(took) // 2]
    floor = sorted(one.floor_s for one in nights)[len(nights) // 2]
    return Figure(
        what,
        name,
        f"{middle:.2f} s ({min(took):.2f}–{max(took):.2f})",
        f"{floor:.2f} s every row read once by the driver",
        f"{floor / middle:.0%}",
        f"≤ {most_s:.0f} s",
        middle <= most_s,
    )


def _slowest(town: BenchTown) -> tuple[str, float]:
    took = {}
    now = town.services.clock.now()
    with town.services.database.reading() as session:
        for name, check in CHECKS.items():
            begun = time.perf_counter()
            check(session, town.municipality_id, now)
            took[name] = time.perf_counter() - begun
    return max(took.items(), key=lambda pair: pair[1])


def _floor(town: BenchTown) -> float:
    with town.services.database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        begun = time.perf_counter()
        for table in _READ:
            cursor = driver.cursor()
            cursor.execute(f"SELECT * FROM {table}")
            while cursor.fetchmany(2000):
                pass
            cursor.close()
        return time.perf_counter() - begun


def measured(name: str, url: str, *, reservations: int, rounds: int) -> list[Figure]:
    """A year planted into an empty database, and audited."""
    town = BenchTown(url, residents=1)
    rows = plant(town, reservations)
    nights = [audit(town) for _ in range(rounds)]
    town.close()
    return figures_of(name, rows, nights)


@contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "SQLite":
        with tempfile.TemporaryDirectory(prefix="kaiho-bench-") as folder:
            yield sqlite_url(Path(folder) / "kaiho.sqlite3")
        return
    with running_postgres(durable=True) as server:
        server.drop("kaiho_bench_night")
        yield server.create("kaiho_bench_night")
        server.drop("kaiho_bench_night")


def main() -> int:
    """Measure on each database and print the lines; 1 where an aim is missed."""
    wanted = _arguments()
    logging.disable(logging.INFO)
    found: list[Figure] = []
    for name in ("SQLite", "PostgreSQL"):
        if wanted.database not in ("both", name.lower()):
            continue
        with _database(name) as url:
            found += measured(name, url, reservations=wanted.reservations, rounds=wanted.rounds)
    print(figures.table(found))
    return 1 if any(figure.is_met is False for figure in found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--reservations", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
