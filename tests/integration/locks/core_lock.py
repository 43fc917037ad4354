"""The simulated lock's own core, wired to the server without a broker; both live on the school's clock."""

from collections import deque
from datetime import timedelta
from hashlib import sha256

from firmware_sim.core import effects, stimuli
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from locks import desired_state
from locks.installation import Installation
from locks.models import Lock, LockState
from tests.integration.locks.conftest import School

FACTORY_MS = 946684800000
"""What its clock says before anybody has set it."""
_KEYS = {"#": "enter"}


class CoreLock:
    """A lock on a door. `network` False: it cannot reach the server."""

    def __init__(self, school: School, fitted: Installation, *, code_root: bytes | None = None) -> None:
        """`code_root`: what its installer typed in, where that is not what was shown."""
        self.school = school
        self.id = fitted.lock
        self.network = True
        self.heard: list[str] = []
        """Kinds of messages that reached it."""
        self.identified = 0
        self._mono = 1000.0
        self._offset_ms: int | None = None
        self._waiting: deque[stimuli.Stimulus] = deque()
        self._wake_at: float | None = None
        self._decided: effects.Decided | None = None
        self._bolt = "locked"
        self.state: State = factory_state(fitted.lock, fitted.root, code_root or fitted.code_root)
        entropy = sha256(fitted.lock.encode()).digest()
        self._feed(stimuli.PowerUp(None, entropy, False, "locked", "none", "none", 6000))
        self._settle()

    def sync(self) -> None:
        """Speak to the server now."""
        self._feed(stimuli.SyncAsked())
        self._settle()

    def opens_for(self, code: str) -> bool:
        """Type a code and 確定: whether the bolt moves. It is locked again at once."""
        self._decided = None
        for key in [*code, "#"]:
            self._feed(stimuli.KeyPressed(_KEYS.get(key, key)))
        self._settle()
        opened = self._bolt == "unlocked"
        if opened:
            self.turn_thumb("locked")
        # The keypad is at rest again.
        self._pass(timedelta(minutes=1))
        return opened

    def turn_thumb(self, position: str) -> None:
        """Somebody inside turns the bolt."""
        self._bolt = position
        self._feed(stimuli.BoltMoved(position, True))
        self._settle()

    def _settle(self) -> None:
        while self._wake_at is not None and (self.state.contact is not None or self.state.entry):
            self._pass(timedelta(seconds=max(0.0, self._wake_at - self._mono) + 0.01))
            self._feed(stimuli.Tick())

    def _pass(self, span: timedelta) -> None:
        self._mono += span.total_seconds()
        self.school.clock.at += span

    def _now(self) -> stimuli.Now:
        true_ms = int(self.school.now.timestamp() * 1000)
        return stimuli.Now(self._mono, FACTORY_MS if self._offset_ms is None else true_ms + self._offset_ms)

    def _feed(self, stimulus: stimuli.Stimulus) -> None:
        self._waiting.append(stimulus)
        while self._waiting:
            self._wake_at = None
            self.state, found = step(self.state, self._waiting.popleft(), self._now())
            for effect in found:
                self._perform(effect)

    def _perform(self, effect: effects.Effect) -> None:
        if isinstance(effect, effects.WakeAt):
            self._wake_at = effect.mono
        elif isinstance(effect, effects.SetClock):
            self._offset_ms = effect.wall_ms - int(self.school.now.timestamp() * 1000)
        elif isinstance(effect, effects.MoveBolt):
            self._bolt = effect.position
            self._waiting.append(stimuli.BoltMoved(effect.position))
        elif isinstance(effect, effects.Identify):
            self.identified += 1
        elif isinstance(effect, effects.Connect):
            self._waiting.append(stimuli.Connected() if self.network else stimuli.ConnectFailed())
        elif isinstance(effect, effects.Subscribe):
            self._waiting.append(stimuli.Subscribed())
            self._retained()
        elif isinstance(effect, effects.Publish):
            self._answered(effect.payload)

    def _retained(self) -> None:
        """What a gateway has published by now, where the lock is alive."""
        with self.school.database.transaction() as session:
            lock = session.get_one(Lock, self.id)
            if lock.state == LockState.DEAD:
                return
            jws = desired_state.build(
                session, self.school.keyring, self.school.callbacks, lock_id=self.id, now=self.school.now
            ).jws
        self._deliver("desired", jws, is_retained=True)

    def _answered(self, hello: bytes) -> None:
        answer = self.school.hear_of(self.id, hello)
        if answer is None:
            return
        for command in answer.commands:
            self._deliver("command", command)
        if answer.desired is not None:
            self._deliver("desired", answer.desired)
        self._deliver("welcome", answer.welcome)

    def _deliver(self, kind: str, jws: str, *, is_retained: bool = False) -> None:
        self.heard.append(kind)
        topic = f"kaiho/v1/locks/{self.id}/down/{kind}"
        self._waiting.append(stimuli.Received(topic, jws.encode(), is_retained))
