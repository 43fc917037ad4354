"""What a history's gym offers when: bands of some days, halves and whole, alone or joined."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from core.clock import start_of_day
from core.window import granule_of
from locks.callbacks import Sellable

FIRST_DAY = date(2026, 11, 21)
LEFT, RIGHT = 1, 2
HALVES_AND_WHOLE = (frozenset({LEFT}), frozenset({RIGHT}), frozenset({LEFT, RIGHT}))
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)

PATTERNS: dict[str, tuple[tuple[int, int], ...]] = {
    "evening": ((17, 19), (19, 21)),
    "day": ((9, 11), (11, 13), (13, 15), (15, 17), (17, 19), (19, 21)),
    "hours": ((17, 18), (18, 19), (19, 20), (20, 21)),
    "apart": ((9, 12), (13, 17), (18, 21)),
    "shut": (),
    "long": tuple((hour, hour + 1) for hour in range(9, 21)),
}
MOST_JOINED = (2, 3, 3, 6)
"""Adjacent bands that one reservation may take. Six of a long day are more than a lock can search: what is
left out of its list is not sold while it is out of reach.
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """A start and length that is on offer while `since <= now` and not `closed_from <= now < closed_to`."""

    granule: int
    length: int
    since: datetime
    closed_from: datetime
    closed_to: datetime

    def is_on(self, now: datetime) -> bool:
        """Whether it is offered now."""
        return self.since <= now and not self.closed_from <= now < self.closed_to


class Timetable:
    """`begins_at` to `ends_at` is the history; `changes` are the instants at which the offer changes."""

    def __init__(self, random: Random) -> None:
        self.begins_at = start_of_day(FIRST_DAY) + timedelta(hours=random.choice((0, 6, 15)))
        days = random.choice((2, 2, 3, 3, 4))
        self.ends_at = start_of_day(FIRST_DAY + timedelta(days=days))
        most_joined = random.choice(MOST_JOINED)
        self.offered: list[Offered] = []
        self.changes: set[datetime] = set()
        for number in range(days):
            self._add_day(random, FIRST_DAY + timedelta(days=number), most_joined)

    def starts(self) -> list[int]:
        """Every start that is offered at some time, in order."""
        return sorted({one.granule for one in self.offered})

    def at(self, granule: int) -> list[Offered]:
        """What begins there, shortest first."""
        return [one for one in self.offered if one.granule == granule]

    def windows(self, *, first: int, last: int, now: datetime) -> Iterator[Sellable]:
        """What is offered now, as `locks` asks for it."""
        for one in self.offered:
            if first <= one.granule < last and one.is_on(now):
                for courts in HALVES_AND_WHOLE:
                    yield Sellable(one.granule, one.length, courts)

    def _add_day(self, random: Random, day: date, most_joined: int) -> None:
        bands = PATTERNS[random.choices(list(PATTERNS), (30, 25, 20, 15, 5, 5))[0]]
        midnight = granule_of(start_of_day(day))
        since, closed_from, closed_to = ALWAYS, ALWAYS, ALWAYS
        fate = random.random()
        if fate < 0.15:
            # Put on offer while the history runs, perhaps while the lock is out of reach.
            since = self._instant(random)
        elif fate < 0.35:
            # A closure that is taken back: some versions list the day, some do not.
            closed_from = self._instant(random)
            closed_to = closed_from + timedelta(hours=random.uniform(0.1, 12))
        self.changes |= {since, closed_from, closed_to} - {ALWAYS}
        for number, (from_hour, _) in enumerate(bands):
            upto = from_hour
            for joined in bands[number : number + most_joined]:
                if joined[0] != upto:
                    break
                upto = joined[1]
                self.offered.append(
                    Offered(midnight + 2 * from_hour, 2 * (upto - from_hour), since, closed_from, closed_to)
                )

    def _instant(self, random: Random) -> datetime:
        return self.begins_at + random.random() * (self.ends_at - self.begins_at)
