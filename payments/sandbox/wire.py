"""The HTTP server: loopback only, threads, and a connection that can be cut without an answer."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from flask import Flask, Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class NotLoopback(ValueError):
    """The sandbox was asked to listen where others could reach it."""


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line per request: `/_sandbox/requests` counts them."""


def address(listen: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8080`.

    Raises:
        NotLoopback: the host is not this machine's own.
        ValueError: not host and port.
    """
    host, separator, port = listen.rpartition(":")
    host = host.strip("[]")
    if not separator or not port.isdigit():
        raise ValueError(f"not host:port: {listen!r}")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NotLoopback(f"the sandbox listens on loopback only, not on {host!r}")
    return host, int(port)


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket, so that the address is known before the app is built."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(128)
    return listening


def base_url(listening: socket.socket) -> str:
    """`http://127.0.0.1:43210`, without a slash at the end."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Flask, listening: socket.socket) -> BaseWSGIServer:
    """A threaded server on a socket that is bound already."""
    host, port = listening.getsockname()[:2]
    return make_server(host, port, app, threaded=True, request_handler=_QuietHandler, fd=listening.fileno())


def cut_connection(environ: dict[str, Any]) -> Response:
    """End the caller's connection without a byte: what a lost answer looks like from outside."""
    link: socket.socket | None = environ.get("werkzeug.socket")
    if link is not None:
        link.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
