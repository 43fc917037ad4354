"""A whole door, hands and ears included, on a host whose time the test moves."""

from pathlib import Path
from typing import Any

from firmware_sim.clock import DriftingClock
from firmware_sim.core.effects import Decided
from firmware_sim.core.event_log import seq_of
from firmware_sim.core.stimuli import Connected, Disconnected, Received, Subscribed
from firmware_sim.door import Door
from firmware_sim.edge import Host
from firmware_sim.faults.of_lock import Faults
from firmware_sim.faults.plan import plan_of
from firmware_sim.provision import Broker, Provision
from firmware_sim.wire import Tell, Wire
from tests.unit.firmware_sim.lab import LOCK, START
from tests.unit.firmware_sim.server_double import GRANULE, ServerDouble


class VirtualHost(Host):
    """Time stands still until it is moved."""

    def __init__(self) -> None:
        self.mono = 1000.0

    def mono_s(self) -> float:
        return self.mono

    def unix_ms(self) -> int:
        return START * 1000 + round((self.mono - 1000.0) * 1000)


class Yard:
    """`plan` is what `--faults` takes; `server` answers while `is_up`."""

    def __init__(self, folder: Path, plan: str = "none", *, lock: str = LOCK) -> None:
        self.host = VirtualHost()
        self.server = ServerDouble(lock, START)
        self.is_up = True
        self.faults = Faults(plan_of(plan), lock)
        self.provision = Provision(
            lock,
            "見本",
            self.server.root,
            self.server.code_root,
            Broker("127.0.0.1", 1, False, None),
            lock,
            "x",
        )
        self._folder = folder
        self.door = self.new_door()

    def new_door(self) -> Door:
        """The lock as another process finds it: the same iron and flash."""
        clock = DriftingClock(0.0, self.host, lambda unix_s: self.faults.ppm_at(unix_s, 0.0))
        return Door(
            self.provision,
            self._folder,
            clock,
            "seed",
            lambda: None,
            faults=self.faults,
            host=self.host,
            connect=self.wire,
        )

    def wire(self, provision: Provision, tell: Tell, clock_known: bool) -> Wire:
        return _Wire(self, tell)

    @property
    def now(self) -> int:
        """The true time in Unix seconds."""
        return self.host.unix_ms() // 1000

    def window(self, rev: int = 0) -> list[int]:
        """A window that holds the present instant."""
        return [self.now // GRANULE, 4, 0, rev]

    def start(self, **desired: Any) -> "Yard":
        self.server.publish(self.now, **desired)
        self.door.start()
        self.advance(60)
        return self

    def advance(self, seconds: float) -> None:
        """Let time pass; whatever is due happens when it is due."""
        end = self.host.mono + seconds
        while (due := self.door.wake_at) is not None and due <= end:
            self.host.mono = max(self.host.mono, due)
            self.door.tick()
        self.host.mono = end

    def enter(self, code: str) -> Decided | None:
        """Type a code and wait half a minute; None where the lock lost power over it."""
        before = self.door.decisions
        for key in code + "#":
            self.door.press(key)
        self.advance(30)
        return self.door.decided if self.door.decisions > before else None

    def sync(self) -> None:
        self.door.sync()
        self.advance(60)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the server has, and what the lock still holds, of a kind, in order."""
        known = dict(self.server.events)
        for record in self.door.state.log.records:
            known[seq_of(record)] = record
        return [known[seq] for seq in sorted(known) if known[seq]["kind"] == kind]

    def alarms(self) -> list[str]:
        return [str(event["alarm"]) for event in self.events("door_lock_alarm")]


class _Wire:
    def __init__(self, yard: Yard, tell: Tell) -> None:
        self._yard = yard
        self._tell = tell

    def open(self) -> None:
        self._tell(self, Connected() if self._yard.is_up else Disconnected())

    def subscribe(self, topic: str) -> None:
        self._tell(self, Subscribed())
        if self._yard.server.desired_jws:
            self._hear("desired", self._yard.server.desired_jws, True)

    def publish(self, topic: str, payload: bytes) -> None:
        welcome = self._yard.server.answer(payload, self._yard.host.unix_ms())
        if welcome is not None:
            self._hear("welcome", welcome, False)

    def close(self) -> None:
        """Nothing is kept."""

    def _hear(self, tail: str, jws: str, retained: bool) -> None:
        topic = f"kaiho/v1/locks/{self._yard.server.lock}/down/{tail}"
        self._tell(self, Received(topic, jws.encode(), retained))
