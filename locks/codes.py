"""Codes (protocol section 2): RFC 4226 over a counter that names the window. Pure."""

import base64
import hashlib
import hmac

import pyotp

MAX_LENGTH = 48
"""Granules in one grant; a longer reservation is several."""
MAX_REV = 255
MAX_LANE = 31

_RISING = "0123456789"
_FALLING = _RISING[::-1]


def counter_of(granule: int, length: int, lane: int, rev: int) -> int:
    """The 52-bit counter of a window.

    Raises:
        ValueError: a part does not fit its bits.
    """
    if not (0 <= granule < 1 << 28 and 1 <= length <= MAX_LENGTH):
        raise ValueError("granule or length out of range")
    if not (0 <= lane <= MAX_LANE and 0 <= rev <= MAX_REV):
        raise ValueError("lane or rev out of range")
    return granule << 24 | length << 16 | lane << 8 | rev


def code_of(code_key: bytes, granule: int, length: int, lane: int, rev: int) -> str:
    """The eight digits, leading zeros kept."""
    return hotp(code_key, counter_of(granule, length, lane, rev))


def hotp(code_key: bytes, counter: int) -> str:
    """RFC 4226 over HMAC-SHA-256: eight digits, leading zeros kept."""
    secret = base64.b32encode(code_key).decode()
    return str(pyotp.HOTP(secret, digits=8, digest=hashlib.sha256).at(counter))


def is_weak(code: str) -> bool:
    """One digit repeated, or all digits rising or falling by one without wrapping."""
    return len(set(code)) == 1 or code in _RISING or code in _FALLING


def staff_verifier(grant_key: bytes, gid: str, code: str) -> str:
    """What a lock keeps of a staff or emergency code: 16 bytes, hex."""
    return hmac.digest(grant_key, f"{gid}|{code}".encode(), "sha256")[:16].hex()
