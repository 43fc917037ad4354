"""A server as the protocol page describes it, written by hand with other libraries than the firmware has."""

import base64
import hashlib
import hmac
import json
import secrets  # noqa: TID251 - a double on the far side of the wire has its own entropy
from typing import Any

import pyotp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GRANULE = 1800


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class ServerDouble:
    """One lock's server: keeps what hellos bring, answers them, publishes desired states."""

    def __init__(self, lock: str, now: int) -> None:
        self.lock = lock
        self.root = secrets.token_bytes(32)
        self.code_root = secrets.token_bytes(32)
        self.mac_epoch = 0
        self.epoch = 0
        self.version = 0
        self.desired_jws: str | None = None
        self.digest = ""
        self.last_n = 0
        self.hellos: list[dict[str, Any]] = []
        self.events: dict[int, dict[str, Any]] = {}
        self.ack_seq = 0
        self.next_sync_in = 12 * 3600
        first = now // GRANULE
        self.desired: dict[str, Any] = {
            "lease_until": now + 45 * 86400,
            "horizon": first + 14 * 48,
            "grants": [],
            "sellable": [],
            "floors": [],
            "staff": [],
            "config": {
                "early": 600,
                "late": 900,
                "auto_relock": 30,
                "door_ajar": 600,
                "wrong_code_limit": 5,
                "wrong_code_refill": 180,
                "operating_mode": "normal",
            },
        }

    def key(self, label: str, epoch: int) -> bytes:
        secret = self.code_root if label == "code" else self.root
        return HKDF(SHA256(), 32, None, f"kaiho/1/{label}/{epoch}".encode()).derive(secret)

    def code(self, granule: int, length: int, lane: int, rev: int) -> str:
        seed = base64.b32encode(self.key("code", self.epoch)).decode()
        counter = granule << 24 | length << 16 | lane << 8 | rev
        return pyotp.HOTP(seed, digits=8, digest=hashlib.sha256).at(counter)

    def staff(self, gid: str, kind: str, code: str, not_before: int = 0, not_after: int = 0) -> list[Any]:
        mac = hmac.new(self.key("grant", self.epoch), f"{gid}|{code}".encode(), hashlib.sha256)
        return [gid, kind, not_before, not_after, mac.digest()[:16].hex()]

    def sign(self, payload: dict[str, Any], kind: str, **header: Any) -> str:
        kid = f"{self.lock}:down:{self.mac_epoch}"
        parts = {"typ": kind, "alg": "HS256", "kid": kid, **header}
        signed = b64(json.dumps(parts).encode()) + "." + b64(json.dumps(payload).encode())
        mac = hmac.new(self.key("down", self.mac_epoch), signed.encode(), hashlib.sha256)
        return signed + "." + b64(mac.digest())

    def publish(self, now: int, **changes: Any) -> str:
        """A new version of the desired state, signed; retained from here on."""
        self.desired.update(changes)
        self.version += 1
        head = {
            "v": 1,
            "lock": self.lock,
            "version": self.version,
            "issued_at": now,
            "epoch": self.epoch,
        }
        self.desired_jws = self.sign({**head, **self.desired}, "kaiho-desired")
        self.digest = hashlib.sha256(unb64(self.desired_jws.split(".")[1])).hexdigest()
        return self.desired_jws

    def open(self, hello_jws: bytes) -> dict[str, Any]:
        """The hello inside an envelope, which must be exactly as written."""
        head, payload, mac = hello_jws.decode().split(".")
        header = json.loads(unb64(head))
        lock, direction, epoch = header["kid"].split(":")
        assert (header["alg"], header["typ"], len(header)) == ("HS256", "kaiho-hello", 3)
        assert (lock, direction) == (self.lock, "up")
        wanted = hmac.new(self.key("up", int(epoch)), f"{head}.{payload}".encode(), hashlib.sha256).digest()
        assert hmac.compare_digest(wanted, unb64(mac))
        self.mac_epoch = max(self.mac_epoch, int(epoch))
        hello: dict[str, Any] = json.loads(unb64(payload))
        return hello

    def answer(self, hello_jws: bytes, now_ms: int, **changes: Any) -> str | None:
        """The welcome to a hello; None where its number is not above the last one."""
        hello = self.open(hello_jws)
        if hello["first_seq"] > self.ack_seq + 1:
            self.ack_seq = hello["first_seq"] - 1
        for event in hello["events"]:
            self.events.setdefault(event["seq"], event)
        while self.ack_seq + 1 in self.events:
            self.ack_seq += 1
        if hello["n"] <= self.last_n:
            return None
        self.last_n = hello["n"]
        self.hellos.append(hello)
        welcome = {
            "v": 1,
            "lock": self.lock,
            "nonce": hello["nonce"],
            "now": now_ms,
            "version": self.version,
            "digest": self.digest,
            "ack_seq": self.ack_seq,
            "next_sync_at": now_ms // 1000 + self.next_sync_in,
        }
        return self.sign({**welcome, **changes}, "kaiho-welcome")
