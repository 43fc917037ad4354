"""A shop whose loops can be killed: a database, the sandbox as a process, and what both say afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from core import audit
from core.database import Database
from core.ids import new_id
from payments import checkout, invariants, loops
from payments.callbacks import Callbacks
from payments.due import LEASE_FOR
from payments.models import Payment
from payments.settlement import settle
from payments.states import PaymentState
from payments.stripe_port import StripePort
from tests.integration.payments import dying
from tests.integration.payments.conftest import TOWN, Notes
from tests.integration.payments.dying import Killed
from tests.integration.payments.test_with_the_sandbox import GOOD, Shop, SkippingClock
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import SECRET_KEY, start_stripe_sandbox

AMOUNT_YEN = 1500
KONBINI = checkout.Ways(("card", "konbini"), funds_within_days=3)


@dataclass
class Street(Shop):
    """A shop whose loops die in processes of their own."""

    killed: Killed

    @property
    def outside(self) -> tuple[Database, StripePort, Callbacks, Any]:
        """As the killed ones have it."""
        return (
            self.database,
            StripePort(SECRET_KEY, self.sandbox.url),
            dying.remembered(),
            self.clock,
        )

    def started(self, ways: checkout.Ways = checkout.CARD_ONLY) -> UUID:
        """An attempt is written down, and Stripe has not heard of it."""
        with self.database.transaction() as session:
            return checkout.start(
                session,
                municipality_id=TOWN,
                items=[checkout.Item(new_id(self.clock.now()), "見本体育館 半面A", AMOUNT_YEN)],
                deadline_at=self.clock.now() + timedelta(minutes=10),
                return_url=f"{self.sandbox.url}/healthz",
                cancel_url=f"{self.sandbox.url}/healthz",
                mail_address=None,
                ways=ways,
                now=self.clock.now(),
            ).id

    def page(self, payment_id: UUID) -> str:
        """The address of its card page, asked for once more."""
        database, stripe, _, clock = self.outside
        return checkout.open_session(database, stripe, payment_id, clock)

    def settled(self, card: str = GOOD) -> UUID:
        """A paid attempt of which everybody knows."""
        payment_id = self.started()
        self.pay(self.page(payment_id), card)
        database, stripe, callbacks, clock = self.outside
        assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.SETTLED
        return payment_id

    def voucher(self) -> UUID:
        """An attempt whose payer has taken a konbini voucher, of which nobody here knows."""
        payment_id = self.started(KONBINI)
        url = self.page(payment_id)
        answer = requests.post(f"{url}/konbini", data={}, allow_redirects=False, timeout=10)
        assert answer.status_code == 303, answer.text
        return payment_id

    def after_a_crash(self) -> None:
        """The lease runs out, and every loop runs."""
        self.skip(seconds=LEASE_FOR.total_seconds() + 1)
        database, stripe, _, clock = self.outside
        for loop in (loops.expire_sessions, loops.settle, loops.send_refunds, loops.poll_refunds):
            loop(*self.outside)
        loops.find_disputes(database, stripe, clock, lambda: TOWN)
        loops.follow_disputes(database, stripe, clock)
        loops.follow_parked(database, stripe, clock, lambda: TOWN)

    def quiet(self) -> None:
        """What other stories left open comes to its end: nothing is due, nor will be."""
        for one in self.oracle("dispute"):
            if one["status"] not in ("won", "lost"):
                self.sandbox.asks("/disputes/decide", dispute=one["id"], outcome="won")
        for one in self.oracle("payment_intent"):
            if one["status"] == "requires_action":
                self.sandbox.asks("/konbini", payment_intent=one["id"], outcome="expired")
        self.skip(hours=2)
        self.after_a_crash()

    def sessions_of(self, payment_id: UUID) -> list[dict[str, Any]]:
        """Stripe's sessions for an attempt."""
        wanted = str(payment_id)
        return [one for one in self.oracle("checkout.session") if one["client_reference_id"] == wanted]

    def intent_of(self, payment_id: UUID) -> str:
        """Stripe's name of a payment."""
        with self.database.reading() as session:
            return str(session.get_one(Payment, payment_id).stripe_payment_intent_id)

    def refunds_of(self, payment_id: UUID) -> list[dict[str, Any]]:
        """Stripe's refunds of a payment."""
        intent = self.intent_of(payment_id)
        return [one for one in self.oracle("refund") if one["payment_intent"] == intent]

    def told(self, act: str, subject: UUID) -> int:
        """How often booking was told something, in transactions that were committed."""
        with self.database.reading() as session:
            found = audit.acts_on(session, municipality_id=TOWN, subjects=[str(subject)], limit=100)
            return sum(one.act == act for one in found)

    def assert_books_agree(self) -> None:
        """Our books are Stripe's to the yen, and every invariant of money holds."""
        database, stripe, _, clock = self.outside
        done = settle(database, stripe, clock, municipality_id=TOWN)
        assert (done.found.open, done.found.under_way) == ((), ())
        assert self.stripe_balance() == sum(one["net"] for one in self.oracle("balance_transaction"))
        with database.reading() as session:
            for name, check in invariants.CHECKS.items():
                assert not check(session, TOWN, clock.now()).findings, name


@contextmanager
def built(folder: Path, database_url: str) -> Iterator[Street]:
    """A street over a migrated database, for as long as the block lasts."""
    processes, database = Processes(), Database(database_url)
    try:
        sandbox = start_stripe_sandbox(processes, folder / "stripe.json")
        killed = Killed(database_url, sandbox.url)
        yield Street(database, sandbox, SkippingClock(), Notes(), killed)
    finally:
        database.dispose()
        processes.kill_all()
