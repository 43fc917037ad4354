"""One connection to the broker, for one contact: locks sleep in between."""

import ssl
import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.core.stimuli import Connected, ConnectFailed, Disconnected, Received, Stimulus, Subscribed
from firmware_sim.provision import Provision
from firmware_sim.wire import Tell

CONNECT_S = 5
KEEPALIVE_S = 30
NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: chain and name are checked, dates are not."""


class MqttWire:
    """Reports what happens as stimuli, and nothing more once it was closed."""

    def __init__(self, door: Provision, tell: Tell, clock_known: bool) -> None:
        self._door = door
        self._tell = tell
        self._clock_known = clock_known
        self._closed = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=door.lock,
            clean_session=True,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(door.username, door.password)
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def open(self) -> None:
        """Connect in the background."""
        threading.Thread(target=self._connect, name=f"connect-{self._door.lock}", daemon=True).start()

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send now or not at all: what cannot be sent is not kept for a later connection."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        self._closed = True
        self._client.disconnect()

    def _report(self, stimulus: Stimulus) -> None:
        if not self._closed:
            self._tell(self, stimulus)

    def _connect(self) -> None:
        broker = self._door.broker
        try:
            if broker.tls:
                self._client.tls_set_context(tls_context(broker.ca, self._clock_known))
            self._client.connect(broker.host, broker.port, KEEPALIVE_S)
        except (OSError, ValueError):
            self._report(ConnectFailed())
            return
        if self._closed:
            self._client.disconnect()
        self._client.loop_start()

    def _on_connect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._report(ConnectFailed() if reason.is_failure else Connected())

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._report(Disconnected())

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        self._report(Subscribed())

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        self._report(Received(message.topic, bytes(message.payload), message.retain))


def tls_context(ca: str | None, clock_known: bool) -> ssl.SSLContext:
    """Chain and name are always checked; dates only by a lock that knows the time.

    `ca`: the authorities it pins, as PEM text or as a file's path; None for those of the machine.
    """
    is_text = ca is not None and ca.startswith("-----BEGIN")
    context = ssl.create_default_context(cadata=ca) if is_text else ssl.create_default_context(cafile=ca)
    if not clock_known:
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return context
