"""Time that moves from event to event, and the only source of chance."""

import base64
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random

from core import ids


class VirtualClock:
    """A `core.clock.Clock` that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._began = self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return (self._at - self._began).total_seconds()

    def move_to(self, at: datetime) -> None:
        """On to a later instant."""
        self._at = max(self._at, at)


@dataclass(order=True, slots=True)
class Event:
    """Something that will happen."""

    at: datetime
    number: int
    name: str = field(compare=False)
    act: Callable[[], object] = field(compare=False)


class Agenda:
    """What happens when; of two at one instant the one that was planned first comes first."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._numbers = count()
        self._heap: list[Event] = []

    def at(self, when: datetime, name: str, act: Callable[[], object]) -> None:
        """Plan something; the past means now."""
        heapq.heappush(self._heap, Event(max(when, self._clock.now()), next(self._numbers), name, act))

    def after(self, seconds: float, name: str, act: Callable[[], object]) -> None:
        """Plan something for `seconds` from now."""
        self.at(self._clock.now() + timedelta(seconds=seconds), name, act)

    def next_at(self) -> datetime | None:
        """When the next event is."""
        return self._heap[0].at if self._heap else None

    def pop(self) -> Event:
        """The next event, with the clock moved to it."""
        event = heapq.heappop(self._heap)
        self._clock.move_to(event.at)
        return event


class _SeededSecrets:
    """What `core.ids` draws from, out of one seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def randbits(self, bits: int) -> int:
        return self._random.getrandbits(bits)

    def randbelow(self, limit: int) -> int:
        return self._random.randrange(limit)

    def token_bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def token_urlsafe(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.token_bytes(size)).rstrip(b"=").decode()


@contextmanager
def seeded_ids(random: Random) -> Iterator[None]:
    """Identifiers, keys and jitter come from the seed for as long as the block lasts."""
    module = vars(ids)
    kept, module["secrets"] = module["secrets"], _SeededSecrets(random)
    try:
        yield
    finally:
        module["secrets"] = kept
