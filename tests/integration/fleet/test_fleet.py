"""`kaiho fleet` as it runs: real broker, real gateway, eighty sleepy locks, days in seconds."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from booking.app.cli import main
from booking.demo.fleet_town import FleetTown, NotFresh, Sample, Wanted
from booking.demo.ports import wait_until
from core.database import Database
from locks.models import EventLoss, Lock, LockEvent
from tests.servers.loopback import NeverCame
from tests.servers.processes import Process, Processes

LOCKS = 80
SPEED = 5_400.0
"""An hour and a half a second: ten contacts a second, which a machine busy with other tests answers too."""


@contextmanager
def running(folder: Path, wanted: Wanted) -> Iterator[FleetTown]:
    town = FleetTown(folder, wanted)
    try:
        town.start()
        yield town
    finally:
        town.stop()


def wait(town: FleetTown, what: str, holds: Callable[[Sample], bool], *, within_s: float = 100) -> Sample:
    """The first sample of which it holds."""
    found: list[Sample] = []

    def is_so() -> bool:
        found.append(town.sample())
        return holds(found[-1])

    wait_until(is_so, f"{what} did not come", at_most_s=within_s, every_s=0.1)
    return found[-1]


def wait_for_hour(town: FleetTown, hour: int) -> Sample:
    return wait(town, f"hour {hour}", lambda sample: sample.town_s > hour * 3600)


def is_up_to_date(sample: Sample, locks: int = LOCKS) -> bool:
    counts = sample.server
    return (counts.locks, counts.silent_yet, counts.behind) == (locks, 0, 0)


def test_a_fleet_lives_spreads_its_contacts_and_heals_after_an_outage(tmp_path: Path) -> None:
    with running(tmp_path, Wanted(locks=LOCKS, speed=SPEED)) as town:
        settled = wait_for_hour(town, 24)
        wait(town, "visitors", lambda now: now.booked > 20 and now.simulator["openings"] > 0)
        town.rest()
        wait(town, "every lock at its newest version", is_up_to_date)

        before = town.sample()
        town.cut_broker()
        wait(town, "failed contacts", lambda now: now.simulator["failed"] > before.simulator["failed"] + 20)
        town.mend_broker()
        begun = town.sample()
        after = wait(
            town,
            "the herd's healing",
            lambda now: (
                is_up_to_date(now)
                and now.simulator["reached"] >= begun.simulator["reached"] + LOCKS
                and not now.server.lost
            ),
        )
    assert settled.simulator["powered"] == LOCKS
    assert after.simulator["broken"] == 0
    assert after.simulator["refused"] == 0
    hours = [settled.simulator["by_hour"].get(str(hour), 0) for hour in range(13, 24)]
    # Seven an hour are their share; unspread, all would be in one. A machine that stands still bunches some.
    assert max(hours) < LOCKS / 2, hours
    url = f"sqlite:///{tmp_path / 'fleet.sqlite3'}"
    quarters = quarters_of_twelve_hours(url)
    assert min(quarters) > LOCKS / 16, quarters
    assert max(quarters) < LOCKS / 2, quarters
    assert_nothing_lost(url)


def test_two_gateways_double_nothing_and_killing_one_loses_nothing(tmp_path: Path, database_url: str) -> None:
    locks = 60
    wanted = Wanted(locks=locks, speed=SPEED, gateways=2, database_url=database_url, bookings_a_day=2)
    with running(tmp_path, wanted) as town:
        for died, hour in enumerate((6, 12, 18), start=1):
            wait_for_hour(town, hour)
            kill(town, "gateway-2", died)
        wait_for_hour(town, 24)
        busy = [town.cpu_s(name) for name in town.gateways]
        town.rest()
        last = wait(town, "every lock at its newest version", lambda now: is_up_to_date(now, locks))
    assert min(busy) > 0.1
    assert last.simulator["broken"] == 0
    assert 2 * locks < last.simulator["welcomes"] <= last.simulator["hellos"]
    assert_nothing_lost(database_url)


def kill(town: FleetTown, name: str, times: int) -> None:
    """kill -9, and wait until it runs for the `times`th time again."""
    town.processes.kill(name)
    wait(town, f"another {name}", lambda _: town.processes.restarts(name) == times)


def quarters_of_twelve_hours(url: str) -> list[int]:
    """How many locks speak next in each quarter of the twelve hours."""
    database = Database(url)
    with database.reading() as session:
        turns = list(session.scalars(sa.select(Lock.next_sync_at)))
    database.dispose()
    places = [int(turn.timestamp()) % (12 * 3600) // (3 * 3600) for turn in turns if turn is not None]
    return [places.count(quarter) for quarter in range(4)]


def assert_nothing_lost(url: str) -> None:
    """Every event that a lock was told is safe is there, once; none is missing."""
    database = Database(url)
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EventLoss)) == 0
        events, last = session.execute(
            sa.select(sa.func.count(), sa.func.max(LockEvent.seq)).select_from(LockEvent)
        ).one()
        acked = session.scalar(sa.select(sa.func.sum(Lock.acked_seq)))
    database.dispose()
    assert events == acked
    assert last < events


def test_in_uncompressed_time_nobody_speaks(tmp_path: Path) -> None:
    """The control: without the scaled clock the first of the locks is installed, and sleeps."""
    with running(tmp_path, Wanted(locks=50, speed=1)) as town:
        wait(town, "the first lock", lambda sample: sample.simulator["reached"] == 1)
        now = wait(town, "three seconds more", lambda sample: sample.town_s > 3)
    assert now.simulator["contacts"] == 1
    assert now.server.locks == 1


def test_whoever_was_told_that_the_locks_run_can_read_their_numbers(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "doors.json").write_text("[]")
    said = r'^\{"locks": "0"\}$'
    simulate(processes, tmp_path / "doors.json", tmp_path / "picture.json").wait_for_line(said)
    assert json.loads((tmp_path / "picture.json").read_text())["locks"] == 0
    # Where it cannot write them it does not say that it runs; said first, the line would be there.
    nowhere = simulate(processes, tmp_path / "doors.json", tmp_path / "missing" / "picture.json")
    with pytest.raises(NeverCame, match="FileNotFoundError"):
        nowhere.wait_for_line(said)


def simulate(processes: Processes, doors: Path, picture: Path) -> Process:
    files = ("--locks", str(doors), "--picture", str(picture))
    return processes.python(
        "-m", "firmware_sim.fleet", *files, *("--start-ms", "0", "--origin", "0", "--speed", "1")
    )


def test_a_database_in_use_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path / "one", Wanted(locks=2, speed=600)):
        pass
    url = f"sqlite:///{tmp_path / 'one' / 'fleet.sqlite3'}"
    again = FleetTown(tmp_path / "two", Wanted(locks=2, database_url=url))
    with pytest.raises(NotFresh):
        again.start()
    again.stop()


def test_the_command_runs_for_as_long_as_it_was_asked(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main,
        [
            *("fleet", "--locks", "10", "--speed", "6000", "--for", "18h"),
            *("--tls", "--outage", "2h", "--outage-at", "13h", "--port", "0", "--folder", str(tmp_path)),
        ],
    )
    assert told.exit_code == 0, told.output
    assert "10 台の電子錠が動いています" in told.output
    assert "様子のページ  http://127.0.0.1:" in told.output
    reached = re.search(r"届いた (\d+)・", told.output)
    assert reached is not None
    assert int(reached[1]) > 0
    assert told.output.rstrip().endswith("町を休ませています…")
