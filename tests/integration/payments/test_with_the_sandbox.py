"""The whole of payments against the sandbox as its own process, its signed messages included."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from flask import Flask

from core.clock import SystemClock
from core.database import Database
from payments import checkout, ledger, loops, refunds, webhook
from payments.callbacks import Callbacks
from payments.models import Payment
from payments.states import PaymentState
from payments.stripe_port import StripePort
from tests.integration.payments.conftest import TOWN, Notes
from tests.servers.loopback import eventually, free_port
from tests.servers.serving import serving
from tests.servers.stripe_sandbox import SECRET_KEY, WEBHOOK_SECRET, StripeSandbox

GOOD, DECLINED, ASKS_3DS, REFUND_PENDS = (
    "4242424242424242",
    "4000000000000002",
    "4000002760003184",
    "4000000000007726",
)


class SkippingClock(SystemClock):
    """The machine's clock plus what was skipped; the sandbox's is skipped along."""

    skipped = timedelta()

    def now(self) -> datetime:
        return super().now() + self.skipped


@dataclass
class Shop:
    """Payments as a program runs them, and a payer with a browser."""

    database: Database
    sandbox: StripeSandbox
    clock: SkippingClock
    notes: Notes

    @property
    def outside(self) -> tuple[Database, StripePort, Callbacks, SkippingClock]:
        """What every loop takes."""
        return (
            self.database,
            StripePort(SECRET_KEY, self.sandbox.url),
            self.notes.callbacks(),
            self.clock,
        )

    def opened(self, reference: UUID) -> tuple[UUID, str]:
        """An attempt and the address of its page."""
        with self.database.transaction() as session:
            payment = checkout.start(
                session,
                municipality_id=TOWN,
                items=[checkout.Item(reference, "見本体育館 半面A", 1500)],
                deadline_at=self.clock.now() + timedelta(minutes=10),
                return_url=f"{self.sandbox.url}/healthz",
                cancel_url=f"{self.sandbox.url}/healthz",
                mail_address="hanako@example.jp",
                now=self.clock.now(),
            )
        database, stripe, _, clock = self.outside
        return payment.id, checkout.open_session(database, stripe, payment.id, clock)

    def pay(self, url: str, card: str = GOOD) -> requests.Response:
        """The payer submits the card page."""
        form = {"card_number": card, "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}
        return requests.post(url, data=form, allow_redirects=False, timeout=10)

    def skip(self, **by: float) -> None:
        """Time passes here and at Stripe."""
        step = timedelta(**by)
        self.clock.skipped += step
        answer = requests.post(
            f"{self.sandbox.url}/_sandbox/clock", json={"advance_s": int(step.total_seconds())}, timeout=10
        )
        assert answer.status_code == 200

    def fault(self, **fault: object) -> None:
        """Something will go wrong at Stripe."""
        answer = requests.post(f"{self.sandbox.url}/_sandbox/faults", json=fault, timeout=10)
        assert answer.status_code == 200, answer.text

    def oracle(self, kind: str) -> list[dict[str, Any]]:
        """What Stripe itself holds."""
        state = requests.get(f"{self.sandbox.url}/_sandbox/state", timeout=10).json()
        found: list[dict[str, Any]] = state["objects"].get(kind, [])
        return found

    def state(self, payment_id: UUID) -> PaymentState:
        """An attempt's state, as committed."""
        with self.database.reading() as session:
            return PaymentState(session.get_one(Payment, payment_id).state)

    def owe(self, reference: UUID, amount_yen: int) -> None:
        """Booking owes money back."""
        with self.database.transaction() as session:
            refunds.owe(
                session,
                reference=reference,
                amount_yen=amount_yen,
                cause="cancelled",
                now=self.clock.now(),
            )

    def stripe_balance(self) -> int:
        """Our books' idea of what is at Stripe."""
        with self.database.reading() as session:
            assert ledger.unbalanced_sets(session) == []
            return ledger.balances(session, municipality_id=TOWN)[ledger.Account.STRIPE_BALANCE]


@pytest.fixture
def shop(database: Database, start_sandbox: Callable[..., StripeSandbox]) -> Iterator[Shop]:
    """A sandbox that tells our webhook."""
    clock, notes, port = SkippingClock(), Notes(), free_port()
    url = f"http://127.0.0.1:{port}/stripe/webhook"
    made = Shop(database, start_sandbox(webhook_url=url), clock, notes)
    app = Flask(__name__)
    _, stripe, callbacks, _ = made.outside
    app.register_blueprint(webhook.blueprint(database, stripe, callbacks, clock, [WEBHOOK_SECRET]))
    with serving(app, port=port):
        yield made


