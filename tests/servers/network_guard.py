"""Sockets beyond loopback are off: a test that needs the internet is a test of the internet."""

import ipaddress
import sys
from collections.abc import Callable

_LOCAL_NAMES = {"", "localhost"}


class BeyondLoopback(RuntimeError):
    """A test tried to reach another machine."""


def is_loopback(address: object) -> bool:
    """Whether a socket address stays here: a UNIX path, a netlink pair, `localhost` or a loopback IP."""
    if not isinstance(address, tuple) or not address or not isinstance(address[0], str | bytes):
        return True
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    return is_loopback_host(host)


def is_loopback_host(host: str) -> bool:
    """Whether a host name or IP, as it is given to a resolver, is this machine."""
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: raises BeyondLoopback where Python is about to leave this machine."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1] if len(arguments) > 1 else None
        if not is_loopback(address):
            raise BeyondLoopback(f"{event} {address!r}")
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and not is_loopback_host(name):
            raise BeyondLoopback(f"looking up {name!r}")


def install(add_hook: Callable[[Callable[[str, tuple[object, ...]], None]], None] = sys.addaudithook) -> None:
    """Put the guard up for the rest of this process: an audit hook cannot be taken off again."""
    add_hook(refuse)
