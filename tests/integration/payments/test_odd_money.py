"""Money that is other than it should be: each has a case with a next due time, closed when it comes right."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.ids import new_id
from payments import cases, loops, parked, webhook
from payments.case_models import Case
from payments.checkout import Ways
from payments.models import Payment, Refund, WebhookEvent
from payments.remote import RefundStatus
from payments.states import PaymentState, RefundState
from tests.integration.payments.conftest import START, TOWN, Till

CLERK = UUID("01a1fb67-1800-7000-8000-00000000c1e2")


def all_cases(till: Till) -> list[Case]:
    with till.database.reading() as session:
        return list(session.scalars(sa.select(Case).order_by(Case.id)))


def kinds(till: Till, *, is_open: bool = True) -> list[str]:
    return [case.kind for case in all_cases(till) if (case.closed_at is None) == is_open]


def take_in(till: Till, kind: str, object_id: str, intent_id: str | None = None) -> str:
    event = webhook.Event(
        id=f"evt_{new_id(START)}",
        type=kind,
        is_live=False,
        object_id=object_id,
        payment_id=None,
        refund_id=None,
        payment_intent_id=intent_id,
    )
    with till.database.transaction() as session:
        return webhook.take_in(session, event, now=till.clock.now())


def look_again(till: Till) -> int:
    return loops.follow_parked(till.database, till.stripe, till.clock, lambda: TOWN)


def look_until_asked(till: Till) -> None:
    for _ in range(3):
        till.clock.advance(minutes=5)
        look_again(till)


def results(till: Till) -> list[str]:
    with till.database.reading() as session:
        return list(session.scalars(sa.select(WebhookEvent.result)))


def sweep(till: Till) -> int:
    return loops.list_cases(till.database, till.clock)


@pytest.mark.parametrize(("amount", "currency"), [(1, "jpy"), (1500, "usd"), (150000, "jpy")])
def test_another_amount_or_currency_is_a_case_until_it_is_back(
    till: Till, reservation: UUID, amount: int, currency: str
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=amount, currency=currency)
    assert till.settle_one(payment_id) == PaymentState.MISMATCHED
    (case,) = all_cases(till)
    assert (case.kind, case.subject, case.reference) == ("wrong_amount", str(payment_id), reservation)
    assert case.detail["captured"] == f"{amount} {currency}"
    assert case.next_due_at == till.clock.now() + timedelta(days=1)
    till.send()
    assert kinds(till) == []
    assert till.notes.settled == []


def test_money_of_the_other_mode_confirms_nothing_and_waits_for_a_person(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    till.stripe.is_live = True
    assert till.settle_one(payment_id) == PaymentState.MISMATCHED
    assert kinds(till) == ["foreign_mode"]
    assert till.notes.settled == []
    assert till.balances() == {}


def test_an_empty_balance_is_listed_and_the_refund_is_tried_again(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    (refund_id,) = till.owe(reservation)
    till.stripe.faults["create_refund"] = ["rejected:balance_insufficient"]
    till.send()
    assert kinds(till) == ["balance_short"]
    assert till.refund(refund_id).next_due_at is not None
    till.clock.advance(hours=1, minutes=1)
    till.send()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert kinds(till) == []
    assert kinds(till, is_open=False) == ["balance_short"]


def test_a_refund_that_failed_is_listed_until_it_is_through(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.FAILED]
    till.owe(reservation)
    till.send()
    assert kinds(till) == ["refund_failed"]
    till.clock.advance(hours=2)
    till.send()
    assert kinds(till) == []


def test_a_refund_that_banks_sit_on_is_listed_after_days(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.PENDING]
    till.owe(reservation)
    till.send()
    till.clock.advance(days=4)
    assert sweep(till) == 0
    till.clock.advance(days=2)
    assert sweep(till) == 1
    assert sweep(till) == 0
    assert kinds(till) == ["refund_slow"]
    till.stripe.finish_refund("re_1", RefundStatus.SUCCEEDED)
    till.poll()
    assert kinds(till) == []


def test_a_refund_that_nobody_could_send_for_a_day_is_listed(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.owe(reservation)
    till.clock.advance(days=1, minutes=1)
    assert sweep(till) == 1
    assert kinds(till) == ["refund_slow"]


def test_a_payment_that_stripe_does_not_answer_about_is_listed(till: Till, reservation: UUID) -> None:
    till.opened(reservation)
    till.stripe.faults["expire_session"] = ["down"] * 30
    till.clock.advance(minutes=10)
    till.expire()
    assert sweep(till) == 0
    for _ in range(8):
        till.clock.advance(minutes=6, seconds=30)
        till.expire()
    assert sweep(till) == 1
    assert kinds(till) == ["stuck"]
    till.stripe.faults.clear()
    till.clock.advance(minutes=7)
    till.expire()
    assert sweep(till) == 1
    assert kinds(till) == []


def test_a_voucher_that_stripe_leaves_undecided_is_listed(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation, ways=Ways(("card", "konbini"), 3))
    till.stripe.order_voucher(session_id)
    till.settle_one(payment_id)
    till.clock.advance(days=3, hours=20)
    till.settle()
    assert sweep(till) == 0
    till.clock.advance(hours=5)
    till.settle()
    assert sweep(till) == 1
    assert kinds(till) == ["stuck"]
    till.stripe.lapse_voucher(session_id)
    till.clock.advance(minutes=61)
    till.settle()
    sweep(till)
    assert kinds(till) == []


def test_a_message_that_overtook_our_answer_finds_its_payment_later(till: Till, reservation: UUID) -> None:
    assert take_in(till, "payment_intent.succeeded", "pi_cs_test_1", "pi_cs_test_1") == "parked"
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    with till.database.transaction() as session:
        session.get_one(Payment, payment_id).stripe_payment_intent_id = "pi_cs_test_1"
    till.clock.advance(seconds=31)
    assert look_again(till) == 1
    assert results(till) == ["accepted"]
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]
    assert till.stripe.calls["read_intent"] == 0


def test_unknown_money_becomes_a_case_after_stripe_was_asked(till: Till, reservation: UUID) -> None:
    _, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    with till.database.transaction() as session:
        # As after the loss of a row: Stripe has money that nothing of ours explains.
        row = session.scalars(sa.select(Payment)).one()
        row.stripe_session_id = None
    kept = till.stripe.sessions[session_id]
    object.__setattr__(kept.remote, "payment_id", None)
    assert take_in(till, "payment_intent.succeeded", f"pi_{session_id}", f"pi_{session_id}") == "parked"
    look_until_asked(till)
    (case,) = all_cases(till)
    assert (case.kind, case.subject, case.amount_yen) == ("unknown_object", f"pi_{session_id}", 1500)
    assert results(till) == ["unknown_object"]
    assert look_again(till) == 0


def test_money_of_a_second_session_of_an_attempt_is_a_case_and_settles_nothing(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    stray = till.stripe.create_session(till.stripe.sessions[session_id].order, key="another key")
    till.stripe.pay(stray.id)
    event = webhook.Event(
        id="evt_stray",
        type="checkout.session.completed",
        is_live=False,
        object_id=stray.id,
        payment_id=payment_id,
        refund_id=None,
        payment_intent_id=f"pi_{stray.id}",
    )
    with till.database.transaction() as session:
        assert webhook.take_in(session, event, now=till.clock.now()) == "parked"
    look_until_asked(till)
    assert [(case.kind, case.subject) for case in all_cases(till)] == [("unknown_object", f"pi_{stray.id}")]
    till.expire()
    assert till.state(payment_id) == PaymentState.EXPIRED
    assert till.notes.settled == []


def test_a_message_about_nothing_is_closed_without_a_person(till: Till) -> None:
    take_in(till, "payment_intent.succeeded", "pi_gone", "pi_gone")
    take_in(till, "checkout.session.completed", "cs_gone")
    look_until_asked(till)
    assert results(till) == ["unknown_object", "unknown_object"]
    assert all_cases(till) == []


def test_what_is_not_about_money_is_not_parked(till: Till) -> None:
    assert take_in(till, "customer.created", "cus_1") == "unknown_object"
    till.clock.advance(days=1)
    assert look_again(till) == 0


def test_a_refund_that_somebody_made_at_stripe_is_a_case(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    intent = str(till.payment(payment_id).stripe_payment_intent_id)
    (refund_id,) = till.owe(reservation, 500)
    till.send()
    with till.database.transaction() as session:
        session.get_one(Refund, refund_id).stripe_refund_id = "re_ours"
    assert take_in(till, "refund.created", "re_1", intent) == "parked"
    look_until_asked(till)
    assert [(case.kind, case.subject, case.amount_yen) for case in all_cases(till)] == [
        ("unknown_object", "re_1", 500)
    ]


def test_while_stripe_is_silent_a_parked_message_keeps_its_next_look(till: Till) -> None:
    take_in(till, "payment_intent.succeeded", "pi_x", "pi_x")
    till.stripe.faults["read_intent"] = ["down"]
    look_until_asked(till)
    with till.database.reading() as session:
        row = session.scalars(sa.select(WebhookEvent)).one()
    assert row.result == "parked"
    assert row.next_due_at is not None
    assert row.next_due_at > till.clock.now()
    till.clock.advance(hours=1)
    look_again(till)
    assert results(till) == ["unknown_object"]


def test_parked_messages_are_not_looked_at_for_ever(till: Till) -> None:
    take_in(till, "payment_intent.succeeded", "pi_x", "pi_x")
    till.stripe.faults["read_intent"] = ["down"] * 100
    for _ in range(40):
        till.clock.advance(hours=7)
        look_again(till)
    assert till.stripe.calls["read_intent"] <= parked._GIVEN_UP_AFTER
    assert results(till) == ["unknown_object"]


def test_old_messages_are_forgotten_but_none_that_somebody_waits_for(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    intent_id = str(till.payment(payment_id).stripe_payment_intent_id)
    take_in(till, "payment_intent.succeeded", intent_id, intent_id)
    take_in(till, "payment_intent.succeeded", "pi_x", "pi_x")
    till.clock.advance(days=119)
    assert loops.forget_messages(till.database, till.clock) == 0
    till.clock.advance(days=1, seconds=1)
    assert [loops.forget_messages(till.database, till.clock) for _ in range(2)] == [1, 0]
    assert results(till) == ["parked"]
    before = till.balances()
    assert take_in(till, "payment_intent.succeeded", intent_id, intent_id) == "accepted"
    till.settle()
    assert (till.payment(payment_id).state, till.balances()) == (PaymentState.SETTLED, before)


def test_a_case_that_somebody_closed_is_opened_anew_when_it_happens_again(
    till: Till, reservation: UUID
) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.FAILED, RefundStatus.FAILED]
    till.owe(reservation)
    till.send()
    (case,) = all_cases(till)
    with till.database.transaction() as session:
        cases.close_case(
            session,
            municipality_id=TOWN,
            case_id=case.id,
            actor=CLERK,
            note="電話で連絡した",
            now=till.clock.now(),
        )
    till.clock.advance(hours=2)
    till.send()
    assert [one.closed_at is None for one in all_cases(till)] == [False, True]
