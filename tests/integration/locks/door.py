"""A lock written by hand from the protocol page: says hello, reads what comes back. Not the simulator."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from locks.installation import Installation
from locks.keys import subkey


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Door:
    """Its state between contacts. Every `hello()` is a new one; the same bytes twice are a repetition."""

    fitted: Installation
    n: int = 0
    applied: int = 0
    digest: str = ""
    seq: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    desired: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""

    @property
    def id(self) -> str:
        return self.fitted.lock

    def sign(self, claims: dict[str, Any], *, typ: str = "kaiho-hello", root: bytes | None = None) -> bytes:
        """Any claims, signed as this lock (or with another root)."""
        header = json.dumps({"alg": "HS256", "kid": f"{self.id}:up:0", "typ": typ}).encode()
        text = f"{b64(header)}.{b64(json.dumps(claims).encode())}"
        key = subkey(root or self.fitted.root, "up", 0)
        return f"{text}.{b64(hmac.digest(key, text.encode(), 'sha256'))}".encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The members of a hello as this lock would say it now."""
        waiting = self.events[:50]
        return {
            "v": 1,
            "lock": self.id,
            "n": self.n,
            "nonce": self.nonce,
            "boot": 1,
            "why": "keypad",
            "clock": 1797976800417,
            "clock_quality": "synced",
            "applied": self.applied,
            "digest": self.digest,
            "result": "ok" if self.applied else "none",
            "mac_epoch": 0,
            "epoch": self.desired.get("epoch", 0),
            "battery_mv": 5870,
            "temperature_c": 12,
            "rssi_dbm": -71,
            "hardware": "hand-1",
            "firmware": "1.0.0",
            "bolt": "locked",
            "door": "closed",
            "key": "none",
            "operating_mode": "normal",
            "first_seq": waiting[0]["seq"] if waiting else self.seq + 1,
            "last_seq": self.seq,
            "events": waiting,
        } | changes

    def hello(self, **changes: Any) -> bytes:
        """The next hello."""
        self.n += 1
        self.nonce = hashlib.sha256(f"{self.id}{self.n}".encode()).hexdigest()[:32]
        return self.sign(self.claims(**changes))

    def happens(self, kind: str, at: int, **members: Any) -> None:
        """Something for the log."""
        self.seq += 1
        self.events.append({"seq": self.seq, "at": at, "clock_quality": "synced", "kind": kind, **members})

    def take_desired(self, jws: str) -> None:
        """Verify, and apply what is newer."""
        octets = self._opened(jws, "kaiho-desired")
        claims = json.loads(octets)
        if claims["version"] > self.applied:
            self.desired, self.applied = claims, claims["version"]
            self.digest = hashlib.sha256(octets).hexdigest()

    def take_welcome(self, jws: str) -> dict[str, Any]:
        """Verify, and drop what is acknowledged."""
        claims = self.opened(jws, "kaiho-welcome")
        assert claims["nonce"] == self.nonce
        self.events = [event for event in self.events if event["seq"] > claims["ack_seq"]]
        return claims

    def opened(self, jws: str, typ: str) -> dict[str, Any]:
        """Verify a message of the server; its members."""
        claims: dict[str, Any] = json.loads(self._opened(jws, typ))
        return claims

    def _opened(self, jws: str, typ: str) -> bytes:
        head, body, signature = jws.split(".")
        header = json.loads(unb64(head))
        assert header == {"alg": "HS256", "kid": f"{self.id}:down:0", "typ": typ}
        key = subkey(self.fitted.root, "down", 0)
        assert hmac.compare_digest(hmac.digest(key, f"{head}.{body}".encode(), "sha256"), unb64(signature))
        return unb64(body)
