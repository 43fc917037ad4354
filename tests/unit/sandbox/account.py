"""A sandbox account driven through its HTTP surface, without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payments.sandbox import API_VERSION
from payments.sandbox.app import build
from payments.sandbox.edge import Clock
from payments.sandbox.store import Store
from payments.sandbox.world import World

SECRET_KEY = "sk_test_unit"
NOON = 1_795_230_000
GOOD_CARD = {"card_number": "4242 4242 4242 4242", "expiry": "12/30", "cvc": "123", "name": "MIHON TARO"}
ORDER = {
    "mode": "payment",
    "success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://127.0.0.1:1/back",
    "client_reference_id": "payment-1",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "jpy",
    "line_items[0][price_data][unit_amount]": "1500",
    "line_items[0][price_data][product_data][name]": "見本体育館 半面A",
}


class StillClock(Clock):
    """Moves only when told."""

    def now(self) -> int:
        """A fixed instant plus what was skipped."""
        return NOON + self.offset_s


class Account:
    """What a merchant, a payer and a test can do."""

    def __init__(self, world: World, client: FlaskClient) -> None:
        self.world = world
        self.client = client

    def call(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> TestResponse:
        """One API call with the right key; `Idempotency_Key="k"` becomes a header."""
        sent = {"Authorization": f"Bearer {SECRET_KEY}", "Stripe-Version": API_VERSION}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "GET":
            return self.client.get(path, query_string=form, headers=sent)
        return self.client.open(path, method=method, data=form or {}, headers=sent)

    def order(self, **changes: str) -> dict[str, Any]:
        """An open session."""
        answer = self.call("POST", "/v1/checkout/sessions", {**ORDER, **changes})
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def pay(self, session_id: str, number: str = GOOD_CARD["card_number"], **changes: str) -> TestResponse:
        """Submit the card page."""
        return self.client.post(f"/c/pay/{session_id}", data={**GOOD_CARD, "card_number": number, **changes})

    def paid(self, number: str = GOOD_CARD["card_number"]) -> dict[str, Any]:
        """A session that is paid."""
        session = self.order()
        assert self.pay(session["id"], number).status_code == 303
        return self.session(session["id"])

    def session(self, session_id: str) -> dict[str, Any]:
        """A session as it is now."""
        return dict(self.call("GET", f"/v1/checkout/sessions/{session_id}").get_json())

    def advance(self, seconds: int) -> None:
        """Move the clock."""
        assert self.client.post("/_sandbox/clock", json={"advance_s": seconds}).status_code == 200

    def plan(self, *faults: dict[str, Any]) -> None:
        """Plan faults."""
        assert self.client.post("/_sandbox/faults", json=list(faults)).status_code == 200

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, oldest first."""
        state = self.client.get("/_sandbox/state").get_json()
        return list(state["objects"].get(kind, []))

    def event_types(self) -> list[str]:
        """What happened, oldest first."""
        return [event["type"] for event in self.objects("event")]


@contextmanager
def opened_account(
    path: Path, *, webhook_url: str | None = None, seed: str | None = "unit"
) -> Iterator[Account]:
    """An account that keeps its objects in a file; opening the file again goes on where it was."""
    store = Store(path, StillClock(), seed)
    world = World(store, "http://127.0.0.1:1", SECRET_KEY, webhook_url, "whsec_unit")
    try:
        yield Account(world, build(world).test_client())
    finally:
        store.close()
