"""Any order of holding, paying, giving up, running out, closing and opening keeps the claims' promises."""

import atexit
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
)

from booking.places import closures
from booking.reservations import deadlines, door, money
from booking.reservations.cancel import cancel
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.states import CLAIMING, OPEN
from core.database import Database
from core.errors import Refused
from core.window import Window
from locks.models import Grant
from migrations.run import upgrade
from payments.models import Payment, Refund
from payments.states import CAN_CAPTURE, PaymentState
from tests.integration.booking.town import NOW, Town, build_town, window

WINDOWS = [window(8, 10), window(10, 12), window(8, 12), window(18, 22)]


class LifeMachine(RuleBasedStateMachine):
    """One gym of two halves, two groups, one clock."""

    reservations = Bundle("reservations")
    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kaiho-life-"))
        path = self.folder / "life.sqlite3"
        shutil.copyfile(migrated_file(), path)
        self.database = Database(f"sqlite:///{path}")
        self.town: Town = build_town(self.database)
        self.now: datetime = NOW

    def teardown(self) -> None:
        self.database.dispose()
        shutil.rmtree(self.folder)

    @rule(
        target=reservations,
        offering=st.sampled_from(["full", "half_a", "half_b"]),
        wanted=st.sampled_from(WINDOWS),
        group=st.sampled_from(["general", "youth"]),
    )
    def hold(self, offering: str, wanted: Window, group: str) -> UUID | MultipleResults[UUID]:
        """A group tries to hold a window."""
        try:
            return self.town.held(
                offering=getattr(self.town, offering),
                wanted=wanted,
                group=getattr(self.town, group),
                now=self.now,
            )
        except Refused:
            return multiple()

    @rule(reservation=reservations)
    def begin_to_pay(self, reservation: UUID) -> None:
        """The resident goes to the card page, while that may be."""
        found = self.town.reservation(reservation)
        if found.state != State.HELD or found.cancel_asked_at or self._payments(reservation):
            return
        if found.pay_until is not None and found.pay_until > self.now:
            self.town.start_payment(reservation, now=self.now)

    @rule(reservation=reservations)
    def money_arrives(self, reservation: UUID) -> None:
        """Stripe captured, whatever we think of the reservation by now."""
        for payment in self._payments(reservation):
            if payment.state != PaymentState.SETTLED:
                self.town.settle(payment.id, reservation, now=self.now)

    @rule(reservation=reservations)
    def stripe_says_expired(self, reservation: UUID) -> None:
        """No money can come from here on, unless it was on its way already."""
        if any(payment.state in CAN_CAPTURE for payment in self._payments(reservation)):
            with self.database.transaction() as session:
                money.attempts_closed(session, reference=reservation, now=self.now)

    @rule(reservation=reservations)
    def give_up(self, reservation: UUID) -> None:
        """The resident cancels."""
        try:
            with self.database.transaction() as session:
                actor = self.town.actor(session=session)
                cancel(session, actor=actor, reservation_id=reservation, now=self.now)
        except Refused:
            pass

    @rule(minutes=st.sampled_from([1, 10, 600, 5000]))
    def time_passes(self, minutes: int) -> None:
        """The clock moves and the worker looks."""
        self.now += timedelta(minutes=minutes)
        with self.database.transaction() as session:
            deadlines.expire_due(session, now=self.now, limit=100)

    @rule(reservation=reservations)
    def door_opens(self, reservation: UUID) -> None:
        """Somebody opens with the code, now."""
        with self.database.transaction() as session:
            door.access_opened(session, holder=reservation, at=self.now, offline=False, now=self.now)

    @rule(wanted=st.sampled_from(WINDOWS))
    def close_the_gym(self, wanted: Window) -> None:
        """Staff close it, and open it again."""
        actor = self.town.staff
        with self.database.transaction() as session:
            made = closures.close(
                session,
                actor=actor,
                facility_id=self.town.gym,
                space_id=None,
                window=wanted,
                reason="工事",
                now=self.now,
            )
            closure_id = made.id
        with self.database.transaction() as session:
            closures.lift(session, actor=actor, closure_id=closure_id, now=self.now)

    @invariant()
    def claims_are_those_of_live_reservations(self) -> None:
        """S1: the primary key keeps courts apart; here: each live one has all of its claims, others none."""
        with self.database.reading() as session:
            owned: dict[UUID | None, set[tuple[int, int]]] = {}
            for court, granule, owner in session.execute(
                sa.select(Claim.court_id, Claim.granule, Claim.reservation_id)
            ):
                owned.setdefault(owner, set()).add((court, granule))
            offered = {
                self.town.full: self.town.courts,
                self.town.half_a: self.town.courts[:1],
                self.town.half_b: self.town.courts[1:],
            }
            for found in session.scalars(sa.select(Reservation)):
                granules = range(
                    int(found.starts_at.timestamp()) // 1800, int(found.ends_at.timestamp()) // 1800
                )
                wanted = {(court, granule) for court in offered[found.offering_id] for granule in granules}
                assert owned.pop(found.id, set()) == (wanted if found.state in CLAIMING else set())
                assert (found.next_due_at is not None) == (found.state in OPEN)
            assert not owned

    @invariant()
    def rights_are_those_of_confirmed_reservations(self) -> None:
        """Paid means in, not yours means out."""
        with self.database.reading() as session:
            live = set(session.scalars(sa.select(Grant.holder).where(Grant.withdrawn_at.is_(None))))
            paid = set(
                session.scalars(
                    sa.select(Reservation.id).where(
                        Reservation.state.in_([State.CONFIRMED, State.USED, State.NO_SHOW])
                    )
                )
            )
            assert live == paid

    @invariant()
    def money_is_with_a_slot_or_on_its_way_back(self) -> None:
        """Nobody is charged without a slot, unless the rule as sold says so."""
        with self.database.reading() as session:
            sums = sa.select(Refund.payment_id, sa.func.sum(Refund.amount_yen)).group_by(Refund.payment_id)
            back = {row[0]: row[1] for row in session.execute(sums)}
            for payment in session.scalars(sa.select(Payment).where(Payment.state == PaymentState.SETTLED)):
                reservation = session.get_one(Reservation, payment.items[0].reference)
                if reservation.state in (State.EXPIRED, State.REVOKED, State.REJECTED):
                    assert back.get(payment.id) == payment.amount_yen
                elif reservation.state in (State.CONFIRMED, State.USED, State.NO_SHOW):
                    assert payment.id not in back

    @invariant()
    def permit_numbers_have_no_gaps(self) -> None:
        """1, 2, 3 … of whatever was ever confirmed."""
        with self.database.reading() as session:
            numbers = session.scalars(
                sa.select(Reservation.permit_number).where(Reservation.permit_number.is_not(None))
            ).all()
            assert sorted(number or 0 for number in numbers) == list(range(1, len(numbers) + 1))

    def _payments(self, reservation: UUID) -> list[Payment]:
        with self.database.reading() as session:
            return [
                payment
                for payment in session.scalars(sa.select(Payment))
                if payment.items[0].reference == reservation
            ]


_MIGRATED: list[Path] = []


def migrated_file() -> Path:
    """A migrated file to copy, made once."""
    if not _MIGRATED:
        folder = tempfile.mkdtemp(prefix="kaiho-life-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / "template.sqlite3"
        upgrade(f"sqlite:///{path}")
        _MIGRATED.append(path)
    return _MIGRATED[0]


LifeMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLifeOfReservations = LifeMachine.TestCase
