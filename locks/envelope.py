"""The envelope of every message (protocol section 3): JWS compact, HS256, read strictly. Pure."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from locks.errors import BadMessage

DESIRED = "kaiho-desired"
WELCOME = "kaiho-welcome"
COMMAND = "kaiho-command"
HELLO = "kaiho-hello"

MAX_BYTES = 32 * 1024
MAX_EPOCH = 999_999_999
MAX_DEPTH = 16
"""Lists and objects inside one another, and the length of a number: what a small lock can read of a text that
is signed, both sides read (protocol section 8).
"""
MAX_NUMBER = 40

_B64 = re.compile(r"[A-Za-z0-9_-]*\Z")
_KID = re.compile(r"([0-9a-f]{16}):(up|down):(0|[1-9][0-9]{0,8})\Z")


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that holds: its claims, and its payload octet for octet."""

    claims: dict[str, Any]
    octets: bytes
    mac_epoch: int


def seal(octets: bytes, *, key: bytes, lock: str, direction: str, mac_epoch: int, typ: str) -> str:
    """Sign payload octets as they are."""
    header = {"alg": "HS256", "kid": f"{lock}:{direction}:{mac_epoch}", "typ": typ}
    signed = f"{encode(to_json(header))}.{encode(octets)}"
    return f"{signed}.{encode(hmac.digest(key, signed.encode(), 'sha256'))}"


def open_envelope(
    message: bytes, *, keys: Mapping[int, bytes], lock: str, direction: str, typ: str
) -> Opened:
    """Read a message of one lock, direction and type, signed under one of `keys` {MAC epoch: key}.

    Raises:
        BadMessage: `too_large`; `bad_envelope`: anything about form, header, key or signature;
            `bad_payload`: signed by the lock, but no JSON object; `foreign`: it names another lock.
    """
    if len(message) > MAX_BYTES:
        raise BadMessage("too_large")
    head, body, signature = _three_parts(message)
    mac_epoch = _checked_header(decode(head), lock=lock, direction=direction, typ=typ)
    key = keys.get(mac_epoch)
    if key is None:
        raise BadMessage("bad_envelope", "an epoch that is not open")
    expected = hmac.digest(key, f"{head}.{body}".encode(), "sha256")
    if not hmac.compare_digest(expected, decode(signature)):
        raise BadMessage("bad_envelope", "the signature does not hold")
    octets = decode(body)
    claims = _json_object(octets, "bad_payload")
    if claims.get("lock") != lock:
        raise BadMessage("foreign")
    return Opened(claims, octets, mac_epoch)


def is_envelope(message: bytes) -> bool:
    """Whether a message has the form of one at all; says nothing about its truth."""
    try:
        _three_parts(message)
    except BadMessage:
        return False
    return True


def to_json(value: Mapping[str, Any]) -> bytes:
    """Compact JSON in the order of the members."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _three_parts(message: bytes) -> Sequence[str]:
    try:
        parts = message.decode("ascii").split(".")
    except UnicodeDecodeError:
        raise BadMessage("bad_envelope", "not ASCII")
    if len(parts) != 3 or not all(parts):
        raise BadMessage("bad_envelope", "not three parts")
    return parts


def _checked_header(octets: bytes, *, lock: str, direction: str, typ: str) -> int:
    header = _json_object(octets, "bad_envelope")
    if header.keys() != {"alg", "kid", "typ"} or header["alg"] != "HS256" or header["typ"] != typ:
        raise BadMessage("bad_envelope", "not the header that is due")
    kid = _KID.match(header["kid"]) if isinstance(header["kid"], str) else None
    if kid is None or kid[1] != lock or kid[2] != direction:
        raise BadMessage("bad_envelope", "not the kid that is due")
    return int(kid[3])


def _json_object(octets: bytes, why: str) -> dict[str, Any]:
    try:
        value = json.loads(
            octets.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=lambda digits: int(_short(digits)),
            parse_float=lambda digits: float(_short(digits)),
        )
        _require_flat(value)
    except (ValueError, RecursionError) as error:
        raise BadMessage(why, type(error).__name__)
    if not isinstance(value, dict):
        raise BadMessage(why, "not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _short(digits: str) -> str:
    if len(digits) > MAX_NUMBER:
        raise ValueError("a long number")
    return digits


def _require_flat(value: object) -> None:
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        level, depth = inner, depth + 1


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def encode(octets: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The octets of base64url without padding, in its one spelling.

    Raises:
        BadMessage: it is anything else.
    """
    if not _B64.match(text):
        raise BadMessage("bad_envelope", "not base64url")
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise BadMessage("bad_envelope", "not base64url")
    if encode(octets) != text:
        # Two texts for the same octets would be two messages with one meaning.
        raise BadMessage("bad_envelope", "not canonical base64url")
    return octets
