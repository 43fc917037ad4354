"""Contacts at a gateway: the real one, on a real Mosquitto, with all locks of a town at its door."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

import sqlalchemy as sa

from booking.demo.fleet_town import FleetTown, Sample, Wanted
from booking.demo.ports import wait_until
from core.settings import inherited_environment
from locks.models import DesiredVersion, Lock
from locks.versions import bump
from tests.bench import broker_floor, figures
from tests.bench.figures import Figure

SPEED = 60.0
"""Of sleep: a failed contact's retry after five minutes comes after five seconds."""
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Wave:
    """All locks spoke at once."""

    took_s: float
    hellos: int
    retries: int
    gateway_cpu_ms: float
    """A hello."""
    database_cpu_ms: float
    """A hello; 0 where the database lives in the gateway's process."""
    octets: float
    """A contact, both ways."""
    round_trips: float
    """A contact."""


class Contacts:
    """A fleet of `locks` on one database."""

    def __init__(self, name: str, url: str, *, locks: int) -> None:
        self._name = name
        self._url = url
        self._locks = locks

    def figures(self) -> list[Figure]:
        """Measure everything; about a minute with a thousand locks."""
        with self._town() as town:
            town.start_broker()
            gateway = next(iter(town.gateways.items()))
            self._floor = broker_floor.contacts_a_second(
                town.doors_file, town.port, gateway, dict(inherited_environment())
            )
            town.start_gateways()
            begun = monotonic()
            self._wait_published(town)
            built_s = monotonic() - begun
            town.start_locks()
            self._wait_all_hold(town)
            in_turn = self._in_turn(town)
            without = [self._wave(town) for _ in range(3)]
            self._new_versions(town)
            changed = self._wave(town)
            wiped_s = self._republished(town)
            last = town.sample()
            sizes = self._sizes(town)
        return self._lines(built_s, in_turn, without, changed, wiped_s, last, sizes)

    @contextmanager
    def _town(self) -> Iterator[FleetTown]:
        with tempfile.TemporaryDirectory(prefix="kaiho-bench-") as folder:
            wanted = Wanted(
                locks=self._locks,
                speed=SPEED,
                database_url=self._url,
                installed_over=timedelta(0),
                visits=0.0,
            )
            town = FleetTown(Path(folder), wanted)
            try:
                yield town
            finally:
                town.stop()

    def _wait_published(self, town: FleetTown) -> None:
        waiting = sa.select(sa.func.count()).where(
            sa.or_(Lock.published_version < Lock.desired_version, Lock.publish_due_at.is_not(None))
        )

        def is_done() -> bool:
            with town.services.database.reading() as session:
                return session.scalar(waiting) == 0

        wait_until(is_done, "not all states were published", at_most_s=PATIENCE_S, every_s=0.1)

    def _wait_all_hold(self, town: FleetTown) -> Sample:
        found: list[Sample] = []

        def is_done() -> bool:
            found.append(town.sample())
            counts = found[-1].server
            is_asleep = found[-1].simulator["awake"] == 0
            return is_asleep and counts.locks == self._locks and not counts.silent_yet + counts.behind

        wait_until(is_done, "not all locks hold their version", at_most_s=PATIENCE_S, every_s=0.2)
        return found[-1]

    def _asked(self, town: FleetTown, number: signal.Signals, contacts: int) -> tuple[Sample, Sample]:
        """Before and after all that were asked have spoken and sleep again."""
        before = self._fresh(town)
        town.processes.signal("locks", number)
        reached = before.simulator["reached"] + contacts
        wait_until(
            lambda: town.sample().simulator["reached"] >= reached,
            "not all locks spoke",
            at_most_s=PATIENCE_S,
            every_s=0.1,
        )
        return before, self._wait_all_hold(town)

    def _fresh(self, town: FleetTown) -> Sample:
        """A sample whose picture was drawn after now."""
        old = town.sample().simulator["host_s"]
        wait_until(
            lambda: town.sample().simulator["host_s"] > old, "no picture", at_most_s=PATIENCE_S, every_s=0.1
        )
        return town.sample()

    def _in_turn(self, town: FleetTown) -> Sample:
        return self._asked(town, signal.SIGUSR2, min(200, self._locks))[1]

    def _wave(self, town: FleetTown) -> Wave:
        database = _cpu_of_database(town)
        before, after = self._asked(town, signal.SIGUSR1, self._locks)
        used_s = _cpu_of_database(town) - database

        def grown(name: str) -> float:
            return float(after.simulator[name] - before.simulator[name])

        hellos, contacts = grown("hellos"), grown("contacts")
        return Wave(
            took_s=after.simulator["ended_s"] - after.simulator["asked_s"],
            hellos=int(hellos),
            retries=int(grown("failed")),
            gateway_cpu_ms=1000 * (after.gateway_cpu_s - before.gateway_cpu_s) / hellos,
            database_cpu_ms=1000 * used_s / hellos,
            octets=(grown("octets_in") + grown("octets_out")) / contacts,
            round_trips=grown("round_trips") / contacts,
        )

    def _new_versions(self, town: FleetTown) -> None:
        with town.services.database.transaction() as session:
            bump(session, sa.true(), now=town.clock.now())
        self._wait_published(town)

    def _republished(self, town: FleetTown) -> float:
        """Seconds from a wiped broker's first moment until it has everything again."""
        town.cut_broker()
        for store in (town.folder / "broker" / "store").iterdir():
            store.unlink()
        with town.services.database.transaction() as session:
            session.execute(sa.update(Lock).values(published_version=0))
        town.mend_broker()
        begun = monotonic()
        self._wait_published(town)
        return monotonic() - begun

    def _sizes(self, town: FleetTown) -> int:
        with town.services.database.reading() as session:
            return int(session.scalar(sa.select(sa.func.max(sa.func.length(DesiredVersion.payload)))) or 0)

    def _lines(
        self,
        built_s: float,
        in_turn: Sample,
        without: list[Wave],
        changed: Wave,
        wiped_s: float,
        last: Sample,
        octets: int,
    ) -> list[Figure]:
        name, count = self._name, self._locks
        bare, floor = "contacts of the bare broker", [self._floor]
        best = sorted(without, key=lambda wave: wave.took_s)[len(without) // 2]
        waits = [in_turn.simulator[f"welcome_{which}_ms"] / 1000 for which in ("p50", "p99")]
        inside = "" if name == "SQLite" else f", database {best.database_cpu_ms:.1f} ms"
        simulator = last.simulator
        return [
            figures.rate(
                f"contacts of {count:,} locks at once, nothing new, one gateway",
                name,
                [wave.hellos / wave.took_s for wave in without],
                floor,
                of=bare,
            ),
            figures.counted(
                "— its processor time a hello",
                name,
                f"gateway {best.gateway_cpu_ms:.1f} ms{inside}",
                "",
                None,
            ),
            figures.latency(
                "hello to welcome over MQTT, one lock at a time",
                name,
                waits[:1],
                waits[1:],
                [1 / self._floor],
                of="bare contact, 64 at once",
            ),
            figures.counted(
                f"herd: {count:,} locks at once, each with a new version",
                name,
                f"all hold it after {changed.took_s:.1f} s, {changed.hellos:,} hellos, "
                f"{changed.retries:,} contacts again",
                "none lost",
                True,
            ),
            figures.counted(
                "— its processor time a hello",
                name,
                f"gateway {changed.gateway_cpu_ms:.1f} ms"
                + ("" if name == "SQLite" else f", database {changed.database_cpu_ms:.1f} ms"),
                "",
                None,
            ),
            figures.counted(
                "a contact on the wire, MQTT without TLS",
                name,
                f"nothing new: {best.octets:,.0f} octets, {best.round_trips:.1f} round trips; "
                f"new version: {changed.octets:,.0f} octets, {changed.round_trips:.1f}",
                "",
                None,
            ),
            figures.rate(
                f"first publication of {count:,} locks, states built", name, [count / built_s], floor, of=bare
            ),
            figures.rate(
                f"republication of {count:,} locks to a wiped broker, start and reconnection included",
                name,
                [count / wiped_s],
                floor,
                of=bare,
            ),
            figures.counted(
                "desired state of a small gym (two evening bands a day), no grants",
                name,
                f"{octets:,} octets",
                "≤ 12,288",
                octets <= 12 * 1024,
            ),
            figures.counted(
                "simulated locks",
                name,
                f"{simulator['contacts'] / simulator['cpu_s']:,.0f} contacts a core-second, "
                f"{simulator['octets_a_lock'] / 1024:.1f} KiB of memory a lock",
                "",
                None,
            ),
        ]


def _cpu_of_database(town: FleetTown) -> float:
    """Processor seconds of PostgreSQL's processes so far; 0 on SQLite."""
    if town.services.database.is_sqlite:
        return 0.0
    with town.services.database.reading() as session:
        folder = session.scalar(sa.text("SHOW data_directory"))
    master = (Path(str(folder)) / "postmaster.pid").read_text().splitlines()[0]
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, (_, parent, *fields) = stat.parent.name, stat.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if master in (pid, parent):
            own, reaped = fields[9:11], fields[11:13] if pid == master else []
            ticks += sum(map(int, [*own, *reaped]))
    return ticks / 100
