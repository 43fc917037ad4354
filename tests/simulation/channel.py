"""Broker and radio between gateway and doors: loses, repeats, holds back, reorders, replays, and is away."""

from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from firmware_sim.core.stimuli import Connected, ConnectFailed, Disconnected, Received, Subscribed
from tests.simulation.clock import Agenda

if TYPE_CHECKING:
    from tests.simulation.door import SimulatedDoor


class Channel:
    """`hear` is the gateway's ear: (lock id, payload). All rates are 0 in a healthy world."""

    def __init__(self, agenda: Agenda, random: Random, coverage: Counter[str]) -> None:
        self._agenda = agenda
        self._random = random
        self._coverage = coverage
        self.hear: Callable[[str, bytes], None] = lambda _lock, _payload: None
        self.is_broker_up = True
        self.cut_off: set[str] = set()
        """Doors without network."""
        self.fault_rate = 0.0
        self._retained: dict[str, bytes] = {}
        self._old: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        self._line: dict[str, int] = defaultdict(int)
        """Number of the present connection of each lock; what belongs to an older one is lost."""
        self._subscribed: dict[str, SimulatedDoor] = {}

    def connect(self, door: "SimulatedDoor") -> None:
        """A door dials; it is told how that went."""
        line = self._hang_up(door)
        if not self.is_broker_up or door.lock in self.cut_off:
            if self._random.random() < 0.5:  # else: nobody answers at all
                self._tell(door, line, 1.0, ConnectFailed())
            return
        self._tell(door, line, 0.1 + self._random.random(), Connected())

    def subscribe(self, door: "SimulatedDoor") -> None:
        """Everything for this door from now on, and first the retained state, or by ill luck an older one."""
        line = self._line[door.lock]
        self._subscribed[door.lock] = door
        self._tell(door, line, 0.1, Subscribed())
        retained = self._retained.get(door.lock)
        older = [payload for tail, payload in self._old[door.lock] if tail == "desired"]
        if older and self._fault("retained_old"):
            retained = self._random.choice(older)
        if retained is not None:
            self._deliver(door, line, "desired", retained, 0.15, is_retained=True)

    def disconnect(self, door: "SimulatedDoor") -> None:
        """The door hangs up; what is under way to it is lost."""
        self._hang_up(door)

    def cut(self, door: "SimulatedDoor") -> None:
        """The door's network goes."""
        self.cut_off.add(door.lock)
        line = self._line[door.lock]
        self._agenda.after(0, "cut", lambda: self._drop(door, line))

    def publish_up(self, door: "SimulatedDoor", payload: bytes) -> None:
        """A hello is on its way to a gateway."""
        lock = door.lock
        if lock in self.cut_off or not self.is_broker_up or self._fault("hello_lost"):
            return
        self._agenda.after(self._delay(), "hello", lambda: self.hear(lock, payload))
        if self._fault("hello_twice"):
            self._agenda.after(self._delay() * 3, "hello again", lambda: self.hear(lock, payload))
        if self._fault("hello_withheld"):
            wait = self._random.uniform(600, 13 * 3600)
            self._agenda.after(wait, "old hello", lambda: self.hear(lock, payload))

    def publish_down(self, lock: str, tail: str, payload: str, *, retain: bool) -> bool:
        """A gateway gives the broker a message; whether the broker took it."""
        if not self.is_broker_up:
            return False
        octets = payload.encode()
        if retain:
            self._retained[lock] = octets
        self._old[lock] = [*self._old[lock][-7:], (tail, octets)]
        door = self._subscribed.get(lock)
        if door is None or lock in self.cut_off:
            return True
        line = self._line[lock]
        if not self._fault(f"{tail}_lost"):
            wait = 6.0 if self._fault(f"{tail}_late") else self._delay()
            self._deliver(door, line, tail, octets, wait)
        if self._fault(f"{tail}_twice"):
            self._deliver(door, line, tail, octets, 3 * self._delay())
        if self._fault("replayed"):
            old_tail, old = self._random.choice(self._old[lock])
            self._deliver(door, line, old_tail, old, self._delay())
        return True

    def wipe(self) -> None:
        """The broker comes back with nothing."""
        self._retained.clear()
        self._coverage["broker_wiped"] += 1

    def _drop(self, door: "SimulatedDoor", line: int) -> None:
        if self._line[door.lock] == line:
            self._hang_up(door)
            door.feed(Disconnected())

    def _hang_up(self, door: "SimulatedDoor") -> int:
        self._subscribed.pop(door.lock, None)
        self._line[door.lock] += 1
        return self._line[door.lock]

    def _deliver(
        self,
        door: "SimulatedDoor",
        line: int,
        tail: str,
        octets: bytes,
        wait: float,
        *,
        is_retained: bool = False,
    ) -> None:
        topic = f"kaiho/v1/locks/{door.lock}/down/{tail}"
        self._tell(door, line, wait, Received(topic, octets, is_retained))

    def _tell(self, door: "SimulatedDoor", line: int, wait: float, stimulus: object) -> None:
        def tell() -> None:
            if self._line[door.lock] == line:
                door.feed(stimulus)  # type: ignore[arg-type]

        self._agenda.after(wait, f"{door.name} {type(stimulus).__name__}", tell)

    def _delay(self) -> float:
        return self._random.uniform(0.05, 1.2)

    def _fault(self, name: str) -> bool:
        if self._random.random() >= self.fault_rate:
            return False
        self._coverage[name] += 1
        return True
