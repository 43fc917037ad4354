"""A contact over HTTPS, for locks without MQTT: the hello is a POST, its answer the welcome (section 4)."""

import json
import threading
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from firmware_sim.core.stimuli import Connected, ConnectFailed, Disconnected, Received, Stimulus, Subscribed
from firmware_sim.mqtt import tls_context
from firmware_sim.provision import Provision
from firmware_sim.wire import Tell, WireMaker

TIMEOUT_S = 5
OK = 200
LONGEST = 65_536
"""Of an answer: a desired state of 12 KiB in its envelope, and room."""


class BadServer(Exception):
    """The address is none that a lock may speak to; the message says why."""


def https_wires(server: str, ca: str | None) -> WireMaker:
    """Wires to a server, for example `https://kaiho.example`; plain HTTP only to this machine itself.

    `ca`: the file of the one CA that the lock trusts; without it the one given for its broker.

    Raises:
        BadServer: no such address.
    """
    address = urlsplit(server)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise BadServer("the server is no http or https address")
    if address.scheme == "http" and not _is_this_machine(address.hostname):
        raise BadServer("a lock speaks plain HTTP to its own machine only")

    def make(door: Provision, tell: Tell, clock_known: bool) -> "HttpsWire":
        return HttpsWire(address, ca or door.broker.ca, door.lock, tell, clock_known)

    return make


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpsWire:
    """One connection for one contact. Anything but 200 is no contact."""

    def __init__(self, server: SplitResult, ca: str | None, lock: str, tell: Tell, clock_known: bool) -> None:
        self._server = server
        self._ca = ca
        self._lock = lock
        self._tell = tell
        self._clock_known = clock_known
        self._closed = False
        self._one_at_a_time = threading.Lock()
        self._connection: HTTPConnection | None = None

    def open(self) -> None:
        """Connect in the background."""
        threading.Thread(target=self._connect, name=f"connect-{self._lock}", daemon=True).start()

    def subscribe(self, topic: str) -> None:
        """Nothing to subscribe to: what is new comes with the answer."""
        self._report(Subscribed())

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a hello in the background."""
        threading.Thread(target=self._post, args=(payload,), name=f"post-{self._lock}", daemon=True).start()

    def close(self) -> None:
        self._closed = True
        threading.Thread(target=self._hang_up, name=f"close-{self._lock}", daemon=True).start()

    def _report(self, stimulus: Stimulus) -> None:
        if not self._closed:
            self._tell(self, stimulus)

    def _connect(self) -> None:
        try:
            with self._one_at_a_time:
                if self._closed:
                    return
                self._connection = self._new_connection()
                self._connection.connect()
        except (OSError, ValueError):
            self._report(ConnectFailed())
            return
        self._report(Connected())

    def _new_connection(self) -> HTTPConnection:
        host, port = self._server.hostname or "", self._server.port
        if self._server.scheme == "https":
            context = tls_context(self._ca, self._clock_known)
            return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        return HTTPConnection(host, port, timeout=TIMEOUT_S)

    def _post(self, payload: bytes) -> None:
        with self._one_at_a_time:
            if self._closed or self._connection is None:
                return
            try:
                self._connection.request(
                    "POST",
                    f"{self._server.path.rstrip('/')}/locks/v1/{self._lock}/sync",
                    payload,
                    {"Content-Type": "application/jose"},
                )
                answer = self._connection.getresponse()
                body = answer.read(LONGEST)
            except (OSError, HTTPException):
                self._report(Disconnected())
                return
        if answer.status != OK:
            self._report(Disconnected(_patience_s(answer)))
            return
        self._take(body)

    def _take(self, body: bytes) -> None:
        try:
            told = json.loads(body)
            welcome, desired = str(told["welcome"]), told["desired"]
        except (ValueError, KeyError, TypeError):
            self._report(Disconnected())
            return
        # The version first, as over MQTT: the welcome then finds it held.
        if desired is not None:
            self._hear("desired", str(desired), True)
        self._hear("welcome", welcome, False)

    def _hear(self, tail: str, jws: str, retained: bool) -> None:
        self._report(Received(f"kaiho/v1/locks/{self._lock}/down/{tail}", jws.encode(), retained))

    def _hang_up(self) -> None:
        with self._one_at_a_time:
            if self._connection is not None:
                self._connection.close()


def _patience_s(answer: HTTPResponse) -> int:
    """What Retry-After asks for in seconds; a date is not understood."""
    asked = answer.getheader("Retry-After", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
