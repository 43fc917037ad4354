"""A merchant with the real Stripe client, and a payer with a card, against whatever answers at an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import stripe
from stripe.checkout import Session
from stripe.params.checkout import SessionCreateParams

CARD = {"expiry": "12/39", "cvc": "123", "name": "MIHON TARO"}
GOOD = "4242424242424242"
DECLINED = "4000000000000002"


def client_for(secret_key: str, api_base: str | None, *, retries: int = 0) -> stripe.StripeClient:
    """The client as production builds it, except that it repeats nothing unless asked."""
    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": api_base} if api_base else {},
        http_client=stripe.RequestsClient(timeout=(3, 20)),
        max_network_retries=retries,
    )


def order(**changes: Any) -> SessionCreateParams:
    """An order of 1,500 yen for half a gym."""
    params: SessionCreateParams = {
        "mode": "payment",
        "locale": "ja",
        "client_reference_id": "payment-1",
        "metadata": {"payment": "payment-1"},
        "payment_intent_data": {"metadata": {"payment": "payment-1"}},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "jpy",
                    "unit_amount": 1500,
                    "product_data": {"name": "見本体育館 半面A"},
                },
            }
        ],
        "success_url": "https://example.jp/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://example.jp/back",
    }
    params.update(changes)  # type: ignore[typeddict-item]
    return params


@dataclass(frozen=True, slots=True)
class Merchant:
    """One account in test mode; `api_base` is None where it is Stripe itself."""

    client: stripe.StripeClient
    secret_key: str
    api_base: str | None

    def sells(self, key: str | None = None, **changes: Any) -> Session:
        """An open session."""
        options: stripe.RequestOptions = {"idempotency_key": key} if key else {}
        return self.client.v1.checkout.sessions.create(order(**changes), options)

    def sold(self) -> Session:
        """A session that a card has paid."""
        session = self.sells()
        assert pay(session, GOOD).status_code == 303
        return self.client.v1.checkout.sessions.retrieve(session.id)

    def plans(self, *faults: Mapping[str, object]) -> None:
        """Plan faults; only the sandbox has any."""
        answer = requests.post(f"{self.api_base}/_sandbox/faults", json=list(faults), timeout=10)
        answer.raise_for_status()

    def asks(self, path: str, **wanted: object) -> dict[str, Any]:
        """Let fate act; docs/stripe-sandbox.md says how."""
        answer = requests.post(f"{self.api_base}/_sandbox{path}", json=wanted, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def waits(self, seconds: int) -> None:
        """Move the sandbox's clock."""
        answer = requests.post(f"{self.api_base}/_sandbox/clock", json={"advance_s": seconds}, timeout=10)
        answer.raise_for_status()

    def state(self) -> dict[str, Any]:
        """The sandbox's own books."""
        return dict(requests.get(f"{self.api_base}/_sandbox/state", timeout=10).json())

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, oldest first."""
        return list(self.state()["objects"].get(kind, []))


def pay(session: Session, number: str) -> requests.Response:
    """Submit the hosted page as a browser would, without following it back."""
    assert session.url is not None
    return requests.post(session.url, {**CARD, "card_number": number}, timeout=10, allow_redirects=False)
