"""What is to happen a little later, in the order of its instants."""

import heapq
from collections.abc import Callable, Iterator

Act = Callable[[], None]


class Agenda:
    """Acts of one instant happen in the order in which they were added."""

    def __init__(self) -> None:
        self._acts: list[tuple[float, int, Act]] = []
        self._added = 0

    @property
    def next(self) -> float | None:
        """The instant of the next act."""
        return self._acts[0][0] if self._acts else None

    def add(self, mono: float, act: Act) -> None:
        self._added += 1
        heapq.heappush(self._acts, (mono, self._added, act))

    def due(self, mono: float) -> Iterator[Act]:
        """Every act whose instant has come, also those that an act before it added."""
        while self._acts and self._acts[0][0] <= mono:
            yield heapq.heappop(self._acts)[2]
