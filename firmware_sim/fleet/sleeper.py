"""One of thousands: the pure core decides, a handful of fields around it carry out."""

import asyncio
import logging
import ssl
from hashlib import sha256

from firmware_sim.clock import ppm_of
from firmware_sim.core.effects import (
    Connect,
    Disconnect,
    Effect,
    MoveBolt,
    Publish,
    SetClock,
    Subscribe,
    WakeAt,
)
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.stimuli import (
    BoltMoved,
    ConnectFailed,
    Now,
    PowerUp,
    Received,
    Stimulus,
    SyncAsked,
    Tick,
)
from firmware_sim.edge import mono_s
from firmware_sim.fleet.lean import Shelf
from firmware_sim.fleet.pace import Chip, Pace, Ticker
from firmware_sim.fleet.tally import Tally
from firmware_sim.fleet.weather import Weather
from firmware_sim.fleet.wire import Wire
from firmware_sim.mqtt import tls_context
from firmware_sim.provision import Provision

log = logging.getLogger("firmware_sim")

DRIFT_PPM = 15.0


class Surroundings:
    """What all sleepers of a process share."""

    def __init__(self, pace: Pace, weather: Weather, seed: str) -> None:
        self.pace = pace
        self.weather = weather
        self.seed = seed
        self.tally = Tally()
        self.shelf = Shelf()
        self.connecting: set[asyncio.Task[None]] = set()
        self._contexts: dict[tuple[str | None, bool], ssl.SSLContext] = {}

    def tls(self, ca: str | None, clock_known: bool) -> ssl.SSLContext:
        """As `firmware_sim.mqtt.tls_context`; made once, since making one costs more than a contact."""
        if (ca, clock_known) not in self._contexts:
            self._contexts[ca, clock_known] = tls_context(ca, clock_known)
        return self._contexts[ca, clock_known]


class Sleeper:
    """A lock without a case: it wakes, speaks, sleeps. All of it on one event loop."""

    __slots__ = (
        "_around",
        "_chip",
        "_sent_at",
        "_ticker",
        "_timer",
        "_waiting",
        "_wire",
        "_woke",
        "given",
        "state",
    )

    def __init__(self, given: Provision, around: Surroundings) -> None:
        self.given = given
        self.state: State = factory_state(given.lock, given.root, given.code_root)
        self._around = around
        self._ticker = Ticker(around.pace)
        self._chip = Chip(around.pace, ppm_of(given.lock, DRIFT_PPM))
        self._timer: asyncio.TimerHandle | None = None
        self._wire: Wire | None = None
        self._woke = 0.0
        self._sent_at = 0.0
        self._waiting: list[Stimulus] | None = None

    def power_up(self) -> None:
        """The installer puts the battery in."""
        self._around.tally.powered += 1
        seed = sha256(f"{self._around.seed}/{self.given.lock}".encode()).digest()
        self.feed(PowerUp(None, seed, False, "locked", "none", "none", 6000))

    def ask(self) -> None:
        """The service button: speak now."""
        self.feed(SyncAsked())

    def hear(self, wire: Wire, stimulus: Stimulus) -> None:
        """The network, as far as it is this contact's."""
        if wire is not self._wire:
            return
        if isinstance(stimulus, Received):
            self._note(stimulus)
            if self._around.weather.loses_message():
                return
        self.feed(stimulus)

    def feed(self, stimulus: Stimulus) -> None:
        """One stimulus, and whatever its effects bring about at once."""
        if self._waiting is not None:
            self._waiting.append(stimulus)
            return
        self._waiting = [stimulus]
        try:
            while self._waiting:
                self._step(self._waiting.pop(0))
        except Exception:
            # One broken lock must not stop the others; it is counted and seen.
            self._around.tally.broken += 1
            log.exception("lock.step_failed lock=%s", self.given.lock)
        finally:
            self._waiting = None
        self._around.shelf.tidy(self.state)

    def _step(self, stimulus: Stimulus) -> None:
        wake_at: float | None = None
        self.state, effects = step(self.state, stimulus, Now(self._ticker.now(), self._chip.wall_ms()))
        for effect in effects:
            if isinstance(effect, WakeAt):
                wake_at = effect.mono
            else:
                self._perform(effect)
        self._sleep_until(wake_at)

    def _sleep_until(self, mono: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if mono is not None:
            in_s = max(0.0, self._ticker.host_at(mono) - mono_s())
            self._timer = asyncio.get_running_loop().call_later(in_s, self.feed, Tick())

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Connect):
            self._connect(effect.clock_known)
        elif isinstance(effect, Subscribe):
            if self._wire is not None:
                self._wire.subscribe(effect.topic)
        elif isinstance(effect, Publish):
            self._publish(effect)
        elif isinstance(effect, Disconnect):
            self._hang_up()
        elif isinstance(effect, SetClock):
            self._chip.set(effect.wall_ms)
        elif isinstance(effect, MoveBolt):
            self._around.tally.openings += effect.position == "unlocked"
            assert self._waiting is not None
            self._waiting.append(BoltMoved(effect.position))

    def _connect(self, clock_known: bool) -> None:
        around = self._around
        self._ticker.wake()
        self._woke = mono_s()
        around.tally.began(around.pace.town_s())
        around.tally.awake += 1
        if not around.weather.has_radio(self.given.lock, around.pace.town_s()):
            assert self._waiting is not None
            self._waiting.append(ConnectFailed())
            return
        broker = self.given.broker
        tls = around.tls(broker.ca, clock_known) if broker.tls else None
        self._wire = wire = Wire(self.given.username, self.given.password, self, around.tally)
        task = asyncio.get_running_loop().create_task(wire.open(broker.host, broker.port, tls))
        around.connecting.add(task)
        task.add_done_callback(around.connecting.discard)

    def _publish(self, effect: Publish) -> None:
        if self._wire is None:
            return
        self._around.tally.hellos += 1
        self._sent_at = mono_s()
        self._wire.publish(effect.topic, effect.payload)
        if self._around.weather.cuts_contact():
            self._wire.cut()

    def _note(self, message: Received) -> None:
        tally = self._around.tally
        if message.topic.endswith("/welcome"):
            tally.welcomes += 1
            tally.welcome_s.append(mono_s() - self._sent_at)
        elif message.topic.endswith("/desired"):
            tally.desireds += 1

    def _hang_up(self) -> None:
        tally = self._around.tally
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        self._ticker.sleep()
        tally.awake -= 1
        tally.ended_s = mono_s()
        tally.contact_s.append(tally.ended_s - self._woke)
        if self.state.failed_contacts:
            tally.failed += 1
        else:
            tally.reached += 1

    def stop(self) -> None:
        """End like a process."""
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None:
            self._wire.close()
            self._wire = None