def test_paid_is_settled_by_the_signed_message_long_before_the_poller_asks(
    shop: Shop, reservation: UUID
) -> None:
    payment_id, url = shop.opened(reservation)
    assert shop.pay(url).status_code == 303
    eventually(lambda: loops.settle(*shop.outside), within_s=10, what="the signed message")
    assert shop.state(payment_id) == PaymentState.SETTLED
    assert shop.notes.settled == [(reservation, 1500)]
    assert shop.stripe_balance() == sum(one["amount"] for one in shop.oracle("charge") if one["paid"])


def test_without_any_message_the_poller_settles(shop: Shop, reservation: UUID) -> None:
    shop.fault(kind="webhook_drop", times=-1)
    payment_id, url = shop.opened(reservation)
    shop.pay(url)
    assert loops.settle(*shop.outside) == 0
    shop.skip(seconds=20)
    assert loops.settle(*shop.outside) == 1
    assert shop.state(payment_id) == PaymentState.SETTLED


def test_duplicated_and_disordered_messages_settle_once(shop: Shop, reservation: UUID) -> None:
    shop.fault(kind="webhook_duplicate", times=-1)
    payment_id, url = shop.opened(reservation)
    shop.pay(url)
    eventually(lambda: loops.settle(*shop.outside) and shop.state(payment_id) == PaymentState.SETTLED)
    loops.settle(*shop.outside)
    assert shop.notes.settled == [(reservation, 1500)]


def test_a_declined_card_leaves_the_page_open_and_another_card_pays(shop: Shop, reservation: UUID) -> None:
    payment_id, url = shop.opened(reservation)
    assert shop.pay(url, DECLINED).status_code != 303
    database, stripe, callbacks, clock = shop.outside
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.OPEN
    shop.pay(url)
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.SETTLED


def test_3d_secure_left_open_is_closed_at_the_deadline(shop: Shop, reservation: UUID) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url, ASKS_3DS)
    shop.skip(minutes=10)
    loops.expire_sessions(*shop.outside)
    assert shop.state(payment_id) == PaymentState.EXPIRED
    assert shop.notes.closed == [reservation]
    answer = requests.post(f"{url}/3ds", data={"outcome": "complete"}, allow_redirects=False, timeout=10)
    assert answer.status_code >= 400
    assert [one for one in shop.oracle("charge") if one["paid"]] == []


def test_paid_before_the_expiry_reaches_stripe_the_payer_has_won(shop: Shop, reservation: UUID) -> None:
    shop.fault(kind="webhook_drop", times=-1)
    payment_id, url = shop.opened(reservation)
    shop.skip(minutes=10)
    shop.pay(url)
    loops.expire_sessions(*shop.outside)
    assert shop.state(payment_id) == PaymentState.SETTLED
    assert shop.notes.settled == [(reservation, 1500)]
    assert shop.notes.closed == []


def test_a_cancellation_sends_the_money_back_and_the_books_agree_with_stripe(
    shop: Shop, reservation: UUID
) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url)
    database, stripe, callbacks, clock = shop.outside
    loops.settle_one(database, stripe, callbacks, payment_id, clock)
    shop.owe(reservation, 700)
    shop.fault(kind="stored_500", path="/v1/refunds", effect=True)
    loops.send_refunds(*shop.outside)
    loops.send_refunds(*shop.outside)
    (refund,) = shop.oracle("refund")
    assert (refund["amount"], refund["status"]) == (700, "succeeded")
    assert shop.notes.refunds == [(reservation, "succeeded", 700)]
    assert shop.stripe_balance() == 800


def test_a_refund_that_pends_is_followed_to_its_end(shop: Shop, reservation: UUID) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url, REFUND_PENDS)
    database, stripe, callbacks, clock = shop.outside
    loops.settle_one(database, stripe, callbacks, payment_id, clock)
    shop.owe(reservation, 1500)
    loops.send_refunds(*shop.outside)
    assert shop.notes.refunds == [(reservation, "pending", 1500)]

    def poll_later() -> bool:
        shop.skip(hours=6)
        loops.poll_refunds(*shop.outside)
        return shop.notes.refunds[-1][1] == "succeeded"

    eventually(poll_later, what="the refund")
    assert shop.stripe_balance() == 0


def test_stripe_killed_and_back_goes_on_where_it_was(
    shop: Shop, reservation: UUID, start_sandbox: Callable[..., StripeSandbox]
) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url)
    listen = shop.sandbox.url.removeprefix("http://")
    shop.sandbox.process.kill()
    database, stripe, callbacks, clock = shop.outside
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.OPEN
    shop.sandbox = start_sandbox(listen=listen)
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.SETTLED
    assert shop.notes.settled == [(reservation, 1500)]
