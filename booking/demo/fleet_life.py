"""What goes on in a fleet's town besides its locks: people book and cancel, the worker's jobs run."""

import threading
from collections import deque
from datetime import timedelta
from uuid import UUID

import structlog

from booking.app.services import Services
from booking.app.wiring import build_mailer
from booking.app.worker import Job, Worker
from booking.demo.fleet_plant import Planted
from booking.seed.prices import BANDS
from core.clock import SystemClock, civil_day, start_of_day
from core.database import retrying
from core.ids import jitter, new_id
from core.window import Window
from locks import grants

log = structlog.get_logger()

CANCELLED = 0.3
_JOBS = ("horizons", "lock_alarms", "emergency_codes", "modes")
"""What the worker does for locks. This town has no Stripe, no mail server and no other make of lock."""
_TICK_S = 0.2
_AT_ONCE = 200


class Life:
    """Runs in one thread until `stop`; `services` bears the town's clock."""

    def __init__(self, services: Services, planted: Planted, *, speed: float, a_day: float) -> None:
        self._services = services
        self._points = sorted(planted.courts)
        self._courts = planted.courts
        self._speed = speed
        self._a_day = a_day
        self._holders: deque[UUID] = deque(maxlen=10_000)
        jobs = Worker(services, build_mailer(services.settings)).jobs()
        self._jobs = {name: jobs[name] for name in _JOBS}
        self._due = dict.fromkeys(self._jobs, 0.0)
        self._is_resting = False
        self.booked = 0
        self.cancelled = 0
        self.failures = 0

    def run(self, stop: threading.Event) -> None:
        """A failure is logged, counted, and tried again at the next turn."""
        begun = self._services.clock.monotonic()
        while not stop.wait(_TICK_S):
            self._run_jobs(stop)
            days = (self._services.clock.monotonic() - begun) / 86400
            wanted = int(days * self._a_day * len(self._points))
            for _ in range(min(wanted - self.booked, _AT_ONCE)):
                if self._is_resting or stop.is_set():
                    return
                self._guarded("book", self._book)

    def rest(self) -> None:
        """Nobody books any more; the jobs go on."""
        self._is_resting = True

    def _run_jobs(self, stop: threading.Event) -> None:
        jobs: list[tuple[str, float, Job]] = [(name, *job) for name, job in self._jobs.items()]
        for name, every_s, job in jobs:
            now = SystemClock().monotonic()
            if now >= self._due[name] and not stop.is_set():
                self._due[name] = now + max(every_s / self._speed, 0.5)
                self._guarded(name, job)

    def _guarded(self, name: str, job: Job) -> None:
        try:
            job()
        except Exception as error:
            self.failures += 1
            log.error("fleet_job_failed", job=name, error=type(error).__name__, exc_info=True)

    def _book(self) -> int:
        """One resident books an evening of the next two weeks; some give one back instead."""
        self.booked += 1
        if self._holders and jitter() < CANCELLED:
            retrying(self._cancel)
            self.cancelled += 1
            return 1
        holder = retrying(self._issue)
        self._holders.append(holder)
        return 1

    def _issue(self) -> UUID:
        with self._services.database.transaction() as session:
            now = self._services.clock.now()
            point = self._points[int(jitter() * len(self._points))]
            starts, ends = BANDS_OF_EVENINGS[int(jitter() * len(BANDS_OF_EVENINGS))]
            # Most of what is booked is near.
            midnight = start_of_day(civil_day(now) + timedelta(days=int(jitter() * jitter() * 14)))
            if midnight + timedelta(hours=starts) < now:
                midnight += timedelta(days=1)
            holder = new_id(now)
            grants.issue(
                session,
                access_point_ids=[point],
                courts=[self._courts[point][int(jitter() * 2)]],
                window=Window(midnight + timedelta(hours=starts), midnight + timedelta(hours=ends)),
                holder=holder,
                now=now,
            )
            return holder

    def _cancel(self) -> None:
        holder = self._holders.popleft()
        with self._services.database.transaction() as session:
            grants.withdraw(session, holder=holder, now=self._services.clock.now())


BANDS_OF_EVENINGS = next(iter(BANDS.values()))
"""Offered on every kind of day."""
