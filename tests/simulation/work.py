"""The rhythm of worker and gateway: they wake when a row is due, never earlier, often later."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.town import SimulatedTown

_WORK = ("reservation", "payment", "refund", "owed")
_SLOWEST_S = 600.0


class Work:
    """Plans the ticks; a tick runs each job once, and a crash ends it."""

    def __init__(self, town: "SimulatedTown") -> None:
        self._town = town
        self._work_at: datetime | None = None
        self._publish_at: datetime | None = None
        self._idle_s = 1.0

    def begin(self) -> None:
        """The first ticks."""
        self.plan({*_WORK, "lock"})
        self._town.agenda.after(60, "roll horizons", self._roll)

    def plan(self, written: set[str]) -> None:
        """After these tables were written."""
        if not written.isdisjoint(_WORK):
            due = self._town.server.due_at(*_WORK)
            if due:
                self._plan_work(min(due.values()))
        if "lock" in written:
            due = self._town.server.due_at("lock")
            if due:
                self._plan_publishing(due["lock"])

    def gateway_is_back(self) -> None:
        """It knows nothing of before, and gives the broker everything again."""
        town = self._town
        if town.weather.is_gateway_up and town.channel.is_broker_up:
            town.attempt("republish", town.server.republish_all)
            self._plan_publishing(town.clock.now())

    def _plan_work(self, due: datetime) -> None:
        town = self._town
        wait = max(self._idle_s, town.random.choice((1.0, 20.0, 60.0, 120.0)))
        at = max(due, town.clock.now() + timedelta(seconds=wait))
        if self._work_at is None or at < self._work_at:
            self._work_at = at
            town.agenda.at(at, "worker", lambda: self._tick(at))

    def _tick(self, planned: datetime) -> None:
        if self._work_at != planned:
            return
        town = self._town
        self._work_at = None
        touched = 0
        if town.weather.is_worker_up:
            due = town.server.due_at(*_WORK)
            for name, (table, job) in town.server.jobs().items():
                if table not in due or due[table] > town.clock.now():
                    continue  # It would find nothing.
                done = town.attempt(name, job)
                town.check()
                if done is None:
                    break
                touched += done
        self._idle_s = 1.0 if touched else min(self._idle_s * 2, _SLOWEST_S)
        self.plan(set(_WORK))

    def _plan_publishing(self, due: datetime) -> None:
        town = self._town
        at = max(due, town.clock.now() + timedelta(seconds=town.random.choice((0.25, 0.25, 2.0, 30.0))))
        if self._publish_at is None or at < self._publish_at:
            self._publish_at = at
            town.agenda.at(at, "publish", lambda: self._publish(at))

    def _publish(self, planned: datetime) -> None:
        if self._publish_at != planned:
            return
        self._publish_at = None
        town = self._town
        if town.weather.is_gateway_up and town.channel.is_broker_up:
            town.attempt("publish", town.server.publish)
            self.plan({"lock"})

    def _roll(self) -> None:
        town = self._town
        if town.weather.is_worker_up:
            town.attempt("roll horizons", town.server.roll_horizons)
        town.agenda.after(7200, "roll horizons", self._roll)
