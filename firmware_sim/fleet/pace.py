"""Compressed time: a lock's sleep passes `speed` times as fast, its contact at the pace of the network."""

from firmware_sim.edge import mono_s


class Pace:
    """The town's time: Unix milliseconds `start_ms` at the host's monotonic `origin`, then `speed` a second.

    Server and locks are given the same three numbers, so that they live in one time.
    """

    __slots__ = ("_origin", "_start_ms", "speed")

    def __init__(self, start_ms: int, origin: float, speed: float) -> None:
        self._start_ms = start_ms
        self._origin = origin
        self.speed = speed

    def town_s(self) -> float:
        """Town seconds since the start."""
        return (mono_s() - self._origin) * self.speed

    def unix_ms(self) -> float:
        """The town's time."""
        return self._start_ms + self.town_s() * 1000


class Ticker:
    """A lock's monotonic seconds: at the town's pace asleep, at the host's awake, never back.

    The core's time limits for connections and answers thus meet the real network, while twelve hours of
    sleep take a minute.
    """

    __slots__ = ("_host", "_own", "_rate", "_speed")

    def __init__(self, pace: Pace) -> None:
        self._speed = pace.speed
        self._host = mono_s()
        self._own = pace.town_s()
        self._rate = pace.speed

    def now(self) -> float:
        return self._own + (mono_s() - self._host) * self._rate

    def host_at(self, own: float) -> float:
        """The host's monotonic second at which this lock's own is reached, if nothing wakes it before."""
        return self._host + (own - self._own) / self._rate

    def wake(self) -> None:
        self._go_on(1.0)

    def sleep(self) -> None:
        self._go_on(self._speed)

    def _go_on(self, rate: float) -> None:
        host = mono_s()
        self._own += (host - self._host) * self._rate
        self._host, self._rate = host, rate


class Chip:
    """A lock's clock chip in town time: `ppm` too fast or too slow from where it was last set."""

    __slots__ = ("_at", "_pace", "_ppm", "_wall_ms")

    FACTORY_MS = 946684800000

    def __init__(self, pace: Pace, ppm: float) -> None:
        self._pace = pace
        self._ppm = ppm
        self._wall_ms = float(self.FACTORY_MS)
        self._at = pace.town_s()

    def wall_ms(self) -> int:
        return int(self._wall_ms + (self._pace.town_s() - self._at) * (1000 + self._ppm / 1000))

    def set(self, wall_ms: float) -> None:
        self._wall_ms = wall_ms
        self._at = self._pace.town_s()
