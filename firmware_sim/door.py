"""A door: the pure core, and hands and ears around it."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from firmware_sim.air import Air
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
    Disconnected,
    DoorMoved,
    KeyMoved,
    KeyPressed,
    Now,
    PowerUp,
    Stimulus,
    SyncAsked,
    Tick,
)
from firmware_sim.edge import Host, entropy
from firmware_sim.energy import Meter, measured_mv, used_at
from firmware_sim.faults.of_lock import Faults
from firmware_sim.faults.power import Moments, PowerCut
from firmware_sim.flash import FileMedium, Flash
from firmware_sim.later import Agenda
from firmware_sim.mqtt import MqttWire
from firmware_sim.provision import Provision
from firmware_sim.wire import WireMaker

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
        *,
        faults: Faults | None = None,
        host: Host | None = None,
        connect: WireMaker = MqttWire,
    ) -> None:
        self.provision = provision
        self.faults = faults or Faults()
        self.changed = threading.Condition(threading.RLock())
        self.state: State = factory_state(provision.lock, provision.root, provision.code_root)
        self.meter = Meter(drawn_c=self.faults.drawn_c())
        self.body = Body(folder, provision.lock, clock, self.meter, self.faults.key(provision.has_key))
        self.shown = Show("ready", "off", 0)
        self.decided: Decided | None = None
        self.decisions = 0
        self.journal: dict[int, dict[str, object]] = {}
        self._host = host or Host()
        self._agenda = Agenda()
        self._core_wakes_at: float | None = None
        self._flash = Flash(self.faults.medium(FileMedium(folder, provision.lock)))
        self._seed = seed
        self._wake = wake
        self._air = Air(self.faults, self._host, self._agenda, connect, self.changed, self.feed, wake)
        self._waiting: deque[Stimulus] = deque()
        self._working = False
        self._chance = self.faults.dice("clock lost")
        self._losses = self._moments("losses", self.faults.plan.power_lost_every_s)
        self._break_ins = self._moments("break-ins", self.faults.plan.forced_every_s)

    @property
    def wake_at(self) -> float | None:
        """When `tick` is to be called."""
        due = (self._core_wakes_at, self._agenda.next, self._losses.next, self._break_ins.next)
        return min((at for at in due if at is not None), default=None)

    @property
    def network_up(self) -> bool:
        return self._air.is_up

    def temperature_c(self) -> float:
        return self.faults.temperature_c(self._host.unix_ms() / 1000)

    def battery_mv(self) -> int:
        """What the lock would measure just now."""
        self.meter.pass_time(self._host.mono_s())
        return measured_mv(self.meter.used, self.temperature_c())

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
            except PowerCut as cut:
                log.info("power.cut lock=%s", self.provision.lock)
                self._lose_power(cut.clock_kept)
            except OSError as problem:
                log.error("flash.write_failed lock=%s %s", self.provision.lock, problem.strerror)
                self._lose_power(True)
            finally:
                self._working = False
            self.changed.notify_all()
        self._wake()

    def _step(self, stimulus: Stimulus) -> None:
        if not self.state.powered and not isinstance(stimulus, PowerUp):
            return
        self._core_wakes_at = None
        now = Now(self._host.mono_s(), self.body.clock.wall_ms())
        self.state, effects = step(self.state, stimulus, now)
        self.meter.saw(now.mono, stimulus, effects)
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
            self._core_wakes_at = effect.mono
        elif isinstance(effect, Show):
            self.shown = effect
        elif isinstance(effect, Decided):
            self.decided = effect
            self.decisions += 1
        elif isinstance(effect, MoveBolt):
            self._move_bolt(effect.position)
        elif isinstance(effect, SetClock):
            self.body.clock.set(effect.wall_ms)
            self.body.clock_kept = True
            self.body.save()
        elif isinstance(effect, Connect):
            self._air.connect(self.provision, effect.clock_known)
        elif isinstance(effect, Disconnect):
            self._air.hang_up()
        elif isinstance(effect, Subscribe):
            self._air.subscribe(effect.topic)
        elif isinstance(effect, Publish):
            self._air.publish(effect.topic, effect.payload)
        elif not isinstance(effect, Identify):
            raise TypeError(type(effect).__name__)

    def _move_bolt(self, position: str) -> None:
        if self.faults.iron.jams():
            self.meter.stalled()
            self.body.bolt = "jammed"
        else:
            self.body.bolt = position
        self.body.save()
        self._waiting.append(BoltMoved(self.body.bolt))
        if self.body.bolt == "unlocked":
            self._after(self.faults.iron.after_opening(self.body.key == "present"))

    def _after(self, happens: list[tuple[float, Stimulus]]) -> None:
        for delay, stimulus in happens:
            self._agenda.add(self._host.mono_s() + delay, partial(self._touched, stimulus))

    def _touched(self, stimulus: Stimulus) -> None:
        """A hand moved the door or the key, whether the lock has power or not."""
        if isinstance(stimulus, DoorMoved):
            self.body.door = stimulus.position
        elif isinstance(stimulus, KeyMoved):
            self.body.key = stimulus.position
        self.body.save()
        self.feed(stimulus)

    def _moments(self, kind: str, every_s: float) -> Moments:
        return Moments(self.faults.dice(kind), every_s, self._host.mono_s())

    def _lose_power(self, clock_kept: bool) -> None:
        """RAM is gone, and what is not in flash with it; the lock starts over a little later."""
        self._waiting.clear()
        self._air.hang_up()
        self.state = factory_state(self.provision.lock, self.provision.root, self.provision.code_root)
        if not clock_kept:
            self.body.clock.lose_power()
            self.body.clock_kept = False
        self.body.save()
        self.shown = Show("dark", "off", 0)
        self._core_wakes_at = self._host.mono_s() + RESTART_S

    def start(self) -> None:
        """Put the battery in, unless it was pulled before."""
        with self.changed:
            if not self.body.powered:
                return
            body = self.body
            image = self._flash.read()
            seed = entropy(self._seed, self.provision.lock, image or b"")
            room = self.faults.plan.flash_room
            mv = self.battery_mv()
            self.feed(PowerUp(image, seed, body.clock_kept, body.bolt, body.door, body.key, mv, room))
            self._measure()

    def _measure(self) -> None:
        """The lock looks at its cells when it wakes; the core hears of it when anything changed."""
        millivolts, temperature = self.battery_mv(), round(self.temperature_c())
        if (self.state.battery_mv, self.state.temperature_c) != (millivolts, temperature):
            self.feed(BatteryMeasured(millivolts, temperature))

    def stop(self) -> None:
        """End like a process: memory is gone, iron and clock chip stay."""
        with self.changed:
            self._air.hang_up()
            self._core_wakes_at = None
            self.body.save()

    def pull_battery(self, pulled: bool) -> None:
        """Take the battery out (RAM and clock are lost) or put it back."""
        with self.changed:
            if pulled and self.body.powered:
                self.body.powered = False
                self._lose_power(False)
                self._core_wakes_at = None
                self.changed.notify_all()
            elif not pulled and not self.body.powered:
                self.body.powered = True
                self.body.save()
                self.start()

    def set_network(self, up: bool) -> None:
        with self.changed:
            if self._air.set_up(up):
                self.feed(Disconnected())

    def set_battery(self, millivolts: int) -> None:
        """Put other cells in: such as show this voltage in mild weather."""
        with self.changed:
            self.meter.renew(used_at(millivolts))
            self.body.save()
            self._measure()

    def move_door(self, is_open: bool) -> None:
        with self.changed:
            self._touched(DoorMoved("open" if is_open else "closed"))

    def move_key(self, is_out: bool) -> None:
        """Someone takes the key out of the box or puts it back; only an open box lets them."""
        with self.changed:
            if self.body.key != "none" and self.body.bolt == "unlocked":
                self._touched(KeyMoved("out" if is_out else "present"))

    def turn_thumb(self, position: str) -> None:
        """Someone inside turns the bolt by hand."""
        with self.changed:
            self.body.bolt = position
            self.body.save()
            self.feed(BoltMoved(position, True))

    def sync(self) -> None:
        """Someone presses the service button."""
        with self.changed:
            self._measure()
            self.feed(SyncAsked())

    def tick(self) -> None:
        """Everything that is due by now."""
        with self.changed:
            now = self._host.mono_s()
            for act in self._agenda.due(now):
                act()
            if self._losses.is_due(now) and self.state.powered:
                self._lose_power(not self._chance.chance(self.faults.plan.clock_lost_share))
            if self._break_ins.is_due(now) and self.body.bolt == "locked" and self.body.door == "closed":
                self._after(self.faults.iron.forced())
            if self._core_wakes_at is not None and self._core_wakes_at <= now:
                self._core_wakes_at = None
                if self.state.powered:
                    self._measure()
                    self.feed(Tick())
                else:
                    self.start()

    def sleep_on(self) -> None:
        """Drop what was planned: after a failure nobody expected, a door must not fail again at once."""
        with self.changed:
            self._core_wakes_at = None

    def press(self, key: str) -> None:
        """One key: 0-9, # for 確定, * for 訂正."""
        with self.changed:
            if self.state.powered and self.state.entry is None:
                self._measure()
            self.feed(KeyPressed(KEYS[key]))

    def type_in(self, keys: str, patience_s: float) -> Decided | None:
        """Type like a person who first waits until the keypad takes keys; None where nothing was decided."""
        deadline = self._host.mono_s() + patience_s
        with self.changed:
            while self.state.powered and (self.state.entry or self._host.mono_s() < self.state.pause_until):
                if self._host.mono_s() >= deadline:
                    return None
                self.changed.wait(0.2)
            before = self.decisions
            for key in keys:
                self.press(key)
                self.changed.wait_for(lambda: False, PACE_S)
            while self.decisions == before and self.state.powered and self._host.mono_s() < deadline:
                self.changed.wait(max(0.0, min(1.0, deadline - self._host.mono_s())))
            return self.decided if self.decisions > before else None
