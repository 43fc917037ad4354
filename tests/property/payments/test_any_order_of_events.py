"""Whatever order payers, clocks, faults, crashes and loops come in, the promises about money hold."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core.database import Base, Database
from core.errors import KaihoError
from core.ids import new_id
from payments import book_models, case_models, invoice_models, models, queries
from payments.checkout import Ways
from payments.remote import RefundStatus, RemoteSession, SessionStatus
from payments.states import CAN_CAPTURE, PaymentState
from tests.integration.payments.conftest import START, Notes, StoppedClock, Till
from tests.integration.payments.stripe_double import Killed, StripeDouble

_MODULES = {module.__name__ for module in (book_models, case_models, invoice_models, models)}
TABLES = [one.local_table for one in Base.registry.mappers if one.class_.__module__ in _MODULES]
CALLS = ["create_session", "expire_session", "read_session", "find_session", "create_refund", "read_refund"]
FAULTS = ["down", "timeout_before", "timeout_after", "stored_before", "stored_after"]
KEYED = ("create_session", "expire_session", "create_refund")


TOWN_SETTINGS = settings(
    max_examples=25,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Town(RuleBasedStateMachine):
    """Two reservations, one of them paid, one till, and everything that can happen to it."""

    stripe_kind = StripeDouble

    @initialize()
    def open_the_till(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="kaiho-till-")
        self.database = Database(f"sqlite:///{self.folder.name}/till.sqlite3")
        Base.metadata.create_all(self.database.engine, tables=TABLES)  # type: ignore[arg-type]
        clock = StoppedClock()
        self.till = Till(self.database, clock, self.stripe_kind(clock), Notes())
        self.references = [new_id(START) for _ in range(2)]
        self.till.paid(self.references[0])

    @rule(which=st.integers(0, 1))
    def tap_pay(self, which: int) -> None:
        with suppress(KaihoError, Killed):
            self.till.open(self.till.start(self.references[which], ways=Ways(("card", "konbini"), 3)))

    @rule(which=st.integers(0, 9), is_wrong=st.sampled_from([False, False, False, True]))
    def card_is_charged(self, which: int, *, is_wrong: bool) -> None:
        payable = self._payable()
        if payable:
            self.till.stripe.pay(payable[which % len(payable)], amount=1 if is_wrong else None)

    @rule(which=st.integers(0, 9))
    def voucher_is_taken(self, which: int) -> None:
        payable = self._payable()
        if payable:
            self.till.stripe.order_voucher(payable[which % len(payable)])

    @rule(is_paid=st.booleans())
    def voucher_ends(self, *, is_paid: bool) -> None:
        stripe = self.till.stripe
        for session_id, kept in stripe.sessions.items():
            if kept.remote.status == SessionStatus.AWAITING_FUNDS:
                (stripe.pay_voucher if is_paid else stripe.lapse_voucher)(session_id)
                return

    @rule(which=st.integers(0, 1))
    def payer_returns(self, which: int) -> None:
        for line in self._attempts(self.references[which]):
            with suppress(Killed):
                self.till.settle_one(line.payment_id)

    @rule(which=st.integers(0, 1))
    def booking_gives_up(self, which: int) -> None:
        self.till.close(self.references[which])

    @rule(which=st.integers(0, 1), cause=st.sampled_from(["cancelled", "revoked"]))
    def booking_owes(self, which: int, cause: str) -> None:
        with suppress(KaihoError):
            self.till.owe(self.references[which], 700, cause)

    @rule(seconds=st.sampled_from([0, 1, 21, 95, 200, 601, 4000, 90_000]))
    def a_worker_ticks_after(self, seconds: int) -> None:
        self.till.clock.advance(seconds=seconds)
        for loop in self._loops():
            with suppress(Killed):
                loop()

    @rule(loop=st.integers(0, 3))
    def a_second_worker_runs(self, loop: int) -> None:
        with suppress(Killed):
            self._loops()[loop]()

    @rule(call=st.sampled_from(CALLS), fault=st.sampled_from([*FAULTS, "killed_before", "killed_after"]))
    def the_next_call_goes_wrong(self, call: str, fault: str) -> None:
        def die() -> None:
            raise Killed

        stripe = self.till.stripe
        if fault == "killed_before":
            stripe.before[call] = [die]
        elif fault == "killed_after":
            stripe.after[call] = [die]
        elif call in KEYED or not fault.startswith("stored"):
            stripe.faults[call] = [fault]

    @rule(status=st.sampled_from(list(RefundStatus)))
    def next_refund_will_end(self, status: RefundStatus) -> None:
        self.till.stripe.refund_outcomes.append(status)

    @invariant()
    def at_most_one_page_can_be_paid_per_reservation(self) -> None:
        owners = [self._reference_of(session_id) for session_id in self._payable()]
        assert len(owners) == len(set(owners))

    @invariant()
    def what_is_released_cannot_be_paid(self) -> None:
        for session_id in self._payable():
            remote = self.till.stripe.sessions[session_id].remote
            assert remote.payment_id is not None
            assert self.till.state(remote.payment_id) in CAN_CAPTURE

    @invariant()
    def no_more_goes_back_than_came_in(self) -> None:
        stripe = self.till.stripe
        for kept in stripe.sessions.values():
            if kept.remote.status == SessionStatus.PAID:
                assert stripe.refunded(str(kept.remote.payment_intent_id)) <= kept.remote.amount

    @invariant()
    def each_payment_is_told_at_most_once(self) -> None:
        told = [reference for reference, _ in self.till.notes.settled]
        assert len(told) == len(set(told))

    def teardown(self) -> None:
        """Faults end, time passes, loops run: nothing stays open and the books agree with Stripe's."""
        try:
            self._let_everything_come_to_its_end()
            self._compare_with_stripe()
        finally:
            self.database.dispose()
            self.folder.cleanup()

    def _let_everything_come_to_its_end(self) -> None:
        till, stripe = self.till, self.till.stripe
        for planned in (stripe.faults, stripe.before, stripe.after):
            planned.clear()
        stripe.refund_outcomes.clear()
        for _ in range(8):
            for name in stripe.refunds:
                if stripe.refunds[name].remote.status == RefundStatus.PENDING:
                    stripe.finish_refund(name, RefundStatus.SUCCEEDED)
            till.clock.advance(hours=25)
            for loop in self._loops():
                loop()

    def _compare_with_stripe(self) -> None:
        till, stripe = self.till, self.till.stripe
        assert self._payable() == []
        states = {line.payment_id: line.state for one in self.references for line in self._attempts(one)}
        assert set(states.values()) <= {
            PaymentState.SETTLED,
            PaymentState.EXPIRED,
            PaymentState.MISMATCHED,
        }
        captured = back = 0
        for kept in stripe.sessions.values():
            if kept.remote.status != SessionStatus.PAID:
                continue
            assert kept.remote.payment_id is not None
            is_right = kept.remote.amount == 1500
            assert states[kept.remote.payment_id] == (
                PaymentState.SETTLED if is_right else PaymentState.MISMATCHED
            )
            captured += kept.remote.amount
            back += stripe.refunded(str(kept.remote.payment_intent_id))
            if not is_right:
                assert stripe.refunded(str(kept.remote.payment_intent_id)) == kept.remote.amount
        balances = till.balances()
        assert balances.get("stripe_balance", 0) == captured - back
        assert balances.get("refunds_payable", 0) == 0

    def _loops(self) -> list[Callable[[], int]]:
        return [self.till.expire, self.till.settle, self.till.send, self.till.poll]

    def _payable(self) -> list[str]:
        now = self.till.clock.now()
        open_ones = self.till.stripe.payable()
        return [name for name in open_ones if self.till.stripe.sessions[name].expires_at > now]

    def _reference_of(self, session_id: str) -> UUID:
        payment_id = self.till.stripe.sessions[session_id].remote.payment_id
        assert payment_id is not None
        return self.till.payment(payment_id).items[0].reference

    def _attempts(self, reference: UUID) -> list[queries.AttemptLine]:
        with self.database.reading() as session:
            return queries.attempts_of(session, references=[reference])


TestAnyOrderOfEvents = Town.TestCase
TestAnyOrderOfEvents.settings = TOWN_SETTINGS


class Careless(StripeDouble):
    """A Stripe that says a page is expired and leaves it open: the same as not asking it at all."""

    def expire_session(self, session_id: str, *, key: str) -> RemoteSession:
        remote = self.read_session(session_id)
        is_open = remote.status == SessionStatus.OPEN
        return replace(remote, status=SessionStatus.EXPIRED) if is_open else remote


class CarelessTown(Town):
    """The same town, where courts are released while their pages can be paid."""

    stripe_kind = Careless


def test_control_released_without_expiring_the_machine_finds_it() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(CarelessTown, settings=settings(TOWN_SETTINGS, max_examples=300))
