"""A till: the payment tables on one database, Stripe in memory, and a booking side that only takes notes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from core.database import Database
from core.ids import new_id
from payments import checkout, ledger, loops, refunds
from payments.callbacks import Callbacks
from payments.models import Payment, Refund
from payments.remote import StripeApi
from payments.states import PaymentState, RefundState
from tests.integration.payments.stripe_double import Killed, StripeDouble

TOWN = 312029
START = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
HOLD = timedelta(minutes=10)


class StoppedClock:
    """Moves only when told."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def advance(self, **by: float) -> None:
        """Let time pass, in the words of timedelta."""
        self.at += timedelta(**by)


Settled = Callable[[Session, UUID, UUID, int, datetime], None]


@dataclass(slots=True)
class Notes:
    """What booking was told by transactions that were committed, in order."""

    settled: list[tuple[UUID, int]] = field(default_factory=list)
    closed: list[UUID] = field(default_factory=list)
    refunds: list[tuple[UUID, str, int]] = field(default_factory=list)
    processing: list[tuple[UUID, datetime]] = field(default_factory=list)
    on_settled: list[Settled] = field(default_factory=list)
    """Run inside the transaction, as booking's own answer would be."""

    def callbacks(self) -> Callbacks:
        """The four callbacks."""
        return Callbacks(
            self._payment_settled, self._attempts_closed, self._refund_changed, self._payment_processing
        )

    def _payment_settled(
        self, session: Session, *, reference: UUID, payment_id: UUID, amount_yen: int, now: datetime
    ) -> None:
        for answer in self.on_settled:
            answer(session, reference, payment_id, amount_yen, now)
        self._note(session, lambda: self.settled.append((reference, amount_yen)))

    def _attempts_closed(self, session: Session, *, reference: UUID, now: datetime) -> None:
        assert now.tzinfo is not None
        self._note(session, lambda: self.closed.append(reference))

    def _refund_changed(
        self,
        session: Session,
        *,
        reference: UUID,
        refund_id: UUID,
        state: str,
        amount_yen: int,
        now: datetime,
    ) -> None:
        assert refund_id.version == 7
        assert now.tzinfo is not None
        self._note(session, lambda: self.refunds.append((reference, state, amount_yen)))

    def _payment_processing(
        self, session: Session, *, reference: UUID, funds_due_at: datetime, now: datetime
    ) -> None:
        assert now.tzinfo is not None
        self._note(session, lambda: self.processing.append((reference, funds_due_at)))

    def _note(self, session: Session, write: Callable[[], None]) -> None:
        event.listen(session, "after_commit", lambda _session: write(), once=True)


@dataclass
class Till:
    """Everything a test of money needs, and short words for what happens."""

    database: Database
    clock: StoppedClock
    stripe: StripeDouble
    notes: Notes

    def start(
        self,
        *references: UUID,
        amount_yen: int = 1500,
        deadline: timedelta = HOLD,
        ways: checkout.Ways = checkout.CARD_ONLY,
    ) -> UUID:
        """An attempt is written down; `amount_yen` for each reference."""
        items = [checkout.Item(one, "見本体育館 半面A", amount_yen) for one in references]
        with self.database.transaction() as session:
            return checkout.start(
                session,
                municipality_id=TOWN,
                items=items,
                deadline_at=self.clock.now() + deadline,
                return_url="http://127.0.0.1:1/return",
                cancel_url="http://127.0.0.1:1/cancel",
                mail_address="hanako@example.jp",
                ways=ways,
                now=self.clock.now(),
            ).id

    def open(self, payment_id: UUID) -> str:
        """The hosted page's address."""
        return checkout.open_session(self.database, self.stripe, payment_id, self.clock)

    def opened(
        self, *references: UUID, amount_yen: int = 1500, ways: checkout.Ways = checkout.CARD_ONLY
    ) -> tuple[UUID, str]:
        """An attempt on its hosted page: its id and Stripe's session id."""
        payment_id = self.start(*references, amount_yen=amount_yen, ways=ways)
        self.open(payment_id)
        session_id = self.payment(payment_id).stripe_session_id
        assert session_id is not None
        return payment_id, session_id

    def paid(self, *references: UUID, amount_yen: int = 1500) -> UUID:
        """An attempt that was paid and has settled."""
        payment_id, session_id = self.opened(*references, amount_yen=amount_yen)
        self.stripe.pay(session_id)
        assert self.settle_one(payment_id) == PaymentState.SETTLED
        return payment_id

    def close(self, reference: UUID) -> bool:
        """Booking gives a reservation up."""
        with self.database.transaction() as session:
            return checkout.close(session, reference=reference, now=self.clock.now())

    def owe(self, reference: UUID, amount_yen: int = 1500, cause: str = "cancelled") -> list[UUID]:
        """Booking owes money back."""
        with self.database.transaction() as session:
            rows = refunds.owe(
                session, reference=reference, amount_yen=amount_yen, cause=cause, now=self.clock.now()
            )
            return [row.id for row in rows]

    def settle_one(self, payment_id: UUID) -> PaymentState:
        """The payer comes back."""
        return loops.settle_one(self.database, self.stripe, self.notes.callbacks(), payment_id, self.clock)

    def settle(self) -> int:
        """The poller runs once."""
        return self._run(loops.settle)

    def expire(self) -> int:
        """The expirer runs once."""
        return self._run(loops.expire_sessions)

    def send(self) -> int:
        """The sender of refunds runs once."""
        return self._run(loops.send_refunds)

    def poll(self) -> int:
        """The follower of refunds runs once."""
        return self._run(loops.poll_refunds)

    def after_a_crash(self) -> None:
        """Long enough for a dead worker's lease to end; then every loop runs."""
        self.clock.advance(minutes=4)
        for loop in (self.expire, self.settle, self.send, self.poll):
            loop()

    def killed_in(self, work: Callable[[], object]) -> None:
        """Run something that is killed on the way."""
        with pytest.raises(Killed):
            work()

    def payment(self, payment_id: UUID) -> Payment:
        """The row as committed."""
        with self.database.reading() as session:
            return session.get_one(Payment, payment_id)

    def refund(self, refund_id: UUID) -> Refund:
        """The row as committed."""
        with self.database.reading() as session:
            return session.get_one(Refund, refund_id)

    def state(self, payment_id: UUID) -> PaymentState:
        """An attempt's state."""
        return PaymentState(self.payment(payment_id).state)

    def refund_state(self, refund_id: UUID) -> RefundState:
        """A refund's state."""
        return RefundState(self.refund(refund_id).state)

    def balances(self) -> dict[str, int]:
        """The books: accounts that are not zero. Every set balances, or the test fails here."""
        with self.database.reading() as session:
            assert ledger.unbalanced_sets(session) == []
            totals = ledger.balances(session, municipality_id=TOWN)
        return {str(account): yen for account, yen in totals.items() if yen}

    def count(self, kind: type[Payment] | type[Refund]) -> int:
        """How many rows."""
        with self.database.reading() as session:
            return session.scalars(sa.select(sa.func.count()).select_from(kind)).one()

    def _run(self, loop: Callable[[Database, StripeApi, Callbacks, StoppedClock], int]) -> int:
        return loop(self.database, self.stripe, self.notes.callbacks(), self.clock)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def till(database: Database) -> Till:
    """A till that nobody has used."""
    clock = StoppedClock()
    return Till(database, clock, StripeDouble(clock), Notes())


@pytest.fixture
def reservation() -> UUID:
    """Something to pay for."""
    return new_id(START)


@pytest.fixture
def another() -> UUID:
    """Something else to pay for."""
    return new_id(START)
