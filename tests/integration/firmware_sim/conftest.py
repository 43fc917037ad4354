"""A real lock process, a real broker, and a server written by hand on the far side of it."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.edge import unix_ms
from tests.servers.broker import Mosquitto
from tests.servers.loopback import eventually
from tests.servers.processes import Process, Processes
from tests.unit.firmware_sim.server_double import GRANULE, ServerDouble


class Gateway:
    """Answers the hellos of any number of locks through the broker."""

    def __init__(self, broker: Mosquitto) -> None:
        self.servers: dict[str, ServerDouble] = {}
        self.silent = False
        self._guard = threading.Lock()
        self._listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=broker.gateway_username)
        self._client.username_pw_set(broker.gateway_username, broker.gateway_password)
        self._client.on_message = self._on_hello
        self._client.on_connect = lambda client, *_: client.subscribe("kaiho/v1/locks/+/up/hello", qos=1)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._listening.wait(10)

    def add(self, lock: str) -> ServerDouble:
        server = ServerDouble(lock, self.now())
        self.servers[lock] = server
        return server

    def now(self) -> int:
        return unix_ms() // 1000

    def window(self, rev: int = 0, length: int = 4) -> list[int]:
        """A window that holds the present instant."""
        return [self.now() // GRANULE, length, 0, rev]

    def publish(self, server: ServerDouble, **changes: Any) -> None:
        with self._guard:
            jws = server.publish(self.now(), **changes)
            topic = f"kaiho/v1/locks/{server.lock}/down/desired"
            self._client.publish(topic, jws, qos=1, retain=True).wait_for_publish(20)

    def _on_hello(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        server = self.servers[message.topic.split("/")[3]]
        with self._guard:
            welcome = server.answer(bytes(message.payload), unix_ms())
        if welcome is not None and not self.silent:
            client.publish(f"kaiho/v1/locks/{server.lock}/down/welcome", welcome, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Simulator:
    """A running `python -m firmware_sim`, by its JSON API."""

    def __init__(self, process: Process, base: str) -> None:
        self.process = process
        self.base = base

    def get(self, lock: str) -> dict[str, Any]:
        answer = requests.get(f"{self.base}doors/{lock}", timeout=20)
        answer.raise_for_status()
        seen: dict[str, Any] = answer.json()
        return seen

    def post(self, lock: str, what: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.base}doors/{lock}/{what}", json=body, timeout=40)
        answer.raise_for_status()
        seen: dict[str, Any] = answer.json()
        return seen

    def enter(self, lock: str, digits: str) -> dict[str, Any]:
        return self.post(lock, "keys", keys=digits + "#")

    def applied(self, lock: str, version: int) -> None:
        eventually(lambda: self.get(lock)["applied"] == version, what=f"version {version}")
        eventually(lambda: self.get(lock)["contact"] is None, what="the end of the contact")


@pytest.fixture
def gateway(own_mosquitto: Mosquitto) -> Iterator[Gateway]:
    running = Gateway(own_mosquitto)
    yield running
    running.close()


@pytest.fixture
def doors_file(tmp_path: Path) -> Path:
    return tmp_path / "doors.json"


@pytest.fixture
def install(gateway: Gateway, own_mosquitto: Mosquitto, doors_file: Path) -> Callable[..., ServerDouble]:
    """`install(lock, name)`: an account at the broker, a server, and an entry in the doors file."""

    def install(lock: str, name: str = "", kind: str = "door_lock") -> ServerDouble:
        server = gateway.add(lock)
        own_mosquitto.add_user(lock, f"secret-{lock}")
        doors = json.loads(doors_file.read_text()) if doors_file.exists() else []
        doors.append(
            {
                "lock": lock,
                "name": name,
                "kind": kind,
                "root": server.root.hex(),
                "code_root": server.code_root.hex(),
                "broker": {"host": own_mosquitto.host, "port": own_mosquitto.port, "tls": False},
                "username": lock,
                "password": f"secret-{lock}",
            }
        )
        doors_file.write_text(json.dumps(doors))
        return server

    return install


@pytest.fixture
def simulate(processes: Processes, doors_file: Path, tmp_path: Path) -> Callable[..., Simulator]:
    """Starts the doors of the file; the same flash each time."""

    def simulate(*options: str) -> Simulator:
        process = processes.python(
            *("-m", "firmware_sim", "--doors", str(doors_file), "--state", str(tmp_path / "flash")), *options
        )
        line = process.wait_for_line(r'\{"keypad": "(http://[^"]+)"\}')
        return Simulator(process, line.group(1))

    return simulate
