"""A door: the pure core, and hands and ears around it."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from firmware_sim.body import Body
from firmware_sim.clock import DriftingClock
from firmware_sim.core.effects import (
    Connect,
    Decided,
    Disconnect,
    Effect,
    FlashWrite,
    Identify,
    MoveBolt,
    Publish,
    SetClock,
    Show,
    Subscribe,
    WakeAt,
)
from firmware_sim.core.event_log import seq_of
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.stimuli import (
    BatteryMeasured,
    BoltMoved,
    ConnectFailed,
    Disconnected,
    DoorMoved,
    KeyPressed,
    Now,
    PowerUp,
    Stimulus,
    SyncAsked,
    Tick,
)
from firmware_sim.edge import entropy, mono_s
from firmware_sim.flash import Flash
from firmware_sim.mqtt import Wire
from firmware_sim.provision import Provision

log = logging.getLogger("firmware_sim")

JOURNAL = 60
RESTART_S = 10.0
PACE_S = 0.06
"""Between two keys of `type_in`: quicker than a finger, slow enough for the contact that the first starts."""

KEYS = {"#": "enter", "*": "clear", **{digit: digit for digit in "0123456789"}}


class Door:
    """Stimuli go in from any thread, one after the other; effects are carried out in their order."""

    def __init__(
        self,
        provision: Provision,
        folder: Path,
        clock: DriftingClock,
        seed: str | None,
        wake: Callable[[], None],
    ) -> None:
        self.provision = provision
        self.changed = threading.Condition(threading.RLock())
        self.state: State = factory_state(provision.lock, provision.root, provision.code_root)
        self.body = Body(folder, provision.lock, clock)
        self.network_up = True
        self.wake_at: float | None = None
        self.shown = Show("ready", "off", 0)
        self.decided: Decided | None = None
        self.decisions = 0
        self.journal: dict[int, dict[str, object]] = {}
        self._flash = Flash(folder, provision.lock)
        self._seed = seed
        self._wake = wake
        self._wire: Wire | None = None
        self._waiting: deque[Stimulus] = deque()
        self._working = False

    def feed(self, stimulus: Stimulus) -> None:
        """Let something happen to the lock."""
        with self.changed:
            self._waiting.append(stimulus)
            if self._working:
                return
            self._working = True
            try:
                while self._waiting:
                    self._step(self._waiting.popleft())
            except OSError as problem:
                self._reset(problem)
            finally:
                self._working = False
            self.changed.notify_all()
        self._wake()

    def _step(self, stimulus: Stimulus) -> None:
        self.wake_at = None
        self.state, effects = step(self.state, stimulus, Now(mono_s(), self.body.clock.wall_ms()))
        for effect in effects:
            self._perform(effect)
        for record in self.state.log.records[-JOURNAL:]:
            self.journal[seq_of(record)] = record
        for seq in sorted(self.journal)[:-JOURNAL]:
            del self.journal[seq]

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, FlashWrite):
            self._flash.write(effect.image)
        elif isinstance(effect, WakeAt):
            self.wake_at = effect.mono
        elif isinstance(effect, Show):
            self.shown = effect
        elif isinstance(effect, Decided):
            self.decided = effect
            self.decisions += 1
        elif isinstance(effect, MoveBolt):
            self.body.bolt = effect.position
            self.body.save()
            self._waiting.append(BoltMoved(effect.position))
        elif isinstance(effect, SetClock):
            self.body.clock.set(effect.wall_ms)
            self.body.clock_kept = True
            self.body.save()
        elif not isinstance(effect, Identify):
            self._perform_on_wire(effect)

    def _perform_on_wire(self, effect: Effect) -> None:
        if isinstance(effect, Connect):
            if not self.network_up:
                self._waiting.append(ConnectFailed())
                return
            self._wire = Wire(self.provision, self._heard, effect.clock_known)
            self._wire.open()
        elif isinstance(effect, Disconnect):
            self._hang_up()
        elif self._wire is not None and isinstance(effect, Subscribe):
            self._wire.subscribe(effect.topic)
        elif self._wire is not None and isinstance(effect, Publish):
            self._wire.publish(effect.topic, effect.payload)

    def _heard(self, wire: Wire, stimulus: Stimulus) -> None:
        with self.changed:
            if wire is self._wire:
                self.feed(stimulus)

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _reset(self, problem: OSError) -> None:
        """Flash that cannot be written: forget what is not in it, stay shut, start over a little later."""
        log.error("flash.write_failed lock=%s %s", self.provision.lock, problem.strerror)
        self._waiting.clear()
        self._hang_up()
        self.state = factory_state(self.provision.lock, self.provision.root, self.provision.code_root)
        self.shown = Show("dark", "off", 0)
        self.wake_at = mono_s() + RESTART_S

    def start(self) -> None:
        """Put the battery in, unless it was pulled before."""
        with self.changed:
            if not self.body.powered:
                return
            body = self.body
            image = self._flash.read()
            seed = entropy(self._seed, self.provision.lock, image or b"")
            self.feed(PowerUp(image, seed, body.clock_kept, body.bolt, body.door, body.key, body.battery_mv))

    def stop(self) -> None:
        """End like a process: memory is gone, iron and clock chip stay."""
        with self.changed:
            self._hang_up()
            self.wake_at = None
            self.body.save()

    def pull_battery(self, pulled: bool) -> None:
        """Take the battery out (RAM and clock are lost) or put it back."""
        with self.changed:
            if pulled and self.body.powered:
                self._hang_up()
                self.state = factory_state(self.provision.lock, self.provision.root, self.provision.code_root)
                self.body.clock.lose_power()
                self.body.clock_kept = False
                self.body.powered = False
                self.wake_at = None
                self.shown = Show("dark", "off", 0)
                self.body.save()
                self.changed.notify_all()
            elif not pulled and not self.body.powered:
                self.body.powered = True
                self.body.save()
                self.start()

    def set_network(self, up: bool) -> None:
        with self.changed:
            self.network_up = up
            if not up and self._wire is not None:
                self._hang_up()
                self.feed(Disconnected())

    def set_battery(self, millivolts: int) -> None:
        with self.changed:
            self.body.battery_mv = millivolts
            self.body.save()
            self.feed(BatteryMeasured(millivolts))

    def move_door(self, is_open: bool) -> None:
        with self.changed:
            self.body.door = "open" if is_open else "closed"
            self.body.save()
            self.feed(DoorMoved(self.body.door))

    def turn_thumb(self, position: str) -> None:
        """Someone inside turns the bolt by hand."""
        with self.changed:
            self.body.bolt = position
            self.body.save()
            self.feed(BoltMoved(position, True))

    def sync(self) -> None:
        self.feed(SyncAsked())

    def tick(self) -> None:
        if self.state.powered:
            self.feed(Tick())
        else:
            self.start()

    def press(self, key: str) -> None:
        """One key: 0-9, # for 確定, * for 訂正."""
        self.feed(KeyPressed(KEYS[key]))

    def type_in(self, keys: str, patience_s: float) -> Decided | None:
        """Type like a person who first waits until the keypad takes keys; None where nothing was decided."""
        deadline = mono_s() + patience_s
        with self.changed:
            while self.state.powered and (self.state.entry or mono_s() < self.state.pause_until):
                if mono_s() >= deadline:
                    return None
                self.changed.wait(0.2)
            before = self.decisions
            for key in keys:
                self.press(key)
                self.changed.wait_for(lambda: False, PACE_S)
            while self.decisions == before and self.state.powered and mono_s() < deadline:
                self.changed.wait(max(0.0, min(1.0, deadline - mono_s())))
            return self.decided if self.decisions > before else None
