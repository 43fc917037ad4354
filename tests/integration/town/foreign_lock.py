"""A lock by somebody else: written from the protocol's page alone, with Python's library and an MQTT client.

It imports nothing of ours, neither the server's side nor the simulated lock's, so that the page is what both
agree on.
"""

import base64
import hashlib
import hmac
import json
import os
import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

WAIT_S = 5.0
"""How long a nonce lives (section 5)."""


class Refused(Exception):
    """An envelope or a payload that proves nothing (section 3)."""


def hkdf(secret: bytes, info: str) -> bytes:
    """RFC 5869 with SHA-256, an empty salt and one block."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info.encode("ascii") + b"\x01", "sha256")


def hotp(key: bytes, counter: int) -> str:
    """RFC 4226 with HMAC-SHA-256 and eight digits."""
    mac = hmac.digest(key, counter.to_bytes(8, "big"), "sha256")
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**8:08d}"


def encoded(octets: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes:
    """What `encoded` made."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def strict(octets: bytes) -> dict[str, Any]:
    """A JSON object in which no key stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused("a key stands twice")
        return dict(pairs)

    found = json.loads(octets, object_pairs_hook=once)
    if not isinstance(found, dict):
        raise Refused("not an object")
    return found


@dataclass
class ForeignLock:
    """What it was given at its installation, and what it keeps in its flash."""

    id: str
    root: bytes
    code_root: bytes
    mac_epoch: int = 0
    n: int = 0
    desired: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    result: str = "none"
    clock_ms: int | None = None
    acknowledged: int = 0
    next_sync_at: int = 0
    _nonce: str = ""

    @classmethod
    def installed(cls, shown: dict[str, Any]) -> "ForeignLock":
        """As its installer typed it in."""
        return cls(shown["lock"], bytes.fromhex(shown["root"]), bytes.fromhex(shown["code_root"]))

    @property
    def applied(self) -> int:
        """The version it holds; 0 before the first."""
        return int(self.desired.get("version", 0))

    def hello(self, why: str) -> bytes:
        """The next hello, signed; its one event says that it started."""
        self.n += 1
        self._nonce = os.urandom(16).hex()  # noqa: TID251 -- shares nothing with us
        quality = "unknown" if self.clock_ms is None else "synced"
        events = (
            [] if self.acknowledged else [{"seq": 1, "at": 0, "clock_quality": "unknown", "kind": "boot"}]
        )
        return self._signed(
            {
                "v": 1,
                "lock": self.id,
                "n": self.n,
                "nonce": self._nonce,
                "boot": 1,
                "why": why,
                "clock": self.clock_ms or 0,
                "clock_quality": quality,
                "applied": self.applied,
                "digest": self.digest,
                "result": self.result,
                "mac_epoch": self.mac_epoch,
                "epoch": self.desired.get("epoch", 0),
                "battery_mv": 6000,
                "temperature_c": 20,
                "rssi_dbm": -70,
                "hardware": "foreign-1",
                "firmware": "0.1",
                "bolt": "locked",
                "door": "closed",
                "key": "none",
                "operating_mode": "normal",
                "first_seq": 1,
                "last_seq": 1,
                "events": events,
            }
        )

    def take_welcome(self, jws: str) -> None:
        """Set the clock and forget what the server has; only the answer to the open nonce counts.

        Raises:
            Refused: it is not.
        """
        payload, _ = self._verified(jws, "kaiho-welcome")
        if not self._nonce or payload["nonce"] != self._nonce:
            raise Refused("not the answer to this hello")
        self._nonce = ""
        self.clock_ms = payload["now"]
        self.acknowledged = payload["ack_seq"]
        self.next_sync_at = payload["next_sync_at"]

    def take_desired(self, jws: str) -> bool:
        """Hold a desired state if it is newer; whether it was.

        Raises:
            Refused: its envelope proves nothing.
        """
        payload, octets = self._verified(jws, "kaiho-desired")
        digest = hashlib.sha256(octets).hexdigest()
        if payload["version"] == self.applied:
            self.result = "ok" if digest == self.digest else "conflict"
            return False
        if payload["version"] < self.applied or payload["epoch"] < self.desired.get("epoch", 0):
            self.result = "stale"
            return False
        self.desired, self.digest, self.result = payload, digest, "ok"
        self.mac_epoch = max(self.mac_epoch, payload.get("next_mac_epoch", 0))
        return True

    def code_of(self, granule: int, length: int, lane: int, rev: int) -> str:
        """The eight digits of a grant (section 2)."""
        key = hkdf(self.code_root, f"kaiho/1/code/{self.desired['epoch']}")
        return hotp(key, granule << 24 | length << 16 | lane << 8 | rev)

    def granted(self) -> set[str]:
        """The digits of every grant that it knows of."""
        return {self.code_of(*grant) for grant in self.desired["grants"]}

    def derivable(self, granule: int) -> set[str]:
        """The digits that rule 4 of section 6 would accept at a start which it was never told of."""
        floors = {(start, lane): rev for start, lane, rev in self.desired["floors"]}
        return {
            self.code_of(granule, length, lane, floors.get((granule, lane), 0) + more)
            for start, lengths, mask in self.desired["sellable"]
            if start == granule
            for length in lengths
            for lane in range(32)
            if mask >> lane & 1
            for more in range(3)
        }

    def _signed(self, payload: dict[str, Any]) -> bytes:
        header = {"alg": "HS256", "kid": f"{self.id}:up:{self.mac_epoch}", "typ": "kaiho-hello"}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, payload))
        key = hkdf(self.root, f"kaiho/1/up/{self.mac_epoch}")
        return f"{signed}.{encoded(hmac.digest(key, signed.encode(), 'sha256'))}".encode()

    def _verified(self, jws: str, typ: str) -> tuple[dict[str, Any], bytes]:
        signed, _, mac = jws.rpartition(".")
        header_text, _, payload_text = signed.partition(".")
        header = strict(decoded(header_text))
        lock, direction, epoch = str(header.get("kid")).split(":")
        if set(header) != {"alg", "kid", "typ"} or header["alg"] != "HS256" or header["typ"] != typ:
            raise Refused("not this kind of message")
        if (lock, direction) != (self.id, "down") or int(epoch) < self.mac_epoch:
            raise Refused("not for this lock")
        key = hkdf(self.root, f"kaiho/1/down/{int(epoch)}")
        if not hmac.compare_digest(hmac.digest(key, signed.encode(), "sha256"), decoded(mac)):
            raise Refused("not signed by the server")
        octets = decoded(payload_text)
        payload = strict(octets)
        if payload.get("v") != 1 or payload.get("lock") != self.id:
            raise Refused("not for this lock")
        self.mac_epoch = max(self.mac_epoch, int(epoch))
        return payload, octets


def contact_by_mqtt(lock: ForeignLock, shown: dict[str, Any], *, why: str) -> None:
    """One contact (section 5): subscribe, hello, welcome; hello again once a desired state was applied.

    Raises:
        queue.Empty: no welcome came in its time.
    """
    inbox: queue.Queue[tuple[str, str]] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    base = f"kaiho/v1/locks/{lock.id}"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=shown["lock"], protocol=mqtt.MQTTv311)
    client.username_pw_set(shown["username"], shown["password"])
    client.on_connect = lambda peer, *_: peer.subscribe(f"{base}/down/#", qos=1)
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_message = lambda _client, _data, message: inbox.put(
        (message.topic.rpartition("/")[2], message.payload.decode("ascii"))
    )
    client.connect(shown["broker"]["host"], shown["broker"]["port"])
    client.loop_start()
    try:
        ready.get(timeout=WAIT_S)
        while _one_hello(lock, why, inbox, lambda hello: client.publish(f"{base}/up/hello", hello, qos=1)):
            why = "applied"
    finally:
        client.disconnect()
        client.loop_stop()


def _one_hello(
    lock: ForeignLock, why: str, inbox: "queue.Queue[tuple[str, str]]", send: Callable[[bytes], object]
) -> bool:
    send(lock.hello(why))
    was_applied = False
    while True:
        kind, jws = inbox.get(timeout=WAIT_S)
        if kind == "desired":
            was_applied |= lock.take_desired(jws)
        elif kind == "welcome":
            lock.take_welcome(jws)
            return was_applied


def contact_by_https(
    lock: ForeignLock, post: Callable[[str, bytes], tuple[int, dict[str, Any]]], *, why: str
) -> None:
    """The same over `POST /locks/v1/<id>/sync` (section 4): anything but 200 is no contact.

    Raises:
        Refused: the server did not answer with 200.
    """
    was_applied = True
    while was_applied:
        status, answer = post(f"/locks/v1/{lock.id}/sync", lock.hello(why))
        if status != 200:
            raise Refused(str(status))
        lock.take_welcome(answer["welcome"])
        was_applied = answer["desired"] is not None and lock.take_desired(answer["desired"])
        why = "applied"
