"""Passwords: argon2id with OWASP's parameters, at most two at once: sign-ins cannot eat the machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import TooMany

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP Password Storage Cheat Sheet: argon2id, m=19 MiB, t=2, p=1."""
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_S = 10.0


def hash_password(password: str) -> str:
    """The encoded hash to keep.

    Raises:
        TooMany: two are being worked on and the queue does not move.
    """
    with turn():
        return _HASHER.hash(password)


def is_password(encoded: str, password: str) -> bool:
    """Whether a password is the one behind an encoded hash.

    Raises:
        TooMany: two are being worked on and the queue does not move.
    """
    with turn():
        try:
            return _HASHER.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False


@contextmanager
def turn() -> Iterator[None]:
    """One of the two places at which passwords are worked on.

    Raises:
        TooMany: none came free in time.
    """
    if not _AT_ONCE.acquire(timeout=_WAIT_S):
        raise TooMany("passwords")
    try:
        yield
    finally:
        _AT_ONCE.release()


NOBODYS_HASH = _HASHER.hash("nobody has this password")
"""Verified where no account has the address, so that the answer takes as long."""
