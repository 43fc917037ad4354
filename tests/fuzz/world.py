"""One lock of the golden vectors: its keys, how to sign for it, and an independent look at signatures."""

import base64
import binascii
import hashlib
import hmac
from functools import cache
from typing import Any

from tests.unit.locks import golden

VECTORS: dict[str, Any] = golden.sets()[0]
LOCK: str = VECTORS["lock"]
ROOT = bytes.fromhex(VECTORS["root"])
CODE_ROOT = bytes.fromhex(VECTORS["code_root"])
KINDS = ("desired", "welcome", "command", "hello")
COMMAND = {
    "v": 1,
    "lock": LOCK,
    "id": "c-1",
    "kind": "identify",
    "args": {},
    "issued_at": 0,
    "expires_at": 60,
}


def direction_of(kind: str) -> str:
    return "up" if kind == "hello" else "down"


@cache
def key(direction: str, epoch: int) -> bytes:
    """RFC 5869 in three lines, so that neither implementation vouches for itself."""
    extracted = hmac.digest(bytes(32), ROOT, "sha256")
    return hmac.digest(extracted, f"kaiho/1/{direction}/{epoch}".encode() + b"\x01", "sha256")


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed(kind: str, header: bytes, payload: bytes) -> bytes:
    """An envelope that holds whatever it says, under the key of epoch 0."""
    text = f"{b64(header)}.{b64(payload)}".encode()
    return text + b"." + b64(hmac.digest(key(direction_of(kind), 0), text, "sha256")).encode()


def signed_anew(message: bytes, kind: str) -> bytes:
    """The same header and payload with a signature that holds: what a decoder sees that checks none."""
    head, _, rest = message.partition(b".")
    text = head + b"." + rest.partition(b".")[0]
    return text + b"." + b64(hmac.digest(key(direction_of(kind), 0), text, hashlib.sha256)).encode()


def is_signed(message: bytes, direction: str) -> bool:
    """Whether a message carries the signature of one of the lock's first epochs."""
    text, _, signature = message.rpartition(b".")
    try:
        held = base64.urlsafe_b64decode(signature + b"=" * (-len(signature) % 4))
    except (binascii.Error, ValueError):
        return False
    return any(
        hmac.compare_digest(hmac.digest(key(direction, epoch), text, "sha256"), held) for epoch in range(16)
    )
