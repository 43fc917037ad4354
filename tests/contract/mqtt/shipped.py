"""The Mosquitto of `deploy/mosquitto.conf`, with the files that `kaiho` writes, on a loopback port."""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from locks.broker_certificates import FOLDER, PINNED
from tests.integration.app.command_line import CommandLine
from tests.servers.broker import mosquitto_program
from tests.servers.loopback import LOOPBACK, eventually, free_port, is_listening
from tests.servers.processes import ROOT, Process, Processes

CONFIGURATION = ROOT / "deploy" / "mosquitto.conf"
GATEWAY = ("gateway-1", "gateway-password")


class Refused(Exception):
    """The broker does not let this client in."""


class ShippedBroker:
    """Started, killed and wiped at will; `without` leaves an option out, others are set by name."""

    def __init__(self, line: CommandLine, processes: Processes) -> None:
        self.line = line
        self.folder = line.broker_dir
        self.port = free_port()
        self._processes = processes
        self._process: Process | None = None

    def start(self, *, without: str = "", **instead: object) -> None:
        """Run until `kill`; returns once it listens."""
        text = CONFIGURATION.read_text(encoding="utf-8")
        store = self.folder / "store"
        store.mkdir(exist_ok=True)
        moved = [
            ("listener 8883", f"listener {self.port} {LOOPBACK}"),
            ("/etc/mosquitto/kaiho", str(self.folder)),
            ("/var/lib/mosquitto/", f"{store}/"),
            # `kaiho` finds it here and signals it itself: on one machine under one user, as the demo runs.
            ("/run/mosquitto/mosquitto.pid", f"{self.folder}/mosquitto.pid"),
        ]
        for shipped, here in moved:
            assert shipped in text, f"{shipped!r} is not in {CONFIGURATION.name} any more"
            text = text.replace(shipped, here)
        for option, value in instead.items():
            text, count = re.subn(rf"(?m)^{option} .*$", f"{option} {value}", text)
            assert count == 1
        if without:
            text, count = re.subn(rf"(?m)^{without}\b.*\n", "", text)
            assert count == 1
        as_root = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(text + as_root, encoding="utf-8")
        self._process = self._processes.start(mosquitto_program(), "-c", str(self.folder / "mosquitto.conf"))
        process = self._process
        eventually(lambda: not process.is_running() or is_listening(self.port), what="Mosquitto")
        assert process.is_running(), process.output

    def kill(self) -> None:
        """End it at whatever instruction it is."""
        assert self._process is not None
        self._process.kill()

    def wipe(self) -> None:
        """Forget all that was retained; call while it is killed."""
        for file in (self.folder / "store").iterdir():
            file.unlink()

    @property
    def output(self) -> str:
        """What it has said."""
        assert self._process is not None
        return self._process.output

    @property
    def ca(self) -> Path:
        """What a lock pins."""
        return self.folder / FOLDER / PINNED


class Talker:
    """One connection to the broker; what it hears waits in `heard` as (topic, payload)."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self.losses: list[object] = []
        self._subscribed: list[int] = []

    def subscribe(self, *topics: str) -> None:
        """Ask for topics and wait for the answer; Mosquitto grants also what it will not deliver."""
        before = len(self._subscribed)
        self.client.subscribe([(topic, 1) for topic in topics])
        eventually(lambda: len(self._subscribed) > before, what="SUBACK")

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait until the broker has answered."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def hear(self, *, within_s: float = 20) -> tuple[str, bytes]:
        """The next message."""
        return self.heard.get(timeout=within_s)

    def break_off(self) -> None:
        """Cut the line without a word, as a lock does whose battery falls out."""
        line = self.client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_RDWR)
        eventually(lambda: self.losses, what="the end of the connection")

    def everything_heard(self) -> list[tuple[str, bytes]]:
        """All messages so far."""
        found = []
        while True:
            try:
                found.append(self.heard.get_nowait())
            except Empty:
                return found

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))


@contextmanager
def talking(
    broker: ShippedBroker,
    user: tuple[str, str] | None,
    *,
    client_id: str | None = None,
    ca: Path | None = None,
    will: str = "",
) -> Iterator[Talker]:
    """Connect as a user (None: nobody in particular), pinning the broker's authorities.

    `will`: the topic to which the broker is asked to say "last will", retained, once the connection breaks.

    Raises:
        Refused: the broker said no, or hung up.
    """
    name = client_id or (user[0] if user else "nobody")
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False)
    if user is not None:
        client.username_pw_set(*user)
    if will:
        client.will_set(will, b"last will", qos=1, retain=True)
    client.tls_set_context(ssl.create_default_context(cafile=str(ca or broker.ca)))
    talker = Talker(client)
    answers: list[bool] = []

    def connected(_client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        answers.append(not reason.is_failure)

    def lost(_client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        talker.losses.append(reason)
        answers.append(False)

    client.on_connect = connected
    client.on_disconnect = lost
    client.on_message = talker._on_message
    client.on_subscribe = lambda _client, _data, mid, *_: talker._subscribed.append(mid)
    client.connect(LOOPBACK, broker.port)
    client.loop_start()
    try:
        eventually(lambda: answers, what="the broker's answer")
        if not answers[0]:
            raise Refused
        yield talker
    finally:
        client.disconnect()
        client.loop_stop()
