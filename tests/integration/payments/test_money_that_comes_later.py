"""Konbini: the payer is done at once, the money comes days later at a till, or never."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from payments import checkout, queries
from payments.attempts import LOOK_AGAIN_LATE
from payments.checkout import Ways
from payments.errors import AlreadyPaid, FundsAwaited
from payments.models import Payment
from payments.remote import SessionStatus
from payments.states import PaymentState
from tests.integration.payments.conftest import START, Till

KONBINI = Ways(("card", "konbini"), 3)
IN_THREE_DAYS = START + timedelta(days=3)


def with_voucher(till: Till, *references: UUID) -> tuple[UUID, str]:
    """An attempt whose payer has taken a voucher, seen by us: its id and Stripe's session id."""
    payment_id, session_id = till.opened(*references, ways=KONBINI)
    till.stripe.order_voucher(session_id)
    assert till.settle_one(payment_id) == PaymentState.PROCESSING
    return payment_id, session_id


def give_up(till: Till, reference: UUID) -> bool:
    with till.database.transaction() as session:
        return checkout.give_up(session, reference=reference, now=till.clock.now())


def test_what_was_offered_is_sent_as_frozen(till: Till, reservation: UUID) -> None:
    till.opened(reservation, ways=KONBINI)
    order = till.stripe.sessions["cs_test_1"].order
    assert (order.methods, order.funds_within_days) == (("card", "konbini"), 3)


def test_a_voucher_keeps_what_it_is_for_until_stripes_own_deadline(till: Till, reservation: UUID) -> None:
    payment_id, _ = with_voucher(till, reservation)
    assert till.notes.processing == [(reservation, IN_THREE_DAYS)]
    till.clock.advance(minutes=10)
    for _ in range(3):
        till.expire()
        till.settle()
        till.clock.advance(hours=20)
    assert till.state(payment_id) == PaymentState.PROCESSING
    assert till.stripe.calls["expire_session"] == 0
    assert till.notes.closed == []


def test_the_money_settles_when_it_comes(till: Till, reservation: UUID) -> None:
    payment_id, session_id = with_voucher(till, reservation)
    till.clock.advance(days=2)
    till.stripe.pay_voucher(session_id)
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.payment(payment_id).url is None
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}


def test_a_voucher_that_lapses_frees_what_it_was_for(till: Till, reservation: UUID) -> None:
    payment_id, session_id = with_voucher(till, reservation)
    till.stripe.lapse_voucher(session_id)
    till.clock.advance(days=4)
    till.settle()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]
    with till.database.reading() as session:
        assert queries.has_lapsed(session, reference=reservation)


def test_nothing_else_can_be_paid_while_the_money_is_on_its_way(till: Till, reservation: UUID) -> None:
    payment_id, _ = with_voucher(till, reservation)
    with pytest.raises(FundsAwaited):
        till.start(reservation)
    with pytest.raises(FundsAwaited):
        till.open(payment_id)
    assert till.stripe.payable() == []


def test_a_voucher_taken_just_before_the_page_is_closed_counts(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation, ways=KONBINI)
    till.stripe.before["expire_session"].append(lambda: till.stripe.order_voucher(session_id))
    till.clock.advance(minutes=10)
    till.expire()
    assert till.state(payment_id) == PaymentState.PROCESSING
    assert till.notes.processing == [(reservation, IN_THREE_DAYS + timedelta(minutes=10))]
    assert till.notes.closed == []


def test_where_the_voucher_leads_is_kept_while_it_can_be_paid(till: Till, reservation: UUID) -> None:
    with_voucher(till, reservation)
    with till.database.reading() as session:
        awaited = queries.awaited_of(session, reference=reservation)
    assert awaited == queries.Awaited(IN_THREE_DAYS, "http://127.0.0.1:1/voucher/cs_test_1")


def test_the_same_word_again_tells_nobody_again(till: Till, reservation: UUID) -> None:
    payment_id, _ = with_voucher(till, reservation)
    for _ in range(3):
        till.clock.advance(seconds=LOOK_AGAIN_LATE.total_seconds() + 1)
        assert till.settle() == 1
    assert till.settle_one(payment_id) == PaymentState.PROCESSING
    assert len(till.notes.processing) == 1


def test_a_voucher_is_looked_at_ever_more_seldom_until_its_deadline(till: Till, reservation: UUID) -> None:
    """At most an hour apart, then often again: its claims wait for the answer."""
    payment_id, _ = with_voucher(till, reservation)
    looks = []
    while till.clock.now() < IN_THREE_DAYS + timedelta(minutes=10):
        due_at = till.payment(payment_id).next_due_at
        assert due_at is not None
        till.clock.advance(seconds=(due_at - till.clock.now()).total_seconds())
        assert till.settle() == 1
        looks.append(till.clock.now())
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert max(pauses) == LOOK_AGAIN_LATE
    assert IN_THREE_DAYS in looks
    assert sum(look < IN_THREE_DAYS for look in looks) < 110
    assert sum(look > IN_THREE_DAYS for look in looks) > 5


def test_booking_may_free_what_its_owner_gave_up_and_stripe_is_left_alone(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = with_voucher(till, reservation)
    assert till.close(reservation) is False
    assert give_up(till, reservation) is True
    assert till.close(reservation) is True
    assert till.stripe.calls["expire_session"] == 0
    with till.database.reading() as session:
        assert queries.awaited_of(session, reference=reservation) is None
        assert queries.is_given_up(session, payment_id=payment_id, reference=reservation)
    till.stripe.pay_voucher(session_id)
    till.clock.advance(minutes=11)
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]


def test_giving_up_one_of_two_leaves_the_other_wanted(till: Till, reservation: UUID, another: UUID) -> None:
    payment_id, _ = with_voucher(till, reservation, another)
    assert give_up(till, reservation) is True
    with till.database.reading() as session:
        assert not queries.is_given_up(session, payment_id=payment_id, reference=another)
        assert queries.awaited_of(session, reference=another) is not None


def test_an_attempt_that_lapsed_and_comes_back_frees_nothing_of_the_next(
    till: Till, reservation: UUID
) -> None:
    first, session_id = with_voucher(till, reservation)
    till.stripe.lapse_voucher(session_id)
    assert till.settle_one(first) == PaymentState.EXPIRED
    second, _ = till.opened(reservation)
    assert till.notes.closed == [reservation]
    kept = till.stripe.sessions[session_id]
    kept.remote = replace(kept.remote, status=SessionStatus.AWAITING_FUNDS, funds_due_at=IN_THREE_DAYS)
    with till.database.transaction() as session:
        session.get_one(Payment, first).next_due_at = till.clock.now()
    till.settle()
    assert till.state(first) == PaymentState.PROCESSING
    till.stripe.lapse_voucher(session_id)
    till.clock.advance(minutes=10)
    till.settle()
    assert till.state(first) == PaymentState.EXPIRED
    assert till.state(second) != PaymentState.EXPIRED
    assert till.notes.closed == [reservation]


def test_two_readers_of_one_voucher_settle_once(till: Till, reservation: UUID) -> None:
    payment_id, session_id = with_voucher(till, reservation)
    till.stripe.pay_voucher(session_id)
    till.stripe.before["read_session"].append(lambda: till.settle_one(payment_id))
    assert till.settle_one(payment_id) == PaymentState.SETTLED
    assert till.notes.settled == [(reservation, 1500)]
    with pytest.raises(AlreadyPaid):
        till.start(reservation)
