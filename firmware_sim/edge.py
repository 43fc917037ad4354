"""Time and entropy: the only file of the simulator that reads the host's."""

import hashlib
import os
import time


def mono_s() -> float:
    """Seconds that never go back."""
    return time.monotonic()


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Host:
    """The machine's time; a test has another host, whose time it moves itself."""

    def mono_s(self) -> float:
        return mono_s()

    def unix_ms(self) -> int:
        return unix_ms()


def entropy(seed: str | None, lock: str, image: bytes) -> bytes:
    """32 bytes for a lock's start: the machine's own, or repeatable from a seed and what its flash held."""
    if seed is None:
        return os.urandom(32)
    return hashlib.sha256(f"{seed}/{lock}/".encode() + image).digest()
