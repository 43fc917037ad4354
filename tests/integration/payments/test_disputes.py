"""A payer objects at the card company: found, booked as Stripe moves the money, a case until it is over."""

from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from payments import disputes, loops, webhook
from payments.case_models import Case, Dispute
from payments.cases import CaseKind
from payments.models import WebhookEvent
from payments.remote import RemoteDispute
from payments.states import RefundState
from tests.integration.payments.conftest import TOWN, Till


def find(till: Till) -> int:
    return loops.find_disputes(till.database, till.stripe, till.clock, lambda: TOWN)


def follow(till: Till) -> int:
    return loops.follow_disputes(till.database, till.stripe, till.clock)


def disputed(till: Till, reservation: UUID) -> RemoteDispute:
    """A paid reservation whose payer objects, seen by us."""
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    assert find(till) == 1
    return opened


def ended(till: Till, dispute_id: str, *, is_won: bool) -> None:
    till.stripe.books.close_dispute(dispute_id, is_won=is_won)
    till.clock.advance(hours=6)
    assert follow(till) == 1


def the_case(till: Till) -> Case:
    with till.database.reading() as session:
        return session.scalars(sa.select(Case).where(Case.kind == CaseKind.DISPUTE)).one()


def the_row(till: Till) -> Dispute:
    with till.database.reading() as session:
        return session.scalars(sa.select(Dispute)).one()


def test_a_dispute_is_found_without_any_message_and_its_money_is_booked_away(
    till: Till, reservation: UUID
) -> None:
    opened = disputed(till, reservation)
    row, case = the_row(till), the_case(till)
    assert (row.state, row.withdrawn_yen, row.evidence_due_at) == (
        "needs_response",
        1500,
        opened.evidence_due_at,
    )
    assert (case.subject, case.reference, case.amount_yen) == (opened.id, reservation, 1500)
    assert till.balances() == {"disputed": 1500, "usage_fees": -1500}


def test_a_second_listing_changes_nothing(till: Till, reservation: UUID) -> None:
    disputed(till, reservation)
    assert find(till) == 0
    till.clock.advance(hours=6)
    follow(till)
    assert till.balances() == {"disputed": 1500, "usage_fees": -1500}
    assert the_case(till).times_seen == 1


def test_won_the_money_is_back_and_the_case_closes_itself(till: Till, reservation: UUID) -> None:
    ended(till, disputed(till, reservation).id, is_won=True)
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}
    assert the_case(till).closed_by == "system"
    assert the_row(till).next_due_at is None


def test_lost_the_money_is_a_loss_and_a_person_sees_it(till: Till, reservation: UUID) -> None:
    ended(till, disputed(till, reservation).id, is_won=False)
    assert till.balances() == {"dispute_losses": 1500, "usage_fees": -1500}
    case = the_case(till)
    assert (case.closed_at, case.detail["state"]) == (None, "lost")


def test_no_reservation_hears_of_it(till: Till, reservation: UUID) -> None:
    opened = disputed(till, reservation)
    told = (list(till.notes.settled), list(till.notes.closed), list(till.notes.refunds))
    ended(till, opened.id, is_won=False)
    assert (till.notes.settled, till.notes.closed, till.notes.refunds) == told


def test_a_lost_dispute_that_is_reopened_and_won_ends_even(till: Till, reservation: UUID) -> None:
    opened = disputed(till, reservation)
    ended(till, opened.id, is_won=False)
    kept = till.stripe.books.disputes[opened.id]
    for state, withdrawn in (
        ("under_review", 1500),
        ("under_review", 0),
        ("needs_response", 1500),
        ("won", 0),
    ):
        till.stripe.books.disputes[opened.id] = replace(kept, state=state, withdrawn=withdrawn)
        assert find(till) == 1
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}


