"""What a fleet has done so far, one point a second, thinned as it grows."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from booking.demo.fleet_picture import Span
from booking.demo.fleet_town import Sample

MOST = 600


@dataclass(frozen=True, slots=True)
class Point:
    """The town at one instant, ready to be drawn."""

    hour: float
    """Of town time."""
    contacts_a_s: float
    """Begun per second of the machine's time."""
    cpu_ms: float
    """The gateway's, per hello answered in this stretch."""
    sample: Sample


class Record:
    """Appended by one thread, read by others."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._points: list[Point] = []
        self._outages: list[Span] = []

    def add(self, sample: Sample) -> Point:
        """Keep a sample; rates are taken since the one before."""
        with self._mutex:
            before = self._points[-1].sample if self._points else None
            point = _point(before, sample)
            self._points.append(point)
            if len(self._points) > MOST:
                # Every other old one goes; the newest half stays as it is.
                self._points[: MOST // 2] = self._points[: MOST // 2 : 2]
            return point

    def outage(self, first_s: float, last_s: float) -> None:
        """Mark a stretch of town time without a broker."""
        with self._mutex:
            self._outages.append(Span(first_s / 3600, last_s / 3600))

    def read(self) -> tuple[Sequence[Point], Sequence[Span]]:
        """All points and outages, oldest first."""
        with self._mutex:
            return tuple(self._points), tuple(self._outages)


def _point(before: Sample | None, sample: Sample) -> Point:
    def grown(name: str) -> float:
        return float(sample.simulator[name] - (before.simulator[name] if before else 0))

    took_s = max(1e-6, grown("host_s"))
    cpu_s = sample.gateway_cpu_s - (before.gateway_cpu_s if before else sample.gateway_cpu_s)
    welcomes = grown("welcomes")
    return Point(
        hour=sample.town_s / 3600,
        contacts_a_s=grown("contacts") / took_s,
        cpu_ms=1000 * cpu_s / welcomes if welcomes else 0.0,
        sample=sample,
    )
