"""Settlements a second: the worker's loop over paid sessions, up to the confirmed reservation.

Twice: with the sandbox as its own process, where a call outside is in every settlement, and with a Stripe in
memory that answers at once, so that our own share shows.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import requests
import sqlalchemy as sa

from booking.reservations.models import Reservation, State
from payments import checkout, loops
from payments.models import Payment
from payments.remote import StripeApi
from payments.states import PaymentState
from payments.stripe_port import StripePort
from tests.bench.town import BenchTown
from tests.integration.payments.stripe_double import StripeDouble
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import SECRET_KEY, start_stripe_sandbox

CARD = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123", "name": "MIHON KEISOKU"}


@dataclass(frozen=True, slots=True)
class Settled:
    """One run."""

    per_s: float
    bare_per_s: float
    """The same sessions read by the same client, and nothing else: the limit."""


@contextmanager
def sandbox_port() -> Iterator[StripePort]:
    """Our port to a sandbox process."""
    processes = Processes()
    with tempfile.TemporaryDirectory(prefix="kaiho-bench-") as folder:
        try:
            sandbox = start_stripe_sandbox(processes, Path(folder) / "stripe.state")
            yield StripePort(SECRET_KEY, sandbox.url)
        finally:
            processes.kill_all()


def by_sandbox(town: BenchTown, port: StripePort, held: Sequence[UUID]) -> Settled:
    """Settle held reservations that were paid on the sandbox's card page."""

    def pay(url: str) -> None:
        answer = requests.post(url, data=CARD, allow_redirects=False, timeout=20)
        assert answer.status_code in (302, 303), answer.text

    return _settled(town, port, held, pay)


def by_double(town: BenchTown, double: StripeDouble, held: Sequence[UUID]) -> Settled:
    """Settle held reservations that were paid at a Stripe without latency; one for all rounds: it numbers."""
    return _settled(town, double, held, lambda url: double.pay(url.rpartition("/")[2]))


def _settled(town: BenchTown, stripe: StripeApi, held: Sequence[UUID], pay: Callable[[str], None]) -> Settled:
    services = town.services
    payments = [_opened(town, stripe, reservation, pay) for reservation in held]
    with services.database.transaction() as session:
        # What the messages do: look now.
        session.execute(
            sa.update(Payment).where(Payment.id.in_(payments)).values(next_due_at=services.clock.now())
        )
        sessions = session.scalars(
            sa.select(Payment.stripe_session_id).where(Payment.id.in_(payments)).order_by(Payment.id)
        ).all()
    begun = time.perf_counter()
    for session_id in sessions:
        stripe.read_session(str(session_id))
    bare = time.perf_counter() - begun
    outside = (services.database, stripe, services.payment_callbacks, services.clock)
    begun = time.perf_counter()
    while loops.settle(*outside):
        pass
    took = time.perf_counter() - begun
    with services.database.reading() as session:
        paid = set(session.scalars(sa.select(Payment.state).where(Payment.id.in_(payments))))
        states = set(session.scalars(sa.select(Reservation.state).where(Reservation.id.in_(held))))
    assert (paid, states) == ({PaymentState.SETTLED}, {State.CONFIRMED}), (paid, states)
    return Settled(len(held) / took, len(held) / bare)


def _opened(town: BenchTown, stripe: StripeApi, reservation_id: UUID, pay: Callable[[str], None]) -> UUID:
    services, now = town.services, town.services.clock.now()
    with services.database.transaction() as session:
        payment = checkout.start(
            session,
            municipality_id=town.municipality_id,
            items=[
                checkout.Item(reservation_id, "計測", session.get_one(Reservation, reservation_id).amount_yen)
            ],
            deadline_at=now + timedelta(minutes=10),
            return_url=town.settings.base_url,
            cancel_url=town.settings.base_url,
            mail_address=None,
            now=now,
        )
        payment_id = payment.id
    pay(checkout.open_session(services.database, stripe, payment_id, services.clock))
    return payment_id
