"""The processes of the server: every edge, loop and gateway, called as the real ones call them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from random import Random
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.wiring import LOCK_CALLBACKS, PAYMENT_CALLBACKS
from booking.notices import lock_alarms, sender
from booking.notices.sender import Mailer
from booking.people.models import Role
from booking.people.signed_in import Actor
from booking.places import closures
from booking.places.catalogue import catalogue
from booking.reservations import approve, cancel, deadlines
from booking.reservations.hold import hold
from booking.reservations.models import Reservation, State
from booking.reservations.pay import require_payable
from core.errors import Unavailable
from core.owed import Owed
from core.window import Window
from locks import contact, desired_state, publications
from locks.models import Lock
from locks.publications import Publication
from locks.standing import ShownCode, codes_of
from payments import checkout, loops, webhook
from payments.models import Payment, Refund
from payments.states import PaymentState
from payments.webhook import Event
from tests.simulation.channel import Channel
from tests.simulation.clock import VirtualClock
from tests.simulation.crashes import TownDatabase, TownStripe
from tests.simulation.places import KEYRING, Places

_DUE = {
    "reservation": Reservation.next_due_at,
    "payment": Payment.next_due_at,
    "refund": Refund.next_due_at,
    "owed": Owed.due_at,
    "lock": Lock.publish_due_at,
}


class MailSink:
    """A mail server that keeps what it gets and refuses some for now."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.fault_rate = 0.0
        self.texts: dict[str, str] = {}

    def send(self, message: EmailMessage) -> None:
        if self._random.random() < self.fault_rate:
            raise Unavailable("451")
        self.texts[str(message["Message-ID"])] = message.as_string()

    def close(self) -> None:
        """Nothing is open."""


