"""An app of this process on loopback, over only once each request that it took is answered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.servers.loopback import LOOPBACK

App = Callable[[Any, Any], Any]
"""WSGI."""

_POLL_S = 0.05
"""How long the end of a server may take; by default it is half a second."""
_ANSWERED_WITHIN_S = 30


@contextmanager
def serving(
    app: App,
    *,
    port: int = 0,
    tls: tuple[str, str] | None = None,
    handler: type[WSGIRequestHandler] | None = None,
) -> Iterator[str]:
    """The app's address, for as long as the block lasts; a thread for each connection.

    Werkzeug waits for none of its threads: one of them could still use a database that its test gives up.
    """
    counted = _Counted(app)
    server = make_server(LOOPBACK, port, counted, threaded=True, ssl_context=tls, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="serving")
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        counted.end()


class _Counted:
    def __init__(self, app: App) -> None:
        self._app = app
        self._inside = 0
        self._is_over = False
        self._change = threading.Condition()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._change:
            if self._is_over:
                # Its connection was taken before the end.
                start_response("503 Service Unavailable", [("Content-Length", "0"), ("Connection", "close")])
                return []
            self._inside += 1
        try:
            answer = self._app(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                # Here, for where a browser hangs up Werkzeug does not come to it, and a file stays open.
                if hasattr(answer, "close"):
                    answer.close()
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    def end(self) -> None:
        """Take no more, and wait for what was taken."""
        with self._change:
            self._is_over = True
            assert self._change.wait_for(lambda: not self._inside, _ANSWERED_WITHIN_S), "a request has no end"
