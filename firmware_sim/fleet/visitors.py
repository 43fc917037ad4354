"""People at the doors: whoever holds a grant comes in its window and types its code."""

from collections.abc import Sequence
from hashlib import sha256

from firmware_sim.core.primitives import GRANULE_S, code_of
from firmware_sim.core.stimuli import KeyPressed
from firmware_sim.fleet.sleeper import Sleeper, Surroundings


class Street:
    """Looks through all locks now and then; a window's hash says whether it is visited, and once."""

    def __init__(self, sleepers: Sequence[Sleeper], around: Surroundings, *, share: float) -> None:
        self._sleepers = sleepers
        self._around = around
        self._share = share
        self._been: set[tuple[str, int, int]] = set()

    def look(self) -> None:
        """Send everybody whose window is running."""
        now = int(self._around.pace.unix_ms() // 1000)
        for sleeper in self._sleepers:
            state = sleeper.state
            if state.contact is not None or not state.clock_known:
                continue
            for granule, length, lane, rev in state.desired.grants:
                visit = (state.lock, granule, lane)
                starts, ends = granule * GRANULE_S, (granule + length) * GRANULE_S
                if starts <= now < ends and visit not in self._been and self._comes(visit):
                    self._been.add(visit)
                    type_in(sleeper, code_of(state.code_key, granule, length, lane, rev))
                    self._around.tally.visits += 1
                    break

    def _comes(self, visit: tuple[str, int, int]) -> bool:
        digest = sha256(f"{self._around.seed}/{visit}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < self._share * (1 << 32)


def type_in(sleeper: Sleeper, code: str) -> None:
    """The digits and 確定, quicker than any finger."""
    for digit in code:
        sleeper.feed(KeyPressed(digit))
    sleeper.feed(KeyPressed("enter"))
