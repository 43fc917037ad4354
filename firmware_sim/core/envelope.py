"""JWS compact with exactly the checks of lock protocol section 3."""

import binascii

from firmware_sim.core.primitives import equal, hmac_sha256, subkey
from firmware_sim.core.strict_json import parse

MAX_BYTES = 32768
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Refused(Exception):
    """An envelope that changes nothing; `old_epoch` tells a replay of an earlier MAC epoch from the rest."""

    def __init__(self, reason: str, old_epoch: bool = False) -> None:
        super().__init__(reason)
        self.old_epoch = old_epoch


class Opened:
    """A payload whose envelope held: its octets as signed, its members, the MAC epoch it came under."""

    def __init__(self, octets: bytes, payload: dict[str, object], epoch: int) -> None:
        self.octets = octets
        self.payload = payload
        self.epoch = epoch


def encode(data: bytes) -> str:
    """base64url without padding."""
    text = binascii.b2a_base64(data).decode().strip()
    return text.replace("+", "-").replace("/", "_").replace("=", "")


def decode(text: str) -> bytes:
    """The bytes of base64url without padding.

    Raises:
        ValueError: a foreign character, an impossible length, or stray bits at the end.
    """
    # MicroPython's own refusal of such a length is no ValueError on every port.
    if len(text) % 4 == 1:
        raise ValueError("not base64url")
    for mark in text:
        if mark not in ALPHABET:
            raise ValueError("not base64url")
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    data = binascii.a2b_base64(padded.encode())
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def seal(octets: bytes, root: bytes, lock: str, direction: str, epoch: int, typ: str) -> str:
    """A signed envelope around a payload."""
    header = f'{{"alg":"HS256","kid":"{lock}:{direction}:{epoch}","typ":"{typ}"}}'
    signed = encode(header.encode()) + "." + encode(octets)
    return signed + "." + encode(hmac_sha256(subkey(root, direction, epoch), signed.encode()))


def unseal(token: str, root: bytes, lock: str, direction: str, lowest_epoch: int, typ: str) -> Opened:
    """The payload of an envelope addressed to one lock.

    Raises:
        Refused: any check of section 3 fails; nothing of the payload was looked at before the signature held.
    """
    if len(token) > MAX_BYTES:
        raise Refused("too large")
    parts = token.split(".")
    if len(parts) != 3 or not parts[0] or not parts[1] or not parts[2]:
        raise Refused("not three parts")
    try:
        epoch = _epoch_of(parse(decode(parts[0]).decode()), lock, direction, typ)
        octets = decode(parts[1])
        signature = decode(parts[2])
    except ValueError as problem:
        raise Refused(str(problem)) from None
    key = subkey(root, direction, epoch)
    if not equal(hmac_sha256(key, (parts[0] + "." + parts[1]).encode()), signature):
        raise Refused("signature")
    if epoch < lowest_epoch:
        raise Refused("MAC epoch below the lock's own", True)
    try:
        payload = parse(octets.decode())
    except ValueError as problem:
        raise Refused(str(problem)) from None
    if not isinstance(payload, dict) or payload.get("lock") != lock:
        raise Refused("payload of another lock")
    return Opened(octets, payload, epoch)


def _epoch_of(header: object, lock: str, direction: str, typ: str) -> int:
    if not isinstance(header, dict) or len(header) != 3:
        raise ValueError("header members")
    if header.get("alg") != "HS256" or header.get("typ") != typ:
        raise ValueError("alg or typ")
    kid = header.get("kid")
    prefix = lock + ":" + direction + ":"
    if not isinstance(kid, str) or not kid.startswith(prefix):
        raise ValueError("kid")
    digits = kid[len(prefix) :]
    if not 1 <= len(digits) <= 9 or str(decimal(digits)) != digits:
        raise ValueError("epoch")
    return decimal(digits)


def decimal(digits: str) -> int:
    for mark in digits:
        if mark not in "0123456789":
            raise ValueError("not decimal")
    return int(digits)
