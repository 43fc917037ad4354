"""One attempt at a time: two tabs pay once, and what is paid is not paid again."""

from threading import Barrier, Thread
from uuid import UUID

import pytest
import sqlalchemy as sa

from payments import checkout
from payments.errors import (
    AlreadyPaid,
    AttemptOver,
    AttemptStanding,
    BelowLeast,
    StripeRejected,
    StripeUnavailable,
)
from payments.models import Payment
from payments.states import PaymentState
from tests.integration.payments.conftest import Till


def test_two_tabs_are_sent_to_the_same_page(till: Till, reservation: UUID) -> None:
    first, second = till.start(reservation), till.start(reservation)
    assert first == second
    assert till.open(first) == till.open(second)
    assert len(till.stripe.sessions) == 1


def test_a_page_opened_already_is_shown_again_without_asking_stripe(till: Till, reservation: UUID) -> None:
    payment_id, _ = till.opened(reservation)
    till.open(payment_id)
    assert till.stripe.calls["create_session"] == 1


def test_one_attempt_may_pay_for_several_reservations(till: Till, reservation: UUID, another: UUID) -> None:
    payment_id = till.paid(reservation, another, amount_yen=700)
    assert till.payment(payment_id).amount_yen == 1400
    assert sorted(till.notes.settled) == sorted([(reservation, 700), (another, 700)])


def test_less_than_stripe_takes_is_refused_before_anything_is_written(
    till: Till, reservation: UUID, another: UUID
) -> None:
    with pytest.raises(BelowLeast):
        till.start(reservation, amount_yen=49)
    together = till.start(reservation, another, amount_yen=25)
    assert till.payment(together).amount_yen == 50


def test_what_is_paid_cannot_be_started_again(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    with pytest.raises(AlreadyPaid):
        till.start(reservation)
    with pytest.raises(AlreadyPaid):
        till.open(payment_id)


def test_another_amount_waits_until_the_standing_attempt_is_closed(till: Till, reservation: UUID) -> None:
    till.opened(reservation)
    with pytest.raises(AttemptStanding):
        till.start(reservation, amount_yen=900)
    till.close(reservation)
    with pytest.raises(AttemptStanding):
        till.start(reservation)
    till.expire()
    assert till.state(till.start(reservation, amount_yen=900)) == PaymentState.OPENING


def test_nothing_starts_or_opens_after_the_deadline(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.clock.advance(minutes=10)
    with pytest.raises(AttemptOver):
        till.open(payment_id)
    assert not till.stripe.sessions


def test_stripe_gets_31_minutes_and_the_row_keeps_its_own_10(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    kept = till.stripe.sessions[session_id]
    assert (kept.expires_at - till.clock.now()).total_seconds() == 31 * 60
    assert (till.payment(payment_id).deadline_at - till.clock.now()).total_seconds() == 10 * 60


def test_a_lost_answer_is_asked_for_again_with_the_same_key(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["timeout_after"]
    with pytest.raises(StripeUnavailable):
        till.open(payment_id)
    assert till.state(payment_id) == PaymentState.OPENING
    till.open(payment_id)
    assert list(till.stripe.keys) == [f"payment:{payment_id}:create"]
    assert len(till.stripe.sessions) == 1


def test_a_stored_failure_with_effect_is_found_by_listing(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["stored_after"]
    till.open(payment_id)
    assert len(till.stripe.sessions) == 1
    assert list(till.stripe.keys) == [f"payment:{payment_id}:create"]


def test_a_stored_failure_without_effect_gets_a_new_key_after_the_listing(
    till: Till, reservation: UUID
) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["stored_before"]
    till.open(payment_id)
    assert till.stripe.calls["find_session"] == 1
    assert list(till.stripe.keys) == [
        f"payment:{payment_id}:create",
        f"payment:{payment_id}:create:1",
    ]
    assert len(till.stripe.sessions) == 1


def test_a_repeat_too_late_for_stripes_half_hour_starts_a_new_round(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["timeout_before"]
    with pytest.raises(StripeUnavailable):
        till.open(payment_id)
    till.clock.advance(minutes=5)
    till.open(payment_id)
    assert till.payment(payment_id).round == 1
    assert len(till.stripe.sessions) == 1


def test_a_refused_order_is_told_and_released_at_the_deadline(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["rejected"]
    with pytest.raises(StripeRejected):
        till.open(payment_id)
    till.clock.advance(minutes=12)
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.closed == [reservation]


def test_the_mail_address_is_forgotten_once_the_attempt_is_final(till: Till, reservation: UUID) -> None:
    payment_id = till.start(reservation)
    assert till.payment(payment_id).mail_address == "hanako@example.jp"
    till.open(payment_id)
    till.close(reservation)
    till.expire()
    assert till.payment(payment_id).mail_address is None


def _raced(till: Till, reservation: UUID) -> list[object]:
    barrier = Barrier(8)
    answers: list[object] = []

    def tap() -> None:
        barrier.wait()
        try:
            answers.append(till.start(reservation))
        except Exception as error:
            answers.append(error)

    threads = [Thread(target=tap) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_eight_taps_at_once_are_one_attempt(till: Till, reservation: UUID) -> None:
    answers = _raced(till, reservation)
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert till.count(Payment) == 1


def _insert_unseen(till: Till, first: UUID, reservation: UUID) -> UUID | None:
    """Insert a second attempt as a tab does that looked at the same instant and saw none standing."""
    with till.database.transaction() as session:
        row = session.get_one(Payment, first)
        second = Payment(
            id=UUID(int=first.int ^ 1),
            municipality_id=row.municipality_id,
            amount_yen=row.amount_yen,
            state=PaymentState.OPENING,
            created_at=row.created_at,
            state_changed_at=row.created_at,
            deadline_at=row.deadline_at,
            next_due_at=row.deadline_at,
            return_url="",
            cancel_url="",
        )
        written = checkout.insert_or_none(session, second, [checkout.Item(reservation, "", 1500)])
        return written.id if written else None


def test_control_without_the_unique_index_two_attempts_can_capture(till: Till, reservation: UUID) -> None:
    with till.database.transaction() as session:
        session.execute(sa.text("DROP INDEX uq_payment_item_standing"))
    first = till.start(reservation)
    second = _insert_unseen(till, first, reservation)
    assert second is not None
    till.open(first)
    till.open(second)
    assert len(till.stripe.payable()) == 2


def test_with_the_unique_index_the_second_insert_finds_nothing_to_write(
    till: Till, reservation: UUID
) -> None:
    assert _insert_unseen(till, till.start(reservation), reservation) is None
    assert till.count(Payment) == 1
