"""The sandbox in this process and on a virtual clock: the same API, pages and messages, without a socket.

Our side still goes through the installed `stripe` and its encoding; only the wire between the two is a call.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stripe
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from core.clock import Clock
from payments.sandbox import edge, webhooks
from payments.sandbox.app import build
from payments.sandbox.store import Body, Store
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World
from payments.stripe_port import StripePort
from tests.integration.payments.stripe_double import Killed

SECRET_KEY = "sk_test_simulated"
WEBHOOK_SECRET = "whsec_simulated"
BASE = "http://stripe.invalid"


class _SandboxClock(edge.Clock):
    """The virtual clock in whole seconds; nobody moves it from here."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> int:
        return int(self._clock.now().timestamp())

    def advance(self, seconds: int) -> int:
        assert seconds == 0, "one clock for all"
        return self.now()


class _WatchedStore(Store):
    """Remembers which objects may have changed since somebody asked."""

    touched: set[str]

    def add(self, body: Body, *, note: Body | None = None, due_at: int | None = None) -> Body:
        self.touched.add(body["id"])
        return super().add(body, note=note, due_at=due_at)

    def save(self, body: Body, *, due_at: int | None = None) -> Body:
        self.touched.add(body["id"])
        return super().save(body, due_at=due_at)

    def copy_to(self, other: sqlite3.Connection) -> None:
        """Everything, as it is now."""
        self._db.backup(other)

    def copy_from(self, other: sqlite3.Connection) -> None:
        """Back to what it was."""
        other.backup(self._db)


class _Cut:
    """Stands where a connection's socket would; the sandbox cuts it to lose an answer."""

    def __init__(self) -> None:
        self.is_cut = False

    def shutdown(self, _how: int) -> None:
        self.is_cut = True


class _Wire(stripe.HTTPClient):
    """What the client of `stripe` sends through."""

    name = "in_process"

    def __init__(self, here: "StripeHere") -> None:
        super().__init__()
        self._here = here

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        return self._here.answer_api(method.upper(), url.removeprefix(BASE), dict(headers or {}), post_data)

    def close(self) -> None:
        """Nothing is open."""


class StripeHere:
    """One account in test mode. `tell` takes a signed message in and gives the status back."""

    def __init__(self, clock: Clock, seed: str) -> None:
        self.clock = clock
        _WatchedStore.touched = set()
        self.store = _WatchedStore(Path(":memory:"), _SandboxClock(clock), seed)
        self.world = World(self.store, BASE, SECRET_KEY, f"{BASE}/ours", WEBHOOK_SECRET)
        self._app: Flask = build(self.world)
        self.is_down = False
        self.kill_at: str | None = None
        """`before` or `after` the next call: the process that makes it dies there."""
        self.after_call: Callable[[], None] = lambda: None
        self.tell: Callable[[bytes, str], int] = lambda _body, _signature: 200
        self.calls = 0
        self.port = StripePort(SECRET_KEY, BASE)
        self.port._client = stripe.StripeClient(
            SECRET_KEY, base_addresses={"api": BASE}, http_client=_Wire(self), max_network_retries=0
        )

    def answer_api(
        self, method: str, url: str, headers: dict[str, str], data: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """One call of the API, with all that may go wrong on its way."""
        self.calls += 1
        if self.is_down:
            raise _no_answer()
        kill_at, self.kill_at = self.kill_at, None
        if kill_at == "before":
            raise Killed("call")
        body, status, answered, is_cut = self._open(method, url, headers=headers, data=data)
        self.after_call()
        if kill_at == "after":
            raise Killed("call")
        if is_cut:
            raise _no_answer()
        return body, status, answered

    def page(self, path: str, form: dict[str, str] | None = None) -> int:
        """A payer opens one of Stripe's pages, or submits its form; the status."""
        status = self._open("GET" if form is None else "POST", path, data=form)[1]
        self.after_call()
        return status

    def bring_about(self, path: str, /, **wanted: object) -> Body | None:
        """Something that a bank, a till or an account's owner does; None where it cannot happen now."""
        body, status, _, _ = self._open(
            "POST", f"/_sandbox{path}", data=json.dumps(wanted), headers={"Content-Type": "application/json"}
        )
        self.after_call()
        found: Body = json.loads(body)
        return found if status == 200 else None

    def plan_fault(self, **fault: object) -> None:
        """Something will go wrong."""
        assert self.bring_about("/faults", **fault) is not None, fault

    def deliver(self, limit: int = 500) -> int:
        """Send the messages that are due; how many."""
        sweep(self.world)
        for count in range(limit):
            if not webhooks.deliver_next(self.world):
                return count
        return limit

    def next_message_at(self) -> datetime | None:
        """When the next message is sent: once it is due, and Stripe is not silent."""
        due_at = self.store.rows("SELECT min(due_at) FROM deliveries WHERE state IN ('due', 'held')")[0][0]
        if due_at is None:
            return None
        return datetime.fromtimestamp(max(due_at, int(self.store.fact_or_none("silent_until") or 0)), UTC)

    def sweep(self) -> None:
        """What happens by itself when its time comes."""
        sweep(self.world)

    def take_touched(self) -> set[str]:
        """Objects that may have changed since the last time."""
        touched, _WatchedStore.touched = _WatchedStore.touched, set()
        return touched

    def objects(self, kind: str) -> list[Body]:
        """All of a kind, oldest first."""
        found = self.store.rows("SELECT body FROM objects WHERE kind = ? ORDER BY seq", kind)
        return [json.loads(row[0]) for row in found]

    @contextmanager
    def posting(self) -> Iterator[None]:
        """The sandbox's messages go to `tell` for as long as the block lasts."""

        def send(_world: World, _url: str, event: Body) -> str:
            payload = json.dumps(event, ensure_ascii=False)
            stamp = int(self.clock.now().timestamp())
            try:
                return str(self.tell(payload.encode(), webhooks.signature(payload, WEBHOOK_SECRET, stamp)))
            except Killed:
                return "ConnectionError"

        module = vars(webhooks)
        kept, module["_send"] = module["_send"], send
        try:
            yield
        finally:
            module["_send"] = kept

    def _open(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, data: Any = None
    ) -> tuple[str, int, Mapping[str, str], bool]:
        path, _, query = url.partition("?")
        cut = _Cut()
        builder = EnvironBuilder(
            path, BASE, query_string=query, method=method, headers=list((headers or {}).items()), data=data
        )
        environ = builder.get_environ()
        environ["werkzeug.socket"] = cut
        chunks, status, answered = run_wsgi_app(self._app, environ)
        body = b"".join(chunks).decode()
        builder.close()
        return body, int(status.split()[0]), {k.lower(): v for k, v in answered}, cut.is_cut


def _no_answer() -> stripe.APIConnectionError:
    return stripe.APIConnectionError("no answer")  # type: ignore[no-untyped-call]
