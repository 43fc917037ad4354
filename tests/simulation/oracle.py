"""What the town's people were sold and told, and which state a reservation was in when."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from core.window import Window
from tests.simulation.places import Place


class Violated(BaseException):
    """A promise was broken. No handler of the code under test may swallow it."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


@dataclass(slots=True)
class Ticket:
    """One reservation as its group knows it."""

    id: UUID
    group: UUID
    place: Place
    window: Window
    amount_yen: int
    sold_at: datetime
    codes: dict[str, str] = field(default_factory=dict)
    """Digits read from the code page, by door."""
    promised_yen: int | None = None
    """What the cancellation quote promised back; None where nobody cancelled or the answer was lost."""


@dataclass(slots=True)
class Lives:
    """Every state of every reservation, with the instant from which on it was so."""

    known: dict[UUID, list[tuple[datetime, str]]] = field(default_factory=dict)

    def note(self, reservation: UUID, state: str, at: datetime) -> str | None:
        """Write down the present state; the one before where it is new, "" for a new reservation."""
        life = self.known.setdefault(reservation, [])
        before = life[-1][1] if life else ""
        if before == state:
            return None
        life.append((at, state))
        return before

    def at(self, reservation: UUID, when: datetime) -> str:
        """The state at an instant, "" before the reservation was made."""
        return next(
            (state for since, state in reversed(self.known.get(reservation, [])) if since <= when), ""
        )

    def lost_right_at(self, reservation: UUID, when: datetime) -> datetime | None:
        """When a confirmed reservation stopped being one, last before an instant; None: it never was one."""
        life = [entry for entry in self.known.get(reservation, []) if entry[0] <= when]
        ended = None
        for (_, before), (at, after) in pairwise(life):
            if before in HAS_RIGHT and after not in HAS_RIGHT:
                ended = at
        return ended


HAS_RIGHT = frozenset({"confirmed", "used", "no_show"})
