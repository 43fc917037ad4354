"""A door of the town: the firmware's pure core with a body of its own and a record that nobody can edit."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from core.clock import Clock
from firmware_sim.core import effects, stimuli
from firmware_sim.core.event_log import seq_of
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from tests.simulation.channel import Channel
from tests.simulation.clock import Agenda

FACTORY_WALL_MS = 946684800000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the keypad said to an entry, and what the lock knew then."""

    at: datetime
    outcome: str
    opens: bool
    offline: bool
    knew_time: bool
    contact_at: datetime | None
    """When the server answered the last contact that ended with the version it named on the lock."""


class _PowerCut(Exception):
    pass


class SimulatedDoor:
    """Feeds stimuli to `firmware_sim.core` and carries its effects out on the town's channel."""

    def __init__(
        self,
        name: str,
        lock: str,
        root: bytes,
        code_root: bytes,
        *,
        clock: Clock,
        agenda: Agenda,
        channel: Channel,
        random: Random,
    ) -> None:
        self.name, self.lock = name, lock
        self._secrets = (lock, root, code_root)
        self._clock, self._agenda, self._channel, self._random = clock, agenda, channel, random
        self.state: State = factory_state(*self._secrets)
        self.verdicts: list[Verdict] = []
        self.versions: list[int] = []
        self.log: dict[int, str] = {}
        """Every record that a finished step left in the log, by seq."""
        self.acknowledged = 0
        self.contact_at: datetime | None = None
        self.cut_at_write: int | None = None
        self.cuts = 0
        self._ppm = random.uniform(-20, 20)
        self._wall_ms, self._set_at = float(FACTORY_WALL_MS), clock.monotonic()
        self._flash: bytes | None = None
        self._bolt = "locked"
        self._waiting: deque[stimuli.Stimulus] = deque()
        self._is_busy = False
        self._wake = 0
        self._wake_at: float | None = None

    @property
    def is_free(self) -> bool:
        """Whether the keypad takes a new entry."""
        state = self.state
        return state.powered and state.entry is None and state.pause_until <= self._clock.monotonic()

    def wall_ms(self) -> int:
        """The lock's own clock."""
        elapsed_ms = (self._clock.monotonic() - self._set_at) * 1000
        return int(self._wall_ms + elapsed_ms * (1 + self._ppm / 1_000_000))

    def power_up(self, *, is_clock_kept: bool = False) -> None:
        """The battery is in (again)."""
        if not is_clock_kept:
            self._set_clock(FACTORY_WALL_MS)
        self._is_busy = False
        self.feed(
            stimuli.PowerUp(
                self._flash, self._random.randbytes(32), is_clock_kept, self._bolt, "none", "none", 6000
            )
        )

    def cut_power(self, *, is_clock_kept: bool) -> None:
        """RAM is gone; the battery is back a moment later."""
        self.cuts += 1
        self._channel.disconnect(self)
        self.state = factory_state(*self._secrets)
        self._waiting.clear()
        self._wake += 1
        self._agenda.after(
            self._random.uniform(1, 20),
            f"{self.name} powers up",
            lambda: self.power_up(is_clock_kept=is_clock_kept),
        )

    def press(self, keys: str) -> None:
        """Keys one after the other; `#` is 確定."""
        for key in keys:
            self.feed(stimuli.KeyPressed("enter" if key == "#" else key))

    def sync(self) -> None:
        """The service button."""
        self.feed(stimuli.SyncAsked())

    def feed(self, stimulus: stimuli.Stimulus) -> None:
        """Let something happen to the lock."""
        if not self.state.powered and not isinstance(stimulus, stimuli.PowerUp):
            return
        self._waiting.append(stimulus)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._waiting:
                self._step(self._waiting.popleft())
        except _PowerCut:
            self.cut_power(is_clock_kept=self._random.random() < 0.8)
        finally:
            self._is_busy = False
        self._observe()
        self._plan_wake()

    def _step(self, stimulus: stimuli.Stimulus) -> None:
        self._wake_at = None
        self.state, found = step(self.state, stimulus, stimuli.Now(self._clock.monotonic(), self.wall_ms()))
        for effect in found:
            self._perform(effect)

    def _perform(self, effect: effects.Effect) -> None:
        if isinstance(effect, effects.FlashWrite):
            self._write(effect.image)
        elif isinstance(effect, effects.WakeAt):
            self._wake_at = effect.mono
        elif isinstance(effect, effects.SetClock):
            self._set_clock(effect.wall_ms)
        elif isinstance(effect, effects.Decided):
            self._note(effect)
        elif isinstance(effect, effects.MoveBolt):
            self._bolt = effect.position
            self._waiting.append(stimuli.BoltMoved(effect.position))
        elif isinstance(effect, effects.Connect):
            self._channel.connect(self)
        elif isinstance(effect, effects.Subscribe):
            self._channel.subscribe(self)
        elif isinstance(effect, effects.Publish):
            self._channel.publish_up(self, effect.payload)
        elif isinstance(effect, effects.Disconnect):
            self._channel.disconnect(self)

    def _write(self, image: bytes) -> None:
        if self.cut_at_write is not None:
            self.cut_at_write -= 1
            if self.cut_at_write < 0:
                self.cut_at_write = None
                if self._random.random() < 0.5:
                    self._flash = image
                raise _PowerCut
        self._flash = image

    def _set_clock(self, wall_ms: int) -> None:
        self._wall_ms, self._set_at = float(wall_ms), self._clock.monotonic()

    def _note(self, decided: effects.Decided) -> None:
        knew = self.state.clock_known
        self.verdicts.append(
            Verdict(self._clock.now(), decided.outcome, decided.opens, decided.offline, knew, self._contact())
        )

    def _contact(self) -> datetime | None:
        if self.state.powered and self.state.holds_welcomed() and self.state.last_welcome_ms:
            self.contact_at = datetime.fromtimestamp(self.state.last_welcome_ms / 1000, UTC)
        return self.contact_at

    def _observe(self) -> None:
        if not self.state.powered:
            return
        self._contact()
        log = self.state.log
        for record in log.records:
            self.log[seq_of(record)] = str(record["kind"])
        self.acknowledged = max(self.acknowledged, log.first_seq() - 1)
        version = self.state.desired.version
        if not self.versions or self.versions[-1] != version:
            self.versions.append(version)

    def _plan_wake(self) -> None:
        self._wake += 1
        number, mono = self._wake, self._wake_at
        if mono is not None:
            wait = max(0.0, mono - self._clock.monotonic()) + 0.001
            self._agenda.after(wait, f"{self.name} wakes", lambda: self._tick(number))

    def _tick(self, number: int) -> None:
        if number == self._wake:
            self.feed(stimuli.Tick())
