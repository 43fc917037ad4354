"""The whole town in one process, on a virtual clock, from one seed."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TypeVar

from core.errors import ContractBroken, KaihoError
from tests.integration.booking.town import NOW
from tests.integration.payments.stripe_double import Killed
from tests.simulation import liveness
from tests.simulation.channel import Channel
from tests.simulation.clock import Agenda, VirtualClock, seeded_ids
from tests.simulation.crashes import TownDatabase, TownStripe
from tests.simulation.door import SimulatedDoor
from tests.simulation.invariants import Invariants
from tests.simulation.keypads import Keypads
from tests.simulation.oracle import Violated
from tests.simulation.places import build_places
from tests.simulation.residents import Residents
from tests.simulation.server import MailSink, Server
from tests.simulation.weather import CLIMATES, Climate, Weather
from tests.simulation.work import Work

T = TypeVar("T")

MORNING_S = 900
"""Quiet at the start, in which every lock has its first contact."""
HEALING = timedelta(hours=24)


@dataclass(slots=True)
class Outcome:
    """One run: what a second run of the same seed must repeat."""

    seed: int
    climate: str
    events: int
    digest: str
    violation: str | None
    coverage: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)


class SimulatedTown:
    """Everything there is, joined. Made inside `seeded_ids`."""

    def __init__(self, url: str, seed: int, climate: Climate | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.climate = climate or CLIMATES[seed % len(CLIMATES)]
        self.clock = VirtualClock(NOW + timedelta(days=self.random.choice((0, 0, 9, 38, 39))))
        self.agenda = Agenda(self.clock)
        self.coverage: Counter[str] = Counter()
        self.story: list[str] = []
        self.events = self.refusals = 0
        self._hash = hashlib.sha256()
        self._depth = 0
        self.database = TownDatabase(url)
        self.stripe = TownStripe(self.clock, self.random)
        self.stripe.meanwhile = self._meanwhile
        self.mail = MailSink(self.random)
        self.channel = Channel(self.agenda, self.random, self.coverage)
        self.places = build_places(self.database, self.clock)
        self.server = Server(self.database, self.stripe, self.clock, self.channel, self.places, self.mail)
        self.channel.hear = self._hear
        self.doors = {
            name: SimulatedDoor(
                name,
                fitted.lock,
                fitted.root,
                fitted.code_root,
                clock=self.clock,
                agenda=self.agenda,
                channel=self.channel,
                random=self.random,
            )
            for name, fitted in self.places.fitted.items()
        }
        self.weather = Weather(self, self.climate)
        self.invariants = Invariants(self)
        self.keypads = Keypads(self)
        self.residents = Residents(self)
        self.work = Work(self)

    def open(self) -> None:
        """Batteries in, processes up; then nothing but the locks' first contacts."""
        for door in self.doors.values():
            self.agenda.after(self.random.uniform(0, 30), f"{door.name} powers up", door.power_up)
        self.work.begin()
        self.run(self.clock.now() + timedelta(seconds=MORNING_S))

    def live(self) -> None:
        """The days of this climate: everybody's plans, and the weather."""
        random, span = self.random, self.climate.days * 86400
        self.weather.begin()
        for _ in range(self.climate.bookings):
            self.agenda.after(random.uniform(1, span), "wish", self.residents.wish)
        for _ in range(3):
            self.agenda.after(random.uniform(1, span), "stranger", self.residents.guess)
        for _ in range(random.choice((1, 2))):
            self.agenda.after(random.uniform(1, span), "close", self.residents.close_a_day)
        self.agenda.after(3600, "manage", self.residents.manage)
        self.run(self.clock.now() + timedelta(seconds=span))

    def recover(self) -> None:
        """Heal everything, let a day pass, and find all promises kept and nothing left behind."""
        self.weather.heal()
        self.check()
        self.run(self.clock.now() + HEALING)
        liveness.require_rest(self)

    def run(self, until: object) -> None:
        """Let everything happen that is planned up to an instant."""
        while (at := self.agenda.next_at()) is not None and at <= until:  # type: ignore[operator]
            self._happen()
        self.clock.move_to(until)  # type: ignore[arg-type]

    def attempt(self, name: str, act: Callable[[], T], *, may_crash: bool = True) -> T | None:
        """One process at work: its answer; None where it refused or died, which others do not notice."""
        if may_crash and self.weather.is_crash_due():
            where = self.random.choice(("statement", "statement", "before_commit", "after_commit"))
            self.database.crash_at = (where, self.random.randrange(12))
        try:
            return act()
        except Killed as death:
            self.coverage[f"crash:{death}"] += 1
            self.note(f"{name} died at {death}")
        except ContractBroken as error:
            raise Violated("contract", f"{name}: {error}") from error
        except KaihoError as refusal:
            self.refusals += refusal.code not in ("unavailable", "try_again", "stripe_unavailable")
            self.coverage[f"refused:{refusal.code}"] += 1
            self.note(f"{name} {refusal.code}")
        finally:
            self.database.crash_at = None
        return None

    def note(self, what: str) -> None:
        """A line of the story, which is also what two runs of one seed are compared by."""
        line = f"{self.clock.monotonic():.3f} {what}"
        self._hash.update(line.encode())
        self.story.append(line)

    def check(self) -> None:
        """Every invariant that what was just written may have broken; then the ticks it makes necessary."""
        written, self.database.written = self.database.written, set()
        self.invariants.check(written)
        self.work.plan(written)

    def outcome(self, violation: str | None) -> Outcome:
        """What became of the run."""
        for fault in self.stripe.seen_faults:
            self.coverage[f"stripe:{fault}"] += 1
        return Outcome(
            self.seed,
            self.climate.name,
            self.events,
            self._hash.hexdigest()[:16],
            violation,
            self.coverage,
            self.story,
        )

    def _happen(self) -> None:
        event = self.agenda.pop()
        self.events += 1
        self._hash.update(f"{self.clock.monotonic():.3f} {event.name}".encode())
        event.act()
        self.check()

    def _meanwhile(self) -> None:
        """Somebody else's turn, in the middle of a process's call."""
        at = self.agenda.next_at()
        is_soon = at is not None and at - self.clock.now() < timedelta(seconds=30)
        if is_soon and self._depth < 2 and self.weather.lets_others_in():
            self.coverage["interleaved"] += 1
            kept, self.database.crash_at = self.database.crash_at, None
            self._depth += 1
            try:
                self._happen()
            finally:
                self._depth -= 1
                self.database.crash_at = kept

    def _hear(self, lock: str, payload: bytes) -> None:
        if self.weather.is_gateway_up and self.channel.is_broker_up:
            self.attempt("hello", lambda: self.server.hear(lock, payload))


def run_seed(url: str, seed: int, climate: Climate | None = None) -> Outcome:
    """One whole life of a town in an empty, migrated database; its violation is the first one found."""
    with seeded_ids(Random(seed + 1)):
        town = SimulatedTown(url, seed, climate)
        try:
            town.open()
            town.live()
            town.recover()
        except Violated as broken:
            return town.outcome(str(broken))
        finally:
            town.database.dispose()
        return town.outcome(None)
