"""A court is free again only when Stripe says that nobody can pay for it. Stripe decides who was first."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from payments import attempts, checkout, loops
from payments.errors import AttemptOver, StripeUnavailable
from payments.models import Payment
from payments.states import PaymentState
from tests.integration.payments.conftest import Till


def test_at_the_deadline_the_page_is_expired_at_stripe_and_then_released(
    till: Till, reservation: UUID
) -> None:
    payment_id, _ = till.opened(reservation)
    till.clock.advance(minutes=9, seconds=59)
    assert till.expire() == 0
    till.clock.advance(seconds=1)
    till.expire()
    assert till.stripe.payable() == []
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]
    till.expire()
    assert till.notes.closed == [reservation]


def test_an_attempt_that_stripe_never_heard_of_is_closed_at_once(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    assert till.close(reservation) is True
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert not till.stripe.calls
    assert till.close(reservation) is True


def test_without_any_attempt_there_is_nothing_to_close(till: Till, reservation: UUID) -> None:
    assert till.close(reservation) is True


def test_an_attempt_never_opened_is_released_at_its_deadline(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.clock.advance(minutes=10)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]
    assert not till.stripe.calls


def test_giving_up_closes_within_one_run_of_the_loop(till: Till, reservation: UUID) -> None:
    till.opened(reservation)
    assert till.close(reservation) is False
    assert till.close(reservation) is False
    till.expire()
    assert till.stripe.payable() == []
    assert till.notes.closed == [reservation]
    assert till.close(reservation) is True


def test_closing_one_reservation_of_an_attempt_closes_all_of_it(
    till: Till, reservation: UUID, another: UUID
) -> None:
    till.opened(reservation, another)
    till.close(another)
    till.expire()
    assert sorted(till.notes.closed) == sorted([reservation, another])


def test_paid_just_before_the_expiry_is_settled_not_released(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.before["expire_session"].append(lambda: till.stripe.pay(session_id))
    till.clock.advance(minutes=10)
    till.expire()
    assert till.state(payment_id) == PaymentState.SETTLED
    assert till.notes.settled == [(reservation, 1500)]
    assert till.notes.closed == []


def test_nothing_is_released_while_stripe_does_not_answer(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.faults["expire_session"] = ["timeout_before"] * 20
    till.clock.advance(minutes=10)
    for _ in range(6):
        till.expire()
        till.clock.advance(minutes=1)
    assert till.notes.closed == []
    assert till.state(payment_id) == PaymentState.CLOSING
    till.stripe.pay(session_id)
    till.stripe.faults.clear()
    till.clock.advance(minutes=7)
    till.expire()
    assert till.notes.settled == [(reservation, 1500)]


def test_control_released_before_stripe_expired_it_a_freed_court_can_still_be_paid(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.clock.advance(minutes=10)
    with till.database.transaction() as session:
        payment = session.get_one(Payment, payment_id)
        attempts.close(session, payment, callbacks=till.notes.callbacks(), now=till.clock.now())
    assert till.notes.closed == [reservation]
    assert till.stripe.payable() == [session_id]
    till.stripe.pay(session_id)
    assert till.stripe.captured() == 1500


def test_an_expiry_whose_answer_was_lost_is_read_the_next_time(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    till.stripe.faults["expire_session"] = ["timeout_after"]
    till.clock.advance(minutes=10)
    till.expire()
    assert till.notes.closed == []
    till.clock.advance(seconds=10)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]


@pytest.mark.parametrize("fault", ["stored_before", "stored_after"])
def test_a_stored_failure_of_the_expiry_is_got_round_with_a_new_key(
    till: Till, reservation: UUID, fault: str
) -> None:
    payment_id, _ = till.opened(reservation)
    till.stripe.faults["expire_session"] = [fault]
    till.clock.advance(minutes=10)
    till.expire()
    till.clock.advance(seconds=10)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.stripe.payable() == []


def test_a_page_whose_answer_was_lost_is_found_and_expired(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["timeout_after"]
    with pytest.raises(StripeUnavailable):
        till.open(payment_id)
    assert till.close(reservation) is False
    assert till.expire() == 1
    assert till.state(payment_id) == PaymentState.CLOSING
    assert till.stripe.calls["find_session"] == 0
    till.clock.advance(seconds=91)
    till.expire()
    assert till.stripe.payable() == []
    assert till.notes.closed == [reservation]


def test_a_page_that_was_never_made_is_released_after_the_listing(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["timeout_before"]
    with pytest.raises(StripeUnavailable):
        till.open(payment_id)
    till.close(reservation)
    till.clock.advance(seconds=91)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.stripe.calls["find_session"] == 1


def test_given_up_while_the_page_is_being_made_the_page_is_expired(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.after["create_session"].append(lambda: till.close(reservation))
    with pytest.raises(AttemptOver):
        till.open(payment_id)
    till.expire()
    assert till.stripe.payable() == []
    assert till.state(payment_id) == PaymentState.EXPIRED


def test_a_page_that_appears_after_the_end_is_expired_too(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)

    def concluded_without_it() -> None:
        with till.database.transaction() as session:
            payment = session.get_one(Payment, payment_id)
            attempts.move(payment, PaymentState.EXPIRED, now=till.clock.now())

    till.stripe.after["create_session"].append(concluded_without_it)
    with pytest.raises(AttemptOver):
        till.open(payment_id)
    till.expire()
    assert till.stripe.payable() == []


def test_a_session_that_ran_out_by_itself_is_released(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    till.clock.advance(minutes=32)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]


def test_two_expirers_ask_stripe_once(till: Till, reservation: UUID) -> None:
    till.opened(reservation)
    till.clock.advance(minutes=10)
    others = []
    till.stripe.before["expire_session"].append(lambda: others.append(till.expire()))
    till.expire()
    assert others == [0]
    assert till.stripe.calls["expire_session"] == 1


def test_the_live_attempt_is_known_until_it_is_closed(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    with till.database.reading() as session:
        live = checkout.live_of(session, reference=reservation)
        assert live is not None
        assert live.id == payment_id
    till.close(reservation)
    till.expire()
    with till.database.reading() as session:
        assert checkout.live_of(session, reference=reservation) is None
        assert session.get_one(Payment, payment_id).next_due_at is None


def test_a_row_that_cannot_even_begin_holds_up_no_other(till: Till, reservation: UUID, another: UUID) -> None:
    told = till.notes.callbacks()

    def broken(session: Session, *, reference: UUID, now: datetime) -> None:
        if reference == reservation:
            raise RuntimeError("poison")
        told.attempts_closed(session, reference=reference, now=now)

    callbacks = replace(told, attempts_closed=broken)
    poisoned, sound = (till.start(one) for one in (reservation, another))
    till.clock.advance(minutes=10)
    for _ in range(2):
        loops.expire_sessions(till.database, till.stripe, callbacks, till.clock)
    assert till.notes.closed == [another]
    assert till.state(sound) == PaymentState.EXPIRED
    left = till.payment(poisoned)
    assert (left.state, left.last_error, left.leased_until) == (PaymentState.OPENING, "RuntimeError", None)
    till.clock.advance(minutes=6)
    till.expire()
    assert till.notes.closed == [another, reservation]
