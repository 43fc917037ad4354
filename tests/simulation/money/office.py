"""Web and worker as far as money goes: every edge and loop, called as the real processes call them."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.counter import desk
from booking.refunding import reviews
from booking.refunding.models import RefundReview
from booking.reservations import cancel, deadlines
from booking.reservations.hold import hold
from booking.reservations.models import Reservation
from booking.reservations.pay import require_payable, ways_of
from core.clock import Clock
from core.window import Window
from payments import checkout, loops, paying_out, settlement, webhook
from payments.case_models import Dispute
from payments.models import Payment, Refund, WebhookEvent
from payments.states import Method, PaymentState
from tests.simulation.crashes import TownDatabase
from tests.simulation.money.places import Gyms
from tests.simulation.money.stripe_here import WEBHOOK_SECRET, StripeHere

DUE = {
    "reservation": Reservation.next_due_at,
    "refund_review": RefundReview.next_due_at,
    "payment": Payment.next_due_at,
    "refund": Refund.next_due_at,
    "dispute": Dispute.next_due_at,
    "webhook_event": WebhookEvent.next_due_at,
}


class Office:
    """What a method raises, its process would have raised."""

    def __init__(self, database: TownDatabase, stripe: StripeHere, clock: Clock, gyms: Gyms) -> None:
        self.database, self.stripe, self.clock, self.gyms = database, stripe, clock, gyms
        self._outside = (database, stripe.port, PAYMENT_CALLBACKS, clock)
        app = Flask(__name__)
        app.register_blueprint(
            webhook.blueprint(database, stripe.port, PAYMENT_CALLBACKS, clock, [WEBHOOK_SECRET], self._whose)
        )
        self._client = app.test_client()
        stripe.tell = self._take_message

    def hold(self, *, group: UUID, offering: int, window: Window, key: str) -> Reservation:
        """A resident books."""
        with self.database.transaction() as session:
            return hold(
                session,
                actor=self.gyms.actor,
                group_id=group,
                offering_id=offering,
                window=window,
                request_key=key,
                now=self.clock.now(),
            )

    def start_paying(self, reservation_id: UUID) -> str:
        """A resident taps pay; the id of the session behind the hosted page."""
        with self.database.transaction() as session:
            now = self.clock.now()
            line, until = require_payable(
                session, actor=self.gyms.actor, reservation_id=reservation_id, now=now
            )
            payment = checkout.start(
                session,
                municipality_id=line.municipality_id,
                items=[checkout.Item(line.id, "見本体育館", line.amount_yen)],
                deadline_at=until,
                return_url="http://127.0.0.1:1/return",
                cancel_url="http://127.0.0.1:1/back",
                mail_address=None,
                ways=ways_of(session, line, now=now),
                now=now,
            )
        url = checkout.open_session(self.database, self.stripe.port, payment.id, self.clock)
        return url.rsplit("/", 1)[1]

    def come_back(self, payment_id: UUID) -> PaymentState:
        """The page after paying."""
        return loops.settle_one(self.database, self.stripe.port, PAYMENT_CALLBACKS, payment_id, self.clock)

    def quote(self, reservation_id: UUID, *, by_staff: bool = False) -> int:
        """What the page says would come back just now."""
        with self.database.reading() as session:
            line = session.get_one(Reservation, reservation_id)
            return cancel.quote_here(session, line, now=self.clock.now(), is_staff=by_staff).refund_yen

    def cancel(self, reservation_id: UUID, *, by_staff: bool = False) -> tuple[str, int]:
        """Somebody gives up; the state it is in then, and what the page had promised back."""
        quoted = self.quote(reservation_id, by_staff=by_staff)
        with self.database.transaction() as session:
            now = self.clock.now()
            actor = self.gyms.staff if by_staff else self.gyms.actor
            after = cancel.cancel(
                session,
                actor=actor,
                reservation_id=reservation_id,
                reason="学校行事" if by_staff else None,
                now=now,
            )
            return after.state, quoted

    def take_cash(self, reservation_id: UUID, payment_id: UUID, amount_yen: int) -> bool:
        """Somebody pays at the counter; False: not yet, a card page is being closed."""
        with self.database.transaction() as session:
            return desk.take_cash(
                session,
                actor=self.gyms.staff,
                reservation_id=reservation_id,
                payment_id=payment_id,
                amount_yen=amount_yen,
                callbacks=PAYMENT_CALLBACKS,
                now=self.clock.now(),
            )

    def to_pay_out(self) -> list[tuple[UUID, UUID, int]]:
        """What waits for staff to pay it out: refund, reservation, yen."""
        with self.database.reading() as session:
            waiting = paying_out.waiting(session, municipality_id=self.gyms.town.municipality_id)
            return [(one.refund_id, one.reference, one.amount_yen) for one in waiting]

    def pay_out(self) -> None:
        """Staff record as paid out in cash what waits for it."""
        town = self.gyms.town.municipality_id
        for refund_id, _, _ in self.to_pay_out():
            with self.database.transaction() as session:
                paying_out.pay_out(
                    session,
                    municipality_id=town,
                    refund_id=refund_id,
                    how=Method.CASH,
                    actor=self.gyms.staff.account_id,
                    alone_up_to_yen=10000,
                    callbacks=PAYMENT_CALLBACKS,
                    now=self.clock.now(),
                )

    def settle_books(self) -> settlement.Settled:
        """The hourly comparison with Stripe's books."""
        return settlement.settle(
            self.database, self.stripe.port, self.clock, municipality_id=self.gyms.town.municipality_id
        )

    def jobs(self) -> dict[str, tuple[str, Callable[[], int]]]:
        """The worker's jobs about money, each with the table whose due rows it acts on."""
        outside, database, stripe, clock = self._outside, self.database, self.stripe.port, self.clock
        return {
            "deadlines": ("reservation", self._deadlines),
            "refund_reviews": ("refund_review", self._reviews),
            "expire_sessions": ("payment", lambda: loops.expire_sessions(*outside)),
            "settle": ("payment", lambda: loops.settle(*outside)),
            "send_refunds": ("refund", lambda: loops.send_refunds(*outside)),
            "poll_refunds": ("refund", lambda: loops.poll_refunds(*outside)),
            "follow_disputes": ("dispute", lambda: loops.follow_disputes(database, stripe, clock)),
            "parked": ("webhook_event", lambda: loops.follow_parked(database, stripe, clock, self._whose)),
        }

    def rare_jobs(self) -> dict[str, Callable[[], int]]:
        """Those that look at everything."""
        return {
            "find_disputes": lambda: loops.find_disputes(
                self.database, self.stripe.port, self.clock, self._whose
            ),
            "cases": lambda: loops.list_cases(self.database, self.clock),
        }

    def due_at(self) -> dict[str, datetime]:
        """When the earliest row of each of the worker's tables is due; those without one are absent."""
        # A row without a due time is in none of the indexes.
        parts = [
            sa.select(sa.func.min(one, type_=one.type)).where(one.is_not(None)).scalar_subquery()
            for one in DUE.values()
        ]
        with self.database.reading() as session:
            row = session.execute(sa.select(*parts)).one()
        return {table: due for table, due in zip(DUE, row, strict=True) if due is not None}

    def _take_message(self, body: bytes, signature: str) -> int:
        headers = {"Stripe-Signature": signature}
        return self._client.post("/stripe/webhook", data=body, headers=headers).status_code

    def _whose(self) -> int:
        return self.gyms.town.municipality_id

    def _deadlines(self) -> int:
        with self.database.transaction() as session:
            return deadlines.expire_due(session, now=self.clock.now(), limit=100)

    def _reviews(self) -> int:
        with self.database.transaction() as session:
            return reviews.look_due(session, now=self.clock.now(), limit=100)