class Server:
    """Web, worker and gateway of one town. What a method raises, its process would have raised."""

    def __init__(
        self,
        database: TownDatabase,
        stripe: TownStripe,
        clock: VirtualClock,
        channel: Channel,
        places: Places,
        mail: MailSink,
    ) -> None:
        self.database, self.stripe, self.clock = database, stripe, clock
        self._channel, self._places = channel, places
        self._mailer = Mailer(mail, "kaiho@example.jp", "http://127.0.0.1:1")
        self._unsettled: list[Publication] = []

    def hold(self, *, group: UUID, offering: int, window: Window, key: str) -> Reservation:
        """A resident books."""
        with self.database.transaction() as session:
            return hold(
                session,
                actor=self._places.town.actor(group, session=session),
                group_id=group,
                offering_id=offering,
                window=window,
                request_key=key,
                now=self.clock.now(),
            )

    def start_paying(self, group: UUID, reservation_id: UUID) -> str:
        """A resident taps pay; the id of the session behind the hosted page."""
        with self.database.transaction() as session:
            actor = self._places.town.actor(group, session=session)
            now = self.clock.now()
            line, until = require_payable(session, actor=actor, reservation_id=reservation_id, now=now)
            payment = checkout.start(
                session,
                municipality_id=actor.municipality_id,
                items=[checkout.Item(line.id, "体育館", line.amount_yen)],
                deadline_at=until,
                return_url="http://127.0.0.1:1/return",
                cancel_url="http://127.0.0.1:1/back",
                mail_address=None,
                now=now,
            )
        return checkout.open_session(self.database, self.stripe, payment.id, self.clock).rsplit("/", 1)[1]

    def come_back(self, session_id: str) -> PaymentState:
        """The page after paying."""
        payment_id = self.stripe.sessions[session_id].remote.payment_id
        assert payment_id is not None
        return loops.settle_one(self.database, self.stripe, PAYMENT_CALLBACKS, payment_id, self.clock)

    def take_webhook(self, number: int, session_id: str, kind: str) -> str:
        """Stripe says that something became of a session; verified already."""
        remote = self.stripe.sessions[session_id].remote
        told = Event(
            id=f"evt_{number}",
            type=f"checkout.session.{kind}",
            is_live=False,
            object_id=session_id,
            payment_id=remote.payment_id,
            refund_id=None,
            payment_intent_id=remote.payment_intent_id,
        )
        with self.database.transaction() as session:
            return webhook.take_in(session, told, now=self.clock.now())

    def cancel(self, group: UUID, reservation_id: UUID) -> tuple[str, int]:
        """A resident gives up; the state it is in then, and what the quote promised back."""
        with self.database.transaction() as session:
            before = session.get_one(Reservation, reservation_id)
            quoted = cancel.quote_cancel(before, now=self.clock.now()).refund_yen
            after = cancel.cancel(
                session,
                actor=self._places.town.actor(group, session=session),
                reservation_id=reservation_id,
                now=self.clock.now(),
            )
            return after.state, quoted

    def codes(self, reservation_id: UUID) -> list[ShownCode]:
        """The code page, in its time; empty outside it."""
        now = self.clock.now()
        with self.database.reading() as session:
            line = session.get_one(Reservation, reservation_id)
            rules = catalogue(session, line.municipality_id).rules
            begin = line.starts_at - timedelta(seconds=rules.reveal_before_start_s)
            end = line.ends_at + timedelta(seconds=rules.reveal_after_end_s)
            if line.state not in (State.CONFIRMED, State.USED) or not begin <= now < end:
                return []
            return codes_of(session, KEYRING, holder=line.id, now=now)

    def decide(self, reservation_id: UUID, *, is_yes: bool) -> None:
        """A manager approves or rejects."""
        with self.database.transaction() as session:
            staff, now = self._staff(session), self.clock.now()
            if is_yes:
                approve.approve(session, actor=staff, reservation_id=reservation_id, now=now)
            else:
                approve.reject(session, actor=staff, reservation_id=reservation_id, reason="行事", now=now)

    def requested(self) -> list[UUID]:
        """The approval queue."""
        asked = sa.select(Reservation.id).where(Reservation.state == State.REQUESTED).order_by(Reservation.id)
        with self.database.reading() as session:
            return list(session.scalars(asked))

    def close_day(self, facility: int, window: Window) -> int:
        """A manager closes a facility; the closure's id."""
        with self.database.transaction() as session:
            return closures.close(
                session,
                actor=self._staff(session),
                facility_id=facility,
                space_id=None,
                window=window,
                reason="学校行事",
                now=self.clock.now(),
            ).id

    def lift(self, closure_id: int) -> None:
        """A manager ends a closure."""
        with self.database.transaction() as session:
            closures.lift(session, actor=self._staff(session), closure_id=closure_id, now=self.clock.now())

    def jobs(self) -> dict[str, tuple[str, Callable[[], int]]]:
        """The worker's jobs by name, each with the table whose due rows it acts on."""
        outside = (self.database, self.stripe, PAYMENT_CALLBACKS, self.clock)
        return {
            "deadlines": ("reservation", self._deadlines),
            "expire_sessions": ("payment", lambda: loops.expire_sessions(*outside)),
            "settle": ("payment", lambda: loops.settle(*outside)),
            "send_refunds": ("refund", lambda: loops.send_refunds(*outside)),
            "poll_refunds": ("refund", lambda: loops.poll_refunds(*outside)),
            "lock_alarm_mails": ("owed", self._lock_alarm_mails),
            "mail": ("owed", lambda: sender.send_due(self.database, self._mailer, self.clock)),
        }

    def _lock_alarm_mails(self) -> int:
        with self.database.transaction() as session:
            return lock_alarms.tell_due(session, now=self.clock.now())

    def roll_horizons(self) -> int:
        """The worker's daily job."""
        with self.database.transaction() as session:
            return desired_state.roll_horizons(session, now=self.clock.now())

    def due_at(self, *tables: str) -> dict[str, datetime]:
        """When the earliest row of each of these tables is due; those without one are absent."""
        parts = [sa.select(sa.func.min(_DUE[table])).scalar_subquery() for table in tables]
        with self.database.reading() as session:
            row = session.execute(sa.select(*parts)).one()
        return {table: due for table, due in zip(tables, row, strict=True) if due is not None}

    def hear(self, lock: str, payload: bytes) -> None:
        """The gateway gets a hello: store, commit, answer."""
        with self.database.transaction() as session:
            answer = contact.receive_hello(
                session, KEYRING, LOCK_CALLBACKS, lock_id=lock, payload=payload, now=self.clock.now()
            )
        if answer is None:
            return
        if answer.desired is not None and self._channel.publish_down(
            lock, "desired", answer.desired, retain=True
        ):
            self._unsettled.append(Publication(lock, answer.version, None))
        self._channel.publish_down(lock, "welcome", answer.welcome, retain=False)

    def publish(self) -> None:
        """The gateway publishes what is due, and notes what the broker took."""
        with self.database.transaction() as session:
            claims = publications.claim(session, limit=25, now=self.clock.now())
        for claim in claims:
            with self.database.transaction() as session:
                built = desired_state.build(
                    session, KEYRING, LOCK_CALLBACKS, lock_id=claim.lock_id, now=self.clock.now()
                )
            if self._channel.publish_down(claim.lock_id, "desired", built.jws, retain=True):
                self._unsettled.append(Publication(claim.lock_id, built.version, claim))
        self.settle_publications()

    def settle_publications(self) -> None:
        """Write down what the broker has taken."""
        taken, self._unsettled = self._unsettled, []
        if taken:
            with self.database.transaction() as session:
                publications.settle(session, taken, now=self.clock.now())

    def republish_all(self) -> None:
        """The broker is new: give it everything."""
        with self.database.transaction() as session:
            publications.republish_all(session, now=self.clock.now())

    def _staff(self, session: Session) -> Actor:
        return self._places.town.actor(role=Role.MANAGER, session=session)

    def _deadlines(self) -> int:
        with self.database.transaction() as session:
            return deadlines.expire_due(session, now=self.clock.now(), limit=100)
