"""The only file that speaks MQTT: one connection to the broker, kept up, and what the gateway needs of it."""

import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import SecretStr

from core.database import require_no_transaction
from locks import metrics
from locks.acknowledgements import Acknowledgements

log = structlog.get_logger()

T = TypeVar("T")

_QOS = 1


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and who we are there. Each gateway needs a user of its own; it is its client id
    too.
    """

    host: str
    port: int
    username: str
    password: SecretStr
    tls_ca: Path | None = None
    """Certificate authority of the broker; without it the connection is plain (loopback)."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that waits for its acknowledgement."""

    topic: str
    payload: bytes
    ticket: tuple[int, int]


class BrokerClient(Generic[T]):
    """Publishes at least once and says when the broker has taken what; receives, and acknowledges when told.

    `T` is what the caller wants to hear again once a publication is taken.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        subscription: str,
        on_message: Callable[[Received], None],
        on_connect: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._subscription = subscription
        self._on_message = on_message
        self._on_connect = on_connect
        self._answers: SimpleQueue[tuple[int, bool]] = SimpleQueue()
        self._mutex = threading.Lock()
        self._waiting: dict[int, T | None] = {}
        self._early: dict[int, bool] = {}
        self._client = self._new_client()
        self._acks = Acknowledgements(lambda message_id: self._client.ack(message_id, _QOS))

    def start(self) -> None:
        """Connect, and connect again for ever; returns at once."""
        # A session that outlives its connection would take its share of the hellos while nobody reads them.
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30, clean_start=True)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave the broker in order."""
        self._client.disconnect()
        self._client.loop_stop()
        metrics.CONNECTED.set(0)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has let us in and the connection stands."""
        return self._client.is_connected()

    @property
    def in_flight(self) -> int:
        """Publications that the broker has not taken yet."""
        with self._mutex:
            return len(self._waiting)

    def publish(
        self, topic: str, payload: str, *, retain: bool, tells: T | None = None, expires_s: int | None = None
    ) -> bool:
        """Hand a message over; False while there is no connection. `tells` comes back from `taken`."""
        require_no_transaction("publishing")
        if not self.is_connected:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expires_s is not None:
            properties.MessageExpiryInterval = expires_s
        sent = self._client.publish(topic, payload, qos=_QOS, retain=retain, properties=properties)
        if sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            return False
        with self._mutex:
            # Also where the connection has just gone: the library keeps the message for the next one.
            self._waiting[sent.mid] = tells
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def taken(self) -> Sequence[T]:
        """What publications told us to say, of those that the broker has taken since the last call."""
        told: list[T] = []
        with self._mutex:
            while not self._answers.empty():
                message_id, is_taken = self._answers.get()
                self._early[message_id] = is_taken
            for message_id in self._early.keys() & self._waiting.keys():
                tells = self._waiting.pop(message_id)
                if self._early.pop(message_id) and tells is not None:
                    told.append(tells)
        return told

    def acknowledge(self, received: Received) -> None:
        """Tell the broker that a message need not come again."""
        self._acks.finished(received.ticket)

    def _new_client(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.username,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.username_pw_set(settings.username, settings.password.get_secret_value())
        if settings.tls_ca is not None:
            client.tls_set(ca_certs=str(settings.tls_ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.max_queued_messages_set(10_000)
        client.on_connect = self._connected
        client.on_connect_fail = self._unreachable
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._published
        return client

    def _unreachable(self, _client: Client, _data: Any) -> None:
        # The library tries again for ever and says nothing; it calls this while it holds the error.
        error = sys.exc_info()[1]
        log.warning("lock_broker_unreachable", error=type(error).__name__, detail=str(error))

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("lock_broker_refused", reason=str(reason))
            return
        self._acks.reconnected()
        client.subscribe(self._subscription, qos=_QOS)
        metrics.CONNECTED.set(1)
        log.info("lock_broker_connected", host=self._settings.host, port=self._settings.port)
        self._on_connect()

    def _disconnected(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        metrics.CONNECTED.set(0)
        log.warning("lock_broker_disconnected", reason=str(reason))

    def _published(self, _client: Client, _data: Any, message_id: int, reason: Any, _properties: Any) -> None:
        # Called with the library's own locks held: nothing but a queue may be touched.
        self._answers.put((message_id, not reason.is_failure))

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        ticket = self._acks.arrived(message.mid)
        self._on_message(Received(message.topic, bytes(message.payload), ticket))
