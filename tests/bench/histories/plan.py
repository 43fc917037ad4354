"""Who wants what when, drawn before anything happens: two runs of one seed meet the same people."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from core.window import granule_start
from tests.bench.histories.timetable import HALVES_AND_WHOLE, Offered, Timetable

EARLY, LATE = timedelta(seconds=600), timedelta(seconds=900)
SLACK = timedelta(seconds=30)
"""More than a clock of 20 ppm is off after a fortnight."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody types a wish's code, after `typos` attempts that are wrong."""

    at: datetime
    typos: int = 0


@dataclass(slots=True)
class Wish:
    """A window that somebody wants to book at `at`, and what they do with it."""

    number: int
    at: datetime
    offered: Offered
    courts: frozenset[int]
    kind: str
    cancel_at: datetime | None = None
    visits: list[Visit] = field(default_factory=list)
    touches: tuple[datetime, ...] = ()
    """Somebody beside them presses a first key and nothing else."""


@dataclass(frozen=True, slots=True)
class Outage:
    """`radio`: the lock has no network; `server`: its broker is there, but nobody answers."""

    kind: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole history before it happens."""

    seed: int
    timetable: Timetable
    wishes: list[Wish]
    outages: list[Outage]
    guesses: list[datetime]
    power_cuts: list[datetime]
    fault_rate: float
    slowest_s: float
    """Of the radio, one way."""


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(f"history {seed}")
    timetable = Timetable(random)
    wishes: list[Wish] = []
    outages = _outages(random, timetable)
    hot = _hot(random, timetable, outages)
    for granule in timetable.starts():
        many = random.choices((0, 1, 2, 3, 5), (25, 35, 20, 12, 8))[0]
        if granule == hot:
            many = random.randint(8, 14)
        for _ in range(many):
            wishes.append(_wish(random, timetable, granule, len(wishes), is_hot=granule == hot))
    return Plan(
        seed,
        timetable,
        wishes,
        outages,
        _guesses(random, timetable),
        [_instant(random, timetable) for _ in range(random.choice((0, 0, 0, 1)))],
        random.choice((0.0, 0.0, 0.01, 0.05)),
        random.choice((1.2, 1.2, 2.4)),
    )


def _hot(random: Random, timetable: Timetable, outages: list[Outage]) -> int | None:
    """A start that people take and give back again and again, mostly while the lock is out of reach."""
    starts = timetable.starts()
    cut_off = [
        start
        for start in starts
        if any(outage.begins_at < granule_start(start) < outage.ends_at for outage in outages)
    ]
    if not starts or random.random() < 0.4:
        return None
    return random.choice(cut_off if cut_off and random.random() < 0.8 else starts)


def _wish(random: Random, timetable: Timetable, granule: int, number: int, *, is_hot: bool) -> Wish:
    offered = random.choice(timetable.at(granule))
    courts = random.choices(HALVES_AND_WHOLE, (40, 25, 35))[0]
    start = granule_start(granule)
    kind = random.choices(("ahead", "rush", "door"), (40, 40, 20))[0]
    if is_hot:
        at = start + timedelta(seconds=random.uniform(-7200, 1200))
    elif kind == "ahead":
        at = timetable.begins_at + random.random() * max(timedelta(), start - timetable.begins_at)
    else:
        latest = min(1500, 1800 * offered.length - 1800)
        at = start + timedelta(seconds=random.uniform(-600, max(latest, 0)))
    at = max(at, timetable.begins_at + timedelta(minutes=5))
    wish = Wish(number, at, offered, courts, kind)
    fate = random.random()
    if fate < (0.75 if is_hot else 0.35):
        soon = timedelta(seconds=random.uniform(20, 900))
        later = at + random.random() * max(timedelta(), start + timedelta(minutes=10) - at)
        wish.cancel_at = at + soon if is_hot or random.random() < 0.4 else later
    wish.visits = _visits(random, wish, start)
    if kind == "door" and random.random() < 0.5:
        wish.touches = (wish.at - timedelta(seconds=random.uniform(0, 12)),)
    return wish


def _visits(random: Random, wish: Wish, start: datetime) -> list[Visit]:
    opens, closes = start - EARLY, start + timedelta(seconds=1800 * wish.offered.length) + LATE
    if wish.kind == "door":
        first = wish.at + timedelta(seconds=random.uniform(1, random.choice((8, 40))))
    else:
        first = max(wish.at, start - EARLY) + timedelta(seconds=random.uniform(5, 600))
    first = max(first, opens + SLACK)
    found: list[Visit] = []
    if wish.cancel_at is None or first < wish.cancel_at or random.random() < 0.6:
        found.append(Visit(first, random.choices((0, 1, 2), (92, 6, 2))[0]))
    if random.random() < 0.25:
        found.append(Visit(first + random.random() * max(timedelta(), closes - SLACK - first)))
    if random.random() < 0.06:
        found.append(Visit(opens - timedelta(seconds=random.uniform(30, 3600))))
    if random.random() < 0.06:
        found.append(Visit(closes + timedelta(seconds=random.uniform(30, 3600))))
    return [visit for visit in found if visit.at > wish.at]


def _outages(random: Random, timetable: Timetable) -> list[Outage]:
    found: list[Outage] = []
    for _ in range(random.choices((0, 1, 2), (15, 60, 25))[0]):
        begins_at = max(_instant(random, timetable), timetable.begins_at + timedelta(minutes=10))
        hours = random.choice((random.uniform(0.2, 3), random.uniform(3, 12), random.uniform(12, 72)))
        kind = random.choices(("radio", "server"), (70, 30))[0]
        found.append(Outage(kind, begins_at, begins_at + timedelta(hours=hours)))
    return found


def _guesses(random: Random, timetable: Timetable) -> list[datetime]:
    """A stranger tries numbers for a while."""
    if not timetable.offered or random.random() > 0.06:
        return []
    begins_at = granule_start(random.choice(timetable.starts())) + timedelta(
        seconds=random.uniform(-1200, 1200)
    )
    return [begins_at + timedelta(seconds=20 * number) for number in range(random.randint(3, 12))]


def _instant(random: Random, timetable: Timetable) -> datetime:
    return timetable.begins_at + random.random() * (timetable.ends_at - timetable.begins_at)
