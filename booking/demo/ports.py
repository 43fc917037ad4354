"""Free loopback ports."""

import socket
import time
from collections.abc import Callable

from core.errors import ContractBroken


def free_port(preferred: int = 0) -> int:
    """A port on 127.0.0.1 that nobody listens on now: the preferred one where it is free."""
    for candidate in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    raise ContractBroken("no free port on loopback")


def wait_for_port(port: int, *, at_most_s: float = 15.0) -> None:
    """Wait until something listens on 127.0.0.1:port.

    Raises:
        ContractBroken: nothing did in time.
    """

    def listens() -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, f"nothing listens on port {port}", at_most_s=at_most_s)


def wait_until(holds: Callable[[], bool], otherwise: str, *, at_most_s: float, every_s: float = 0.05) -> None:
    """Ask again and again until it holds.

    Raises:
        ContractBroken: it did not hold within `at_most_s` seconds; `otherwise` says what that means.
    """
    deadline = time.monotonic() + at_most_s
    while not holds():
        if time.monotonic() > deadline:
            raise ContractBroken(otherwise)
        time.sleep(every_s)
