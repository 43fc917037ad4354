"""Ports on this machine, and waiting for what another process does."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"


class NeverCame(AssertionError):
    """What a test waited for did not happen in its time."""


def free_port() -> int:
    """A TCP port that nobody listens on right now.

    The kernel hands out ephemeral ports in turn, so two callers in a row do not get the same one.
    """
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], T], *, within_s: float = 30.0, what: str = "the condition") -> T:
    """The first truthy answer of `condition`, asked every 20 ms; for things other processes do.

    Raises:
        NeverCame: it stayed falsy for `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NeverCame(f"{what} did not come within {within_s} s")
        time.sleep(0.02)


def is_listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts TCP connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
