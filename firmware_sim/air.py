"""What lies between a door and its server: the network switch, and whatever the plan's faults make of it."""

import threading
from collections.abc import Callable
from functools import partial

from firmware_sim.core.stimuli import ConnectFailed, Received, Stimulus
from firmware_sim.edge import Host
from firmware_sim.faults.of_lock import NEVER, Faults, Letter
from firmware_sim.later import Agenda
from firmware_sim.provision import Provision
from firmware_sim.wire import Wire, WireMaker


class Air:
    """At most one wire at a time; what belongs to an earlier one is never delivered."""

    def __init__(
        self,
        faults: Faults,
        host: Host,
        agenda: Agenda,
        make_wire: WireMaker,
        guard: threading.Condition,
        tell: Callable[[Stimulus], None],
        wake: Callable[[], None],
    ) -> None:
        self.is_up = True
        self._faults = faults
        self._host = host
        self._agenda = agenda
        self._make_wire = make_wire
        self._guard = guard
        self._tell = tell
        self._wake = wake
        self._wire: Wire | None = None

    def set_up(self, is_up: bool) -> bool:
        """Switch the network; true where that broke a connection."""
        self.is_up = is_up
        broke = not is_up and self._wire is not None
        if broke:
            self.hang_up()
        return broke

    def connect(self, provision: Provision, clock_known: bool) -> None:
        now = self._host.mono_s()
        wait = self._faults.connecting(now) if self.is_up else None
        if wait is None:
            self._tell(ConnectFailed())
            return
        wire = self._make_wire(provision, self._heard, clock_known)
        self._wire = wire
        if wait == 0:
            wire.open()
        elif wait < NEVER:
            self._agenda.add(now + wait, partial(self._open, wire))

    def subscribe(self, topic: str) -> None:
        if self._wire is not None:
            self._wire.subscribe(topic)

    def publish(self, topic: str, payload: bytes) -> None:
        wire = self._wire
        if wire is None:
            return
        now = self._host.mono_s()
        for delay, made in self._faults.up(payload, now):
            if delay:
                self._agenda.add(now + delay, partial(self._publish, wire, topic, made))
            else:
                wire.publish(topic, made)

    def hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _open(self, wire: Wire) -> None:
        if wire is self._wire:
            wire.open()

    def _publish(self, wire: Wire, topic: str, payload: bytes) -> None:
        if wire is self._wire:
            wire.publish(topic, payload)

    def _heard(self, wire: Wire, stimulus: Stimulus) -> None:
        """From the wire's own thread."""
        with self._guard:
            if wire is not self._wire:
                return
            if isinstance(stimulus, Received):
                self._spread(wire, stimulus)
            else:
                self._tell(stimulus)
        self._wake()

    def _spread(self, wire: Wire, stimulus: Received) -> None:
        now = self._host.mono_s()
        letter = Letter(stimulus.topic, stimulus.payload, stimulus.retained)
        for delay, made in self._faults.down(letter, now):
            if delay:
                self._agenda.add(now + delay, partial(self._deliver, wire, made))
            else:
                self._deliver(wire, made)

    def _deliver(self, wire: Wire, letter: Letter) -> None:
        if wire is self._wire:
            self._tell(Received(letter.topic, letter.payload, letter.retained))
