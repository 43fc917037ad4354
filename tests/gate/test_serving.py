"""A server of a test ends after the last request that it took, not before."""

import threading
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import requests
from werkzeug.serving import make_server

from tests.servers.serving import serving


class Slow:
    """An app that answers once it is let go."""

    def __init__(self) -> None:
        self.inside, self.let_go, self.answered = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, _environ: Any, start_response: Any) -> Any:
        self.inside.set()
        self.let_go.wait(20)
        start_response("200 OK", [("Content-Length", "0")])
        self.answered.set()
        return []

    def asked(self, url: str) -> threading.Thread:
        """The thread of a request that is being worked on."""
        asking = threading.Thread(target=requests.get, args=(url,), kwargs={"timeout": 20})
        asking.start()
        assert self.inside.wait(20)
        return asking


def test_the_end_waits_for_a_request_that_is_being_worked_on() -> None:
    app = Slow()
    with serving(app) as url:
        asking = app.asked(url)
        later(0.3, app.let_go.set)
    assert app.answered.is_set()
    asking.join(20)


def test_werkzeugs_own_end_waits_for_nobody() -> None:
    """The control: its threads go on after the end, and so does what they use."""
    app = Slow()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving_it = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving_it.start()
    asking = app.asked(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    serving_it.join()
    server.server_close()
    assert not app.answered.is_set()
    app.let_go.set()
    asking.join(20)


def test_what_is_asked_after_the_end_is_not_worked_on() -> None:
    app = Slow()
    app.let_go.set()
    with serving(app) as url:
        early = HTTPConnection(url.removeprefix("http://"), timeout=20)
        early.connect()
        # Connections are taken in turn: when this one is answered, the early one has its thread.
        assert requests.get(url, timeout=20).status_code == 200
    app.answered.clear()
    with closing(early):
        early.request("GET", "/")
        assert early.getresponse().status == 503
    assert not app.answered.is_set()


def later(seconds: float, act: Callable[[], None]) -> None:
    """Do it on another thread."""
    threading.Timer(seconds, act).start()
