"""Killed at any beat, the same loops finish the work: one session, one settlement, one refund."""

from collections.abc import Callable
from uuid import UUID

import pytest

from payments.due import LEASE_FOR
from payments.models import Payment
from payments.states import PaymentState, RefundState
from tests.integration.payments.conftest import Till
from tests.integration.payments.stripe_double import Killed

Plan = Callable[[Till, str], None]


def _kill() -> None:
    raise Killed


def _kill_told(*_told: object) -> None:
    raise Killed


def _before_the_call(till: Till, call: str) -> None:
    till.stripe.before[call].append(_kill)


def _after_the_call(till: Till, call: str) -> None:
    till.stripe.after[call].append(_kill)


BEATS = pytest.mark.parametrize("plan", [_before_the_call, _after_the_call])


@BEATS
def test_killed_while_opening_the_payer_gets_one_page(till: Till, reservation: UUID, plan: Plan) -> None:
    payment_id = till.start(reservation)
    plan(till, "create_session")
    till.killed_in(lambda: till.open(payment_id))
    assert till.state(payment_id) == PaymentState.OPENING
    till.open(till.start(reservation))
    assert len(till.stripe.sessions) == 1
    assert till.count(Payment) == 1


@BEATS
def test_killed_while_opening_and_never_back_nothing_stays_payable(
    till: Till, reservation: UUID, plan: Plan
) -> None:
    payment_id = till.start(reservation)
    plan(till, "create_session")
    till.killed_in(lambda: till.open(payment_id))
    till.clock.advance(minutes=10)
    till.after_a_crash()
    assert till.stripe.payable() == []
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]


@BEATS
def test_killed_while_settling_the_money_is_told_once(till: Till, reservation: UUID, plan: Plan) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    plan(till, "read_session")
    till.killed_in(lambda: till.settle_one(payment_id))
    assert till.notes.settled == []
    till.after_a_crash()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}


def test_killed_inside_the_transaction_that_records_money_nothing_is_half_written(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    till.notes.on_settled.append(_kill_told)
    till.killed_in(lambda: till.settle_one(payment_id))
    assert till.state(payment_id) == PaymentState.OPEN
    assert till.balances() == {}
    till.notes.on_settled.clear()
    till.after_a_crash()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}


@BEATS
def test_killed_while_expiring_the_court_is_released_once(till: Till, reservation: UUID, plan: Plan) -> None:
    payment_id, _ = till.opened(reservation)
    plan(till, "expire_session")
    till.clock.advance(minutes=10)
    till.killed_in(till.expire)
    assert till.notes.closed == []
    till.after_a_crash()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]
    assert till.stripe.payable() == []


@BEATS
def test_killed_while_expiring_and_paid_meanwhile_the_payer_keeps_the_court(
    till: Till, reservation: UUID, plan: Plan
) -> None:
    _, session_id = till.opened(reservation)
    plan(till, "expire_session")
    till.clock.advance(minutes=10)
    till.killed_in(till.expire)
    is_payable = session_id in till.stripe.payable()
    if is_payable:
        till.stripe.pay(session_id)
    till.after_a_crash()
    assert till.notes.settled == ([(reservation, 1500)] if is_payable else [])
    assert till.notes.closed == ([] if is_payable else [reservation])


@BEATS
def test_killed_while_refunding_the_money_goes_back_once(till: Till, reservation: UUID, plan: Plan) -> None:
    till.paid(reservation)
    (refund_id,) = till.owe(reservation, 700)
    plan(till, "create_refund")
    till.killed_in(till.send)
    till.after_a_crash()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert len(till.stripe.refunds) == 1
    assert till.notes.refunds == [(reservation, "succeeded", 700)]
    assert till.balances() == {"stripe_balance": 800, "usage_fees": -800}


def test_a_dead_workers_row_is_left_alone_until_its_lease_ends(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation)
    till.stripe.after["create_refund"].append(_kill)
    till.killed_in(till.send)
    till.clock.advance(seconds=LEASE_FOR.total_seconds() - 1)
    assert till.send() == 0
    till.clock.advance(seconds=1)
    assert till.send() == 1
