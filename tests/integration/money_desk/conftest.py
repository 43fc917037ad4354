"""A small town whose money goes all the way: Stripe in memory, booking's real answers, the real books."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.money_desk.nightly import Findings, run_night
from booking.reservations.cancel import cancel
from booking.reservations.models import Reservation
from core.database import Database
from core.ids import new_id
from payments import checkout, counter, loops
from payments.checkout import Item
from payments.models import Payment
from payments.settlement import Settled, settle
from payments.states import Method, PaymentState
from tests.integration.booking.town import NOW, Town, build_town, window
from tests.integration.payments.conftest import StoppedClock
from tests.integration.payments.stripe_double import StripeDouble


@dataclass
class MoneyDesk:
    """The town, its clock, Stripe, and short words for what happens."""

    town: Town
    clock: StoppedClock
    stripe: StripeDouble

    @property
    def database(self) -> Database:
        """Where all of it is."""
        return self.town.database

    def paid(self, day: date, first: float = 10, last: float = 12) -> UUID:
        """A reservation of the full gym, confirmed by card."""
        reservation_id = self.held(day, first, last)
        self.pay(reservation_id)
        return reservation_id

    def held(self, day: date, first: float = 10, last: float = 12) -> UUID:
        """A committed hold."""
        return self.town.held(wanted=window(first, last, day), now=self.clock.now())

    def pay(self, reservation_id: UUID) -> UUID:
        """Its owner pays by card and comes back."""
        payment_id = self.town.start_payment(reservation_id, now=self.clock.now(), known=False)
        checkout.open_session(self.database, self.stripe, payment_id, self.clock)
        with self.database.reading() as session:
            session_id = session.get_one(Payment, payment_id).stripe_session_id
        self.stripe.pay(str(session_id))
        done = loops.settle_one(self.database, self.stripe, PAYMENT_CALLBACKS, payment_id, self.clock)
        assert done == PaymentState.SETTLED
        return payment_id

    def take_cash(self, reservation_id: UUID) -> None:
        """Its owner pays at the counter."""
        with self.database.transaction() as session:
            amount = session.get_one(Reservation, reservation_id).amount_yen
            counter.take(
                session,
                payment_id=new_id(self.clock.now()),
                municipality_id=self.town.municipality_id,
                method=Method.CASH,
                items=[Item(reservation_id, "見本体育館", amount)],
                paid_on=date(2026, 11, 21),
                actor=self.town.manager,
                callbacks=PAYMENT_CALLBACKS,
                now=self.clock.now(),
            )

    def cancel(self, reservation_id: UUID) -> None:
        """Its group gives it up."""
        with self.database.transaction() as session:
            actor = self.town.actor(session=session)
            cancel(session, actor=actor, reservation_id=reservation_id, now=self.clock.now())

    def send_refunds(self) -> None:
        """The sender of refunds runs."""
        loops.send_refunds(self.database, self.stripe, PAYMENT_CALLBACKS, self.clock)

    def settle(self) -> Settled:
        """A settlement."""
        return settle(self.database, self.stripe, self.clock, municipality_id=self.town.municipality_id)

    def audit(self) -> Findings:
        """A night."""
        return run_night(self.database, self.clock, municipality_id=self.town.municipality_id)

    def by_hand(self, statement: str) -> None:
        """Somebody with the database's own password."""
        with self.database.transaction() as session:
            session.execute(sa.text(statement))


@pytest.fixture
def desk(database_url: str) -> Iterator[MoneyDesk]:
    """A fresh town, on SQLite and on PostgreSQL."""
    database = Database(database_url)
    clock = StoppedClock(NOW)
    yield MoneyDesk(build_town(database), clock, StripeDouble(clock))
    database.dispose()
