"""The hand-written lock on a real broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.locks.door import Door
from tests.servers.broker import Mosquitto
from tests.servers.loopback import eventually


class WiredDoor:
    """One connection of a lock (MQTT 3.1.1, as most small devices speak)."""

    def __init__(self, door: Door, broker: Mosquitto, client: Client) -> None:
        self.door = door
        self.broker = broker
        self.client = client
        self.welcomes: SimpleQueue[str] = SimpleQueue()
        self.desireds: SimpleQueue[str] = SimpleQueue()
        self.others: list[str] = []

    def say(self, message: bytes, *, topic: str | None = None) -> None:
        """Publish, by default on the lock's own hello topic."""
        sent = self.client.publish(topic or f"kaiho/v1/locks/{self.door.id}/up/hello", message, qos=1)
        sent.wait_for_publish(20)

    def contact(self, **changes: Any) -> dict[str, Any]:
        """Say hello and take what comes, until the version named by the welcome is held."""
        for _ in range(10):
            self.say(self.door.hello(**changes))
            welcome = self.door.take_welcome(self.welcomes.get(timeout=20))
            self.take_desireds()
            if self.door.applied == welcome["version"]:
                return welcome
        raise AssertionError("the lock never held the newest version")

    def take_desireds(self) -> int:
        """Apply every desired state that has arrived; how many."""
        count = 0
        while True:
            try:
                self.door.take_desired(self.desireds.get_nowait())
            except Empty:
                return count
            count += 1

    def _received(self, _client: Client, _data: object, message: Any) -> None:
        inbox = {"welcome": self.welcomes, "desired": self.desireds}.get(message.topic.rpartition("/")[2])
        if inbox is not None and message.topic.startswith(f"kaiho/v1/locks/{self.door.id}/down/"):
            inbox.put(message.payload.decode())
        else:
            self.others.append(message.topic)


class Refused(Exception):
    """The broker does not let the lock in."""


@contextmanager
def wired(
    door: Door,
    broker: Mosquitto,
    *,
    client_id: str | None = None,
    also: tuple[str, ...] = (),
    is_known: bool = False,
) -> Iterator[WiredDoor]:
    """Let the broker know the lock (unless it does), connect and subscribe, for as long as the block lasts.

    Raises:
        Refused: the broker does not let it in.
    """
    if not is_known:
        broker.add_user(door.id, door.fitted.password)
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or door.id)
    client.username_pw_set(door.id, door.fitted.password)
    connection = WiredDoor(door, broker, client)
    client.on_message = connection._received
    subscribed: list[object] = []
    client.on_subscribe = lambda *_: subscribed.append(1)
    topics = (f"kaiho/v1/locks/{door.id}/down/#", *also)
    refused: list[object] = []

    def connected(_client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            refused.append(reason)
        else:
            client.subscribe([(topic, 1) for topic in topics])

    client.on_connect = connected
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        eventually(lambda: subscribed or refused, what="the broker's answer")
        if refused:
            raise Refused
        yield connection
    finally:
        client.disconnect()
        client.loop_stop()
