"""What the locks of a process have done so far, as numbers for a picture."""

from collections import deque

KEPT = 2000


class Tally:
    """Counted since the start; waits are those of the newest contacts."""

    def __init__(self) -> None:
        self.contacts = 0
        self.reached = 0
        self.failed = 0
        self.refused = 0
        self.hellos = 0
        self.welcomes = 0
        self.desireds = 0
        self.round_trips = 0
        self.octets_out = 0
        self.octets_in = 0
        self.visits = 0
        self.openings = 0
        self.broken = 0
        """Steps of the core that raised; nothing may."""
        self.awake = 0
        self.powered = 0
        self.asked_s = 0.0
        """The host's monotonic second at which all were last asked to speak."""
        self.ended_s = 0.0
        """The same of the newest contact's end."""
        self.by_hour: dict[int, int] = {}
        self.welcome_s: deque[float] = deque(maxlen=KEPT)
        """Hello sent to welcome received."""
        self.contact_s: deque[float] = deque(maxlen=KEPT)

    def began(self, town_s: float) -> None:
        """A contact begins."""
        self.contacts += 1
        hour = int(town_s // 3600)
        self.by_hour[hour] = self.by_hour.get(hour, 0) + 1

    def asked(self, host_s: float) -> None:
        """Everybody is asked to speak: waits are counted from here."""
        self.asked_s = host_s
        self.welcome_s.clear()
        self.contact_s.clear()

    def as_json(self) -> dict[str, object]:
        """Everything, with medians and 99th percentiles in milliseconds."""
        found: dict[str, object] = {
            name: value for name, value in self.__dict__.items() if isinstance(value, int | float)
        }
        found["by_hour"] = {str(hour): count for hour, count in sorted(self.by_hour.items())}
        for name, waits in (("welcome", self.welcome_s), ("contact", self.contact_s)):
            ordered = sorted(waits)
            found[f"{name}_p50_ms"] = _at(ordered, 0.5)
            found[f"{name}_p99_ms"] = _at(ordered, 0.99)
        return found


def _at(ordered: list[float], share: float) -> float | None:
    return round(1000 * ordered[int(share * (len(ordered) - 1))], 2) if ordered else None