def test_of_money_that_was_refunded_already_the_evidence_is_named(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    till.owe(reservation)
    till.send()
    till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    find(till)
    assert the_case(till).detail["refunded_yen"] == 1500
    assert till.balances() == {"disputed": 1500, "stripe_balance": -1500}


def test_no_refund_is_sent_while_the_card_company_has_the_money(till: Till, reservation: UUID) -> None:
    opened = disputed(till, reservation)
    (refund_id,) = till.owe(reservation)
    till.send()
    assert till.stripe.calls["create_refund"] == 0
    assert till.refund(refund_id).last_error == "disputed"
    ended(till, opened.id, is_won=True)
    till.clock.advance(hours=6)
    till.send()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert till.balances() == {}


def test_a_refund_that_a_lost_dispute_has_brought_back_is_owed_no_more(till: Till, reservation: UUID) -> None:
    opened = disputed(till, reservation)
    (refund_id,) = till.owe(reservation)
    ended(till, opened.id, is_won=False)
    till.clock.advance(days=2)
    till.send()
    assert till.stripe.calls["create_refund"] == 0
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    assert till.balances() == {}
    assert till.notes.refunds == [(reservation, "succeeded", 1500)]


def test_what_becomes_owed_after_a_dispute_was_lost_is_answered_by_it_once(
    till: Till, reservation: UUID
) -> None:
    opened = disputed(till, reservation)
    ended(till, opened.id, is_won=False)
    (first,) = till.owe(reservation, 1000, "cancelled")
    till.send()
    assert till.refund_state(first) == RefundState.SUCCEEDED
    assert till.balances()["dispute_losses"] == 500
    (second,) = till.owe(reservation, 500, "goodwill")
    till.send()
    assert till.refund_state(second) == RefundState.SUCCEEDED
    assert till.balances() == {}
    assert till.stripe.calls["create_refund"] == 0


def test_control_sent_all_the_same_the_payer_would_have_it_twice(till: Till, reservation: UUID) -> None:
    opened = disputed(till, reservation)
    (refund_id,) = till.owe(reservation)
    with till.database.transaction() as session:
        session.scalars(sa.select(Dispute)).one().withdrawn_yen = 0
    # Stripe itself would refuse; nobody should need it to.
    till.stripe.refuses_disputed = False
    till.send()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    intent = str(opened.payment_intent_id)
    assert till.stripe.refunded(intent) + opened.withdrawn == 3000


def test_a_message_about_a_dispute_brings_it_in(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    intent = str(till.payment(payment_id).stripe_payment_intent_id)
    opened = till.stripe.books.open_dispute(intent, 1500)
    event = webhook.Event(
        id="evt_1",
        type="charge.dispute.created",
        is_live=False,
        object_id=opened.id,
        payment_id=None,
        refund_id=None,
        payment_intent_id=intent,
    )
    with till.database.transaction() as session:
        assert webhook.take_in(session, event, now=till.clock.now()) == "parked"
    till.clock.advance(seconds=31)
    assert loops.follow_parked(till.database, till.stripe, till.clock, lambda: TOWN) == 1
    assert the_row(till).payment_id == payment_id
    with till.database.reading() as session:
        assert session.scalars(sa.select(WebhookEvent.result)).one() == "accepted"
    till.stripe.books.close_dispute(opened.id, is_won=True)
    with till.database.transaction() as session:
        again = replace(event, id="evt_2", type="charge.dispute.closed")
        assert webhook.take_in(session, again, now=till.clock.now()) == "accepted"
    assert follow(till) == 1
    assert the_row(till).state == "won"


def test_a_dispute_about_no_payment_of_ours_is_the_deployments(till: Till) -> None:
    till.stripe.books.open_dispute("pi_other", 800)
    find(till)
    row = the_row(till)
    assert (row.municipality_id, row.payment_id) == (TOWN, None)
    assert till.balances() == {"disputed": 800, "stripe_balance": -800}


def test_while_stripe_does_not_answer_nothing_is_lost(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    till.stripe.faults["list_disputes"] = ["down"]
    assert find(till) == 0
    assert find(till) == 1


@pytest.mark.parametrize("state", ["warning_needs_response", "warning_under_review"])
def test_an_inquiry_without_money_taken_is_a_case_and_no_booking(
    till: Till, reservation: UUID, state: str
) -> None:
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    till.stripe.books.disputes[opened.id] = replace(opened, state=state, withdrawn=0)
    find(till)
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1500}
    assert the_case(till).closed_at is None
    with till.database.reading() as session:
        assert not disputes.is_open(session, payment_id=payment_id)
