"""Each yen owed back goes back once, whatever Stripe answers, and what does not go back stays in sight."""

from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest

from core.errors import ContractBroken
from payments import queries, refund_list, refunds
from payments.models import Payment, Refund
from payments.remote import RefundStatus
from payments.states import RefundState
from tests.integration.payments.conftest import TOWN, Till


def _sent_back(till: Till, payment_id: UUID) -> int:
    intent = till.payment(payment_id).stripe_payment_intent_id
    assert intent is not None
    return till.stripe.refunded(intent)


def test_a_cancelled_reservation_gets_its_money_back(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    (refund_id,) = till.owe(reservation)
    assert till.balances() == {"stripe_balance": 1500, "refunds_payable": -1500}
    till.send()
    assert _sent_back(till, payment_id) == 1500
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert till.notes.refunds == [(reservation, "succeeded", 1500)]
    assert till.balances() == {}
    assert list(till.stripe.keys)[-1] == f"refund:{refund_id}"


def test_the_same_cause_again_owes_nothing_more(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    assert till.owe(reservation) == till.owe(reservation)
    till.send()
    assert till.owe(reservation) == till.owe(reservation, amount_yen=1)
    assert till.count(Refund) == 1


def test_eight_at_once_with_one_cause_owe_once(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    barrier, rows = Barrier(8), []

    def owe() -> None:
        barrier.wait()
        rows.append(tuple(till.owe(reservation)))

    threads = [Thread(target=owe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows) == 8
    assert len(set(rows)) == 1
    assert till.count(Refund) == 1


def test_no_more_goes_back_than_came_in(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation, 1000, "part")
    with pytest.raises(ContractBroken):
        till.owe(reservation, 501, "rest")
    assert till.count(Refund) == 1
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -500, "refunds_payable": -1000}


def test_no_yen_owe_nothing(till: Till, reservation: UUID) -> None:
    assert till.owe(reservation, 0) == []
    with pytest.raises(ContractBroken):
        till.owe(reservation, -1)


def test_one_reservation_of_a_shared_payment_gets_only_its_own_part(
    till: Till, reservation: UUID, another: UUID
) -> None:
    payment_id = till.paid(reservation, another, amount_yen=700)
    till.owe(reservation, 700)
    with pytest.raises(ContractBroken):
        till.owe(reservation, 1, "more")
    till.send()
    assert _sent_back(till, payment_id) == 700


def test_what_was_never_paid_is_not_refunded(till: Till, reservation: UUID) -> None:
    till.opened(reservation)
    with pytest.raises(ContractBroken):
        till.owe(reservation)
    assert till.count(Refund) == 0


def test_a_pending_refund_is_followed_until_it_is_there(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.PENDING]
    (refund_id,) = till.owe(reservation)
    till.send()
    assert till.refund_state(refund_id) == RefundState.PENDING
    assert till.poll() == 0
    till.clock.advance(minutes=1)
    assert till.poll() == 1
    till.stripe.finish_refund("re_1", RefundStatus.SUCCEEDED)
    till.clock.advance(minutes=1)
    till.poll()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert [state for _, state, _ in till.notes.refunds] == ["pending", "succeeded"]
    assert till.balances() == {}


def test_a_refused_refund_stays_in_sight_and_is_sent_again_with_a_new_key(
    till: Till, reservation: UUID
) -> None:
    payment_id = till.paid(reservation)
    till.stripe.faults["create_refund"] = ["rejected"]
    (refund_id,) = till.owe(reservation)
    till.send()
    assert till.refund_state(refund_id) == RefundState.FAILED
    with till.database.reading() as session:
        (seen,) = queries.failed_refunds(session, municipality_id=TOWN)
    assert seen.refund_id == refund_id
    assert seen.last_error is not None
    assert seen.next_due_at is not None
    till.clock.advance(hours=1)
    till.send()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert _sent_back(till, payment_id) == 1500
    assert f"refund:{refund_id}:1" in till.stripe.keys


def test_a_refund_that_the_bank_returned_is_owed_again(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    (refund_id,) = till.owe(reservation)
    till.send()
    till.stripe.finish_refund("re_1", RefundStatus.FAILED)
    with till.database.transaction() as session:
        session.get_one(Refund, refund_id).next_due_at = till.clock.now()
    till.poll()
    assert till.refund_state(refund_id) == RefundState.FAILED
    assert till.balances() == {"stripe_balance": 1500, "refunds_payable": -1500}
    till.clock.advance(hours=1)
    till.send()
    assert _sent_back(till, payment_id) == 1500
    assert till.balances() == {}
    assert [state for _, state, _ in till.notes.refunds] == ["succeeded", "failed", "succeeded"]


def test_a_refund_that_fails_each_time_waits_longer_up_to_a_day(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.FAILED] * 9
    (refund_id,) = till.owe(reservation)
    waits = []
    for _ in range(7):
        till.send()
        due_at = till.refund(refund_id).next_due_at
        assert due_at is not None
        waits.append((due_at - till.clock.now()).total_seconds() / 3600)
        till.clock.at = due_at
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    assert [state for _, state, _ in till.notes.refunds] == ["failed"]


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "stored_before", "stored_after"])
def test_whatever_became_of_the_call_the_money_goes_back_once(
    till: Till, reservation: UUID, fault: str
) -> None:
    payment_id = till.paid(reservation)
    till.stripe.faults["create_refund"] = [fault]
    # Half of it, so that Stripe's own limit would not stop a second one.
    (refund_id,) = till.owe(reservation, 700)
    till.send()
    till.clock.advance(minutes=1)
    till.send()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert _sent_back(till, payment_id) == 700
    assert len(till.stripe.refunds) == 1


def test_control_with_a_new_key_instead_of_looking_the_money_goes_back_twice(
    till: Till, reservation: UUID
) -> None:
    payment_id = till.paid(reservation)
    till.stripe.faults["create_refund"] = ["timeout_after"]
    (refund_id,) = till.owe(reservation, 700)
    till.send()
    with till.database.transaction() as session:
        row = session.get_one(Refund, refund_id)
        row.round, row.sent_at = 1, None
    # The listing is what protects; without it the new key sends again.
    till.stripe.refunds["re_1"].row_id = payment_id
    till.clock.advance(minutes=1)
    till.send()
    assert _sent_back(till, payment_id) == 1400


def test_a_call_older_than_stripes_memory_of_keys_is_looked_up_first(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    till.stripe.faults["create_refund"] = ["timeout_after"]
    till.owe(reservation, 700)
    till.send()
    till.clock.advance(days=2)
    till.stripe.keys.clear()
    till.send()
    assert _sent_back(till, payment_id) == 700
    assert till.stripe.calls["find_refund"] == 1


def test_two_senders_ask_stripe_once(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation)
    others: list[int] = []
    till.stripe.before["create_refund"].append(lambda: others.append(till.send()))
    till.send()
    assert others == [0]
    assert till.stripe.calls["create_refund"] == 1


def test_what_is_left_is_what_was_paid_less_what_is_owed_back(
    till: Till, reservation: UUID, another: UUID
) -> None:
    till.paid(reservation)
    till.owe(reservation, 300, "part")
    till.send()
    till.owe(reservation, 100, "more")
    with till.database.reading() as session:
        assert refunds.left_of(session, references=[reservation, another]) == {reservation: 1100, another: 0}


def test_the_rest_is_owed_once_however_often_it_is_asked_for(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation, 300, "part")
    for _ in range(2):
        with till.database.transaction() as session:
            owed = refunds.owe_rest(session, reference=reservation, cause="revoked", now=till.clock.now())
        assert owed == 1200
    with till.database.transaction() as session:
        assert refunds.owe_rest(session, reference=reservation, cause="again", now=till.clock.now()) == 0
    assert till.count(Refund) == 2


def test_what_failed_is_listed_first_and_what_is_slow_is_late(
    till: Till, reservation: UUID, another: UUID
) -> None:
    till.paid(reservation, another)
    till.stripe.refund_outcomes = [RefundStatus.PENDING, RefundStatus.FAILED, RefundStatus.SUCCEEDED]
    for cause, amount in (("slow", 300), ("refused", 200), ("back", 50)):
        till.owe(reservation, amount, cause)
        till.send()
    till.owe(another, 100, "owed")
    with till.database.reading() as session:
        listed = refund_list.unfinished(session, municipality_id=TOWN)
        back = refund_list.finished(session, municipality_id=TOWN)
        own = refund_list.of_reference(session, reference=another)
        assert refund_list.unfinished(session, municipality_id=TOWN + 1) == []
        assert refund_list.finished(session, municipality_id=TOWN + 1) == []
    assert [(line.cause, line.amount, line.currency) for line in listed] == [
        ("refused", 200, "jpy"),
        ("owed", 100, "jpy"),
        ("slow", 300, "jpy"),
    ]
    assert [line.cause for line in back] == ["back"]
    assert own == [listed[1]]
    now = till.clock.now()
    assert [line.is_late(now) for line in listed] == [True, False, False]
    assert [line.is_late(now + timedelta(days=3)) for line in listed] == [True, False, False]
    assert [line.is_late(now + timedelta(days=3, seconds=1)) for line in listed] == [True, True, False]
    assert [line.is_late(now + timedelta(days=10, seconds=1)) for line in listed] == [True, True, True]
    assert not back[0].is_late(now + timedelta(days=100))


def test_staff_see_attempts_refunds_and_wrong_money(till: Till, reservation: UUID, another: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation, 300, "part")
    till.clock.advance(seconds=1)
    _, session_id = till.opened(another)
    till.stripe.pay(session_id, amount=5, currency="usd")
    till.clock.advance(seconds=20)
    till.settle()
    with till.database.reading() as session:
        attempts = queries.attempts_of(session, references=[reservation, another])
        owed = queries.refunds_of(session, references=[reservation, another])
        (wrong,) = queries.mismatches(session, municipality_id=TOWN)
    assert [str(line.state) for line in attempts] == ["settled", "mismatched"]
    assert sorted((line.cause, line.amount_yen) for line in owed) == [("mismatch", 5), ("part", 300)]
    assert (wrong.asked_yen, wrong.captured_amount, wrong.captured_currency) == (1500, 5, "usd")
    assert till.count(Payment) == 2
