"""A simulated lock that says hello over HTTPS: the firmware's step function against the real endpoint."""

import json
from hashlib import sha256

from firmware_sim.core.effects import Effect, Publish, SetClock
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.stimuli import Connected, Now, PowerUp, Received, Stimulus, Subscribed, SyncAsked, Tick
from locks.installation import Installation
from tests.bench import load


class HttpsLock:
    """One lock. `hello` gives the octets to send, `take` feeds the answer back."""

    def __init__(self, made: Installation, *, wall_ms: int) -> None:
        self.lock_id = made.lock
        self._mono = 1000.0
        self._wall_ms = wall_ms
        self._state: State = factory_state(made.lock, made.root, made.code_root)
        self._outgoing: bytes | None = None
        self._feed(PowerUp(None, sha256(made.root).digest(), True, "locked", "none", "none", 6000))
        self._open()

    @property
    def applied(self) -> int:
        """The desired version it holds."""
        return self._state.desired.version

    def hello(self) -> bytes:
        """The hello that waits to be sent; it says another where its last contact has ended."""
        if self._outgoing is None:
            self._feed(SyncAsked())
            self._open()
        assert self._outgoing is not None
        sent, self._outgoing = self._outgoing, None
        return sent

    def has_more(self) -> bool:
        """Whether it wants to say hello again within this contact."""
        return self._outgoing is not None

    def take(self, welcome: str, desired: str | None) -> None:
        """An answer: the welcome, and the desired state where it had an older one."""
        if desired is not None:
            self._feed(Received(self._topic("desired"), desired.encode(), False))
        self._feed(Received(self._topic("welcome"), welcome.encode(), False))

    def _open(self) -> None:
        for stimulus in (Connected(), Subscribed()):
            self._feed(stimulus)
        self._mono += 1
        self._feed(Tick())

    def _topic(self, tail: str) -> str:
        return f"kaiho/v1/locks/{self.lock_id}/down/{tail}"

    def _feed(self, stimulus: Stimulus) -> None:
        self._state, effects = step(self._state, stimulus, Now(self._mono, self._wall_ms))
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Publish):
            self._outgoing = effect.payload
        elif isinstance(effect, SetClock):
            self._wall_ms = effect.wall_ms


def sync_request(port: int, lock: HttpsLock) -> bytes:
    """A hello on its way."""
    body = lock.hello()
    lines = [
        f"POST /locks/v1/{lock.lock_id}/sync HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: keep-alive",
        "Content-Type: application/jose",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def full_sync(port: int, lock: HttpsLock) -> tuple[float, int, int]:
    """Hello, welcome and desired, hello again until the lock is content: seconds on the wire, hellos, octets
    both ways.

    Raises:
        AssertionError: the server refused, or the lock did not take what it was given.
    """
    spent, hellos, octets = 0.0, 0, 0
    while True:
        request = sync_request(port, lock)
        answers, _ = load.run(port, [request], clients=1)
        (answer,) = answers
        assert answer.status == 200, (answer.status, answer.body)
        said = json.loads(answer.body)
        spent, hellos = spent + answer.took_s, hellos + 1
        octets += len(request) + len(answer.head) + len(answer.body)
        lock.take(said["welcome"], said["desired"])
        if not lock.has_more() or hellos > 9:
            return spent, hellos, octets
