"""The gateway between one lock and a server half: what is due goes out, what comes in is answered."""

from tests.bench.histories.server import ServerHalf
from tests.simulation.channel import Channel
from tests.simulation.clock import Agenda, VirtualClock

PUBLISHED_AFTER_S = 2.1
"""Changes travel together for 2 s."""


class Gateway:
    """While it is not `is_up` nobody hears the lock, and nothing new reaches the broker."""

    def __init__(
        self, lock: str, server: ServerHalf, channel: Channel, agenda: Agenda, clock: VirtualClock
    ) -> None:
        self._lock, self._server, self._channel = lock, server, channel
        self._agenda, self._clock = agenda, clock
        self.is_up = True
        self.heard: list[bytes] = []
        """The newest hellos, for whoever wants to say them again."""
        channel.hear = self._hear

    def changed(self) -> None:
        """A right has changed: publish soon."""
        self._agenda.after(PUBLISHED_AFTER_S, "publish", self.publish)

    def publish(self) -> None:
        """Give the broker what is due."""
        if not self.is_up:
            return
        for jws in self._server.publications(now=self._clock.now()):
            self._channel.publish_down(self._lock, "desired", jws, retain=True)

    def come_back(self) -> None:
        """Up again, with everything that is due."""
        self.is_up = True
        self.publish()

    def _hear(self, lock: str, payload: bytes) -> None:
        if not self.is_up:
            return
        self.heard = [*self.heard[-19:], payload]
        reply = self._server.hear(payload, now=self._clock.now())
        if reply is None:
            return
        if reply.desired is not None:
            self._channel.publish_down(lock, "desired", reply.desired, retain=True)
        self._channel.publish_down(lock, "welcome", reply.welcome, retain=False)
