"""What goes wrong on the way between thousands of locks and the broker, drawn from one seed."""

from dataclasses import dataclass
from hashlib import sha256

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """Shares of one; `silent`: locks that never speak again after the first day."""

    no_radio: float = 0.0
    """Of (lock, hour) pairs: nothing gets through in that hour."""
    cut: float = 0.0
    """Of hellos: the connection breaks just after."""
    lost: float = 0.0
    """Of messages to a lock: they never arrive."""
    silent: float = 0.0


PLANS = {
    "none": Plan(),
    "radio": Plan(no_radio=0.05, cut=0.01),
    "losses": Plan(cut=0.02, lost=0.03),
    "silent": Plan(silent=0.01),
    "rough": Plan(no_radio=0.05, cut=0.02, lost=0.02, silent=0.01),
}
SILENT_AFTER_S = 24 * HOUR_S


class Weather:
    """One plan, the same for the same seed."""

    def __init__(self, plan: Plan, seed: str) -> None:
        self._plan = plan
        self._seed = seed
        self._draws = 0

    def has_radio(self, lock: str, town_s: float) -> bool:
        """Whether this lock reaches its network in this hour."""
        if (
            self._plan.silent
            and town_s > SILENT_AFTER_S
            and self._share(f"silent/{lock}") < self._plan.silent
        ):
            return False
        hour = int(town_s // HOUR_S)
        return not self._plan.no_radio or self._share(f"radio/{lock}/{hour}") >= self._plan.no_radio

    def cuts_contact(self) -> bool:
        """Whether the connection breaks now."""
        return self._plan.cut > 0 and self._next() < self._plan.cut

    def loses_message(self) -> bool:
        """Whether what has just come did not."""
        return self._plan.lost > 0 and self._next() < self._plan.lost

    def _next(self) -> float:
        self._draws += 1
        return self._share(str(self._draws))

    def _share(self, name: str) -> float:
        digest = sha256(f"{self._seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:7], "big") / (1 << 56)
