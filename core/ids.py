"""The only place that draws randomness: identifiers, tokens, keys."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID


def new_id(now: datetime) -> UUID:
    """A version 7 UUID (RFC 9562): sortable by `now`, 74 random bits: nobody can guess a neighbour."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def new_token() -> str:
    """256 random bits as URL-safe text, for a bearer secret that we keep only as its digest."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """SHA-256 of a random token: what the database keeps. Not for anything a person chose."""
    return hashlib.sha256(token.encode()).digest()


def random_bytes(count: int) -> bytes:
    """`count` bytes fit for keys and nonces."""
    return secrets.token_bytes(count)


def random_digits(count: int) -> str:
    """`count` decimal digits, each equally likely, leading zeros kept."""
    return "".join(str(secrets.randbelow(10)) for _ in range(count))


def jitter() -> float:
    """A number in [0, 1) that spreads retries."""
    return secrets.randbelow(1 << 53) / (1 << 53)
