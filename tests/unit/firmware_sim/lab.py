"""A lock on a bench: virtual time, a network that can be cut, flash that can lose power in mid-write."""

from collections import deque
from typing import Any

from firmware_sim.core import effects, stimuli
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from tests.unit.firmware_sim.server_double import GRANULE, ServerDouble

LOCK = "00112233445566ff"
START = 1_800_000_000 // GRANULE * GRANULE


class PowerCut(Exception):
    """The battery fell out at a flash write."""


class Lab:
    """`network`: up, down (refused at once), dead (no answer) or mute (a broker without a server)."""

    def __init__(self, network: str = "up", now: int = START) -> None:
        self.mono = 1000.0
        self.true_ms = now * 1000
        self.wall_ms = 946684800000
        self.network = network
        self.server = ServerDouble(LOCK, now)
        self.state: State = factory_state(LOCK, self.server.root, self.server.code_root)
        self.flash: bytes | None = None
        self.writes = 0
        self.cut_at: tuple[int, bool] | None = None
        self.wake_at: float | None = None
        self.bolt = "locked"
        self.door = "none"
        self.jams = False
        self.done: list[effects.Effect] = []
        self.decided: list[effects.Decided] = []
        self.opened_at: list[int] = []
        self.connects = 0
        self.waiting: deque[stimuli.Stimulus] = deque()
        self.boots = 0
        self.flash_room = 131072
        self.withhold_desired = False
        self.welcome_changes: dict[str, Any] = {}

    @property
    def now(self) -> int:
        """The true time in Unix seconds."""
        return self.true_ms // 1000

    def power_up(self, clock_kept: bool = False) -> "Lab":
        self.boots += 1
        self.waiting.clear()
        self.wake_at = None
        entropy = bytes([self.boots % 256]) * 32
        self.feed(
            stimuli.PowerUp(
                self.flash, entropy, clock_kept, self.bolt, self.door, "none", 6000, self.flash_room
            )
        )
        return self

    def power_cycle(self, clock_kept: bool = False) -> "Lab":
        """What RAM held is gone."""
        self.state = factory_state(LOCK, self.server.root, self.server.code_root)
        if not clock_kept:
            self.wall_ms = 946684800000
        return self.power_up(clock_kept)

    def feed(self, stimulus: stimuli.Stimulus) -> None:
        self.waiting.append(stimulus)
        while self.waiting:
            now = stimuli.Now(self.mono, self.wall_ms)
            self.state, found = self.stepped(self.state, self.waiting.popleft(), now)
            self.wake_at = None
            for effect in found:
                self.perform(effect)

    def stepped(
        self, state: State, stimulus: stimuli.Stimulus, now: stimuli.Now
    ) -> tuple[State, list[effects.Effect]]:
        return step(state, stimulus, now)

    def perform(self, effect: effects.Effect) -> None:
        self.done.append(effect)
        if isinstance(effect, effects.FlashWrite):
            self.write(effect.image)
        elif isinstance(effect, effects.WakeAt):
            self.wake_at = effect.mono
        elif isinstance(effect, effects.SetClock):
            self.wall_ms = effect.wall_ms
        elif isinstance(effect, effects.Decided):
            self.decided.append(effect)
        elif isinstance(effect, effects.MoveBolt):
            self.move(effect.position)
        else:
            self.perform_on_wire(effect)

    def perform_on_wire(self, effect: effects.Effect) -> None:
        if isinstance(effect, effects.Connect):
            self.connects += 1
            if self.network == "down":
                self.waiting.append(stimuli.ConnectFailed())
            elif self.network != "dead":
                self.waiting.append(stimuli.Connected())
        elif isinstance(effect, effects.Subscribe):
            self.waiting.append(stimuli.Subscribed())
            if self.server.desired_jws and not self.withhold_desired:
                self.deliver("desired", self.server.desired_jws, True)
        elif isinstance(effect, effects.Publish) and self.network == "up":
            welcome = self.server.answer(effect.payload, self.true_ms, **self.welcome_changes)
            if welcome is not None:
                self.deliver("welcome", welcome)

    def deliver(self, tail: str, jws: str, retained: bool = False) -> None:
        topic = f"kaiho/v1/locks/{LOCK}/down/{tail}"
        self.waiting.append(stimuli.Received(topic, jws.encode(), retained))

    def write(self, image: bytes) -> None:
        index, self.writes = self.writes, self.writes + 1
        if self.cut_at is not None and self.cut_at[0] == index:
            if self.cut_at[1]:
                self.flash = image
            raise PowerCut
        self.flash = image

    def move(self, position: str) -> None:
        if self.jams:
            self.waiting.append(stimuli.BoltMoved("jammed"))
            return
        if position == "unlocked":
            self.opened_at.append(self.now)
        self.bolt = position
        self.waiting.append(stimuli.BoltMoved(position))

    def advance(self, seconds: float) -> None:
        """Let time pass; every timer fires when it is due."""
        end = self.mono + seconds
        while self.wake_at is not None and self.wake_at <= end:
            self._pass(max(0.0, self.wake_at - self.mono))
            self.feed(stimuli.Tick())
        self._pass(end - self.mono)

    def _pass(self, seconds: float) -> None:
        self.mono += seconds
        self.true_ms += round(seconds * 1000)
        self.wall_ms += round(seconds * 1000)

    def until(self, unix_s: int) -> None:
        self.advance(unix_s - self.true_ms / 1000)

    def press(self, keys: str) -> None:
        for key in keys:
            self.feed(stimuli.KeyPressed({"#": "enter", "*": "clear"}.get(key, key)))

    def enter(self, digits: str) -> str:
        """Type a code and 確定, wait for the verdict, and stay until the keypad takes keys again."""
        before = len(self.decided)
        self.press(digits + "#")
        if len(self.decided) == before:
            self.advance(7)
        assert len(self.decided) == before + 1
        outcome = self.decided[-1].outcome
        if self.state.pause_until > self.mono:
            self.advance(self.state.pause_until - self.mono)
        return outcome

    def settle(self) -> None:
        """Let a contact under way come to its end."""
        self.advance(20)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the server or the lock's log holds of a kind, in order."""
        known = dict(self.server.events)
        for record in self.state.log.records:
            known[int(str(record["seq"]))] = record
        return [known[seq] for seq in sorted(known) if known[seq]["kind"] == kind]


def started(network: str = "up", **desired: Any) -> Lab:
    """A lock that has had its first contact and holds a desired state."""
    lab = Lab()
    lab.server.publish(lab.now, **desired)
    lab.power_up()
    lab.settle()
    assert lab.state.desired.version == 1
    lab.advance(1000)
    lab.network = network
    return lab


def window_at(lab: Lab, lane: int = 0, rev: int = 0, length: int = 4) -> list[int]:
    """A window that holds the present instant."""
    return [lab.now // GRANULE, length, lane, rev]
