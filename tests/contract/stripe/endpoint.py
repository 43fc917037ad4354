"""A webhook endpoint on loopback that answers as told and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """Messages in the order they came; `answers` are used up one by one, then it is 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int] = []
        self.messages: list[tuple[bytes, str]] = []

    def events(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(body) for body, _ in self.messages]

    def types(self) -> list[str]:
        """What each message was about."""
        return [event["type"] for event in self.events()]


@contextmanager
def running_endpoint(port: int = 0) -> Iterator[Endpoint]:
    """Listens for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = endpoint.answers.pop(0) if endpoint.answers else 200
            endpoint.messages.append((body, self.headers["Stripe-Signature"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/webhooks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
