"""Money is recorded once, with its consequence, in one transaction; and only the money that was asked for."""

from datetime import datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import NotThere
from core.ids import new_id
from payments import refunds
from payments.models import LedgerEntry, Payment, Refund
from payments.remote import RemoteSession, SessionStatus
from payments.states import PaymentState, RefundState
from tests.integration.payments.conftest import START, TOWN, Till
from tests.servers.books import take_triggers_off


def test_the_return_page_settles_what_is_paid(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    assert till.settle_one(payment_id) == PaymentState.OPEN
    till.stripe.pay(session_id)
    assert till.settle_one(payment_id) == PaymentState.SETTLED
    assert till.notes.settled == [(reservation, 1500)]
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}


def test_settling_a_second_time_changes_nothing(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    assert till.settle_one(payment_id) == PaymentState.SETTLED
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.balances()["stripe_balance"] == 1500


def test_the_poller_finds_a_payment_that_nobody_told_us_of(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    assert till.settle() == 0
    till.clock.advance(seconds=20)
    assert till.settle() == 1
    assert till.state(payment_id) == PaymentState.SETTLED


def test_an_unpaid_page_is_looked_at_every_20_seconds(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    for _ in range(5):
        till.clock.advance(seconds=20)
        assert till.settle() == 1
        assert till.settle() == 0
    assert till.payment(payment_id).next_due_at == till.clock.now() + timedelta(seconds=20)


def test_an_attempt_without_a_page_is_left_alone_until_its_deadline(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    assert till.settle_one(payment_id) == PaymentState.OPENING
    till.clock.advance(minutes=9)
    assert till.settle() == 0
    assert not till.stripe.calls


@pytest.mark.parametrize("amount, currency", [(1499, "jpy"), (150000, "jpy"), (1500, "usd"), (15, "usd")])
def test_wrong_money_confirms_nothing_and_goes_back(
    till: Till, reservation: UUID, amount: int, currency: str
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=amount, currency=currency)
    assert till.settle_one(payment_id) == PaymentState.MISMATCHED
    assert till.notes.settled == []
    assert till.notes.closed == [reservation]
    till.send()
    assert till.stripe.refunded(f"pi_{session_id}") == amount
    assert till.balances() == {}


def test_test_money_does_not_pay_for_a_live_order(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    till.stripe.is_live = True
    assert till.settle_one(payment_id) == PaymentState.MISMATCHED
    assert till.notes.settled == []
    assert till.count(Refund) == 0


def test_control_asked_for_as_little_the_same_money_would_settle(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=1)
    with till.database.transaction() as session:
        payment = session.get_one(Payment, payment_id)
        payment.amount_yen = payment.items[0].amount_yen = 1
    assert till.settle_one(payment_id) == PaymentState.SETTLED


def test_after_wrong_money_the_reservation_can_be_paid_anew(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=1)
    till.settle_one(payment_id)
    second = till.paid(reservation)
    assert second != payment_id
    assert till.notes.settled == [(reservation, 1500)]


def test_what_booking_owes_back_at_once_is_in_the_same_transaction(till: Till, reservation: UUID) -> None:
    def sold_meanwhile(session: Session, reference: UUID, payment_id: UUID, yen: int, now: datetime) -> None:
        refunds.owe(session, reference=reference, amount_yen=yen, cause=f"late:{payment_id}", now=now)

    till.notes.on_settled.append(sold_meanwhile)
    till.paid(reservation)
    assert till.balances() == {"stripe_balance": 1500, "refunds_payable": -1500}
    till.send()
    assert till.balances() == {}
    assert till.notes.refunds == [(reservation, RefundState.SUCCEEDED, 1500)]


def test_what_booking_cannot_take_is_not_recorded_and_tried_again(till: Till, reservation: UUID) -> None:
    def broken(*_told: object) -> None:
        raise RuntimeError("no")

    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    till.notes.on_settled.append(broken)
    till.clock.advance(seconds=20)
    till.settle()
    assert till.state(payment_id) == PaymentState.OPEN
    assert till.balances() == {}
    assert "RuntimeError" in str(till.payment(payment_id).last_error)
    till.notes.on_settled.clear()
    till.clock.advance(seconds=10)
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]


def test_a_row_that_always_fails_holds_up_no_other(till: Till, reservation: UUID, another: UUID) -> None:
    def broken(_session: Session, reference: UUID, *_told: object) -> None:
        if reference == reservation:
            raise RuntimeError("poison")

    pages = [till.opened(one)[1] for one in (reservation, another)]
    for session_id in pages:
        till.stripe.pay(session_id)
    till.notes.on_settled.append(broken)
    till.clock.advance(seconds=20)
    till.settle()
    assert till.notes.settled == [(another, 1500)]


def test_while_stripe_is_down_a_batch_stops_at_the_first_and_waits_longer(
    till: Till, reservation: UUID, another: UUID
) -> None:
    both = [till.opened(one)[0] for one in (reservation, another)]
    till.clock.advance(seconds=20)
    till.stripe.faults["read_session"] = ["down"] * 9
    assert till.settle() == 1
    assert till.stripe.calls["read_session"] == 1
    till.clock.advance(seconds=1)
    till.settle()
    till.clock.advance(seconds=8)
    till.settle()
    assert sorted(till.payment(one).attempts for one in both) == [1, 2]
    assert till.settle_one(both[0]) == PaymentState.OPEN


def test_a_hint_during_the_read_is_not_lost(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)

    def paid_after_the_read() -> None:
        till.stripe.pay(session_id)
        with till.database.transaction() as session:
            session.get_one(Payment, payment_id).next_due_at = till.clock.now()

    till.stripe.after["read_session"].append(paid_after_the_read)
    till.clock.advance(seconds=20)
    assert till.settle() == 2
    assert till.notes.settled == [(reservation, 1500)]


def test_late_money_after_the_end_is_settled_and_told(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.close(reservation)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    kept = till.stripe.sessions[session_id]
    kept.remote = _paid(kept.remote)
    with till.database.transaction() as session:
        session.get_one(Payment, payment_id).next_due_at = till.clock.now()
    till.settle()
    assert till.state(payment_id) == PaymentState.SETTLED
    assert till.notes.settled == [(reservation, 1500)]


def _paid(remote: RemoteSession) -> RemoteSession:
    return RemoteSession(
        remote.id, SessionStatus.PAID, 1500, "jpy", False, None, "pi_late", remote.payment_id
    )


def test_a_payment_that_is_not_there_is_not_there(till: Till) -> None:
    with pytest.raises(NotThere):
        till.settle_one(new_id(START))


def test_the_worker_and_the_return_page_at_once_settle_once(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    till.clock.advance(seconds=20)
    barrier = Barrier(6)

    def go(work: object) -> None:
        barrier.wait()
        work()  # type: ignore[operator]

    works = [till.settle, lambda: till.settle_one(payment_id)] * 3
    threads = [Thread(target=go, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.stripe.calls["read_session"] == 1
    assert till.balances()["stripe_balance"] == 1500


def _forget_that_it_settled(till: Till, payment_id: UUID) -> None:
    with till.database.transaction() as session:
        session.execute(
            sa.update(Payment)
            .where(Payment.id == payment_id)
            .values(state=PaymentState.OPEN, next_due_at=till.clock.now())
        )


def test_even_without_the_state_the_books_refuse_the_same_money_twice(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    _forget_that_it_settled(till, payment_id)
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.balances()["stripe_balance"] == 1500


def test_control_without_state_and_books_the_same_money_is_told_twice(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    _forget_that_it_settled(till, payment_id)
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.delete(LedgerEntry))
    till.settle()
    assert till.notes.settled == [(reservation, 1500)] * 2


def test_every_unfinished_payment_has_a_next_due_time(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    with pytest.raises(Exception, match="unfinished_is_due"), till.database.transaction() as session:
        session.get_one(Payment, payment_id).next_due_at = None
    assert till.payment(payment_id).municipality_id == TOWN
