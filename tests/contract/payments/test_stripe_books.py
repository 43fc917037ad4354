"""Delayed money, disputes, movements and payouts, over the double and over the adapter alike."""

from datetime import timedelta

import pytest

from payments.errors import StripeRejected
from payments.remote import RefundStatus, RemoteDispute, RemoteMovement, SessionStatus
from payments.stripe_port import StripePort
from tests.contract.payments.account import (
    SINCE,
    Account,
    a_key,
    a_konbini_order,
    paid,
    refund_order,
    the_time,
)
from tests.contract.stripe.merchant import client_for
from tests.servers.stripe_sandbox import StripeSandbox


def _moved(account: Account, intent: str) -> list[RemoteMovement]:
    movements = account.api.list_movements(created_after=the_time() - SINCE)
    return [one for one in movements if one.payment_intent_id == intent]


def _disputed(account: Account) -> RemoteDispute:
    _, intent = paid(account)
    account.open_dispute(intent)
    disputes = account.api.list_disputes(created_after=the_time() - SINCE)
    (found,) = [one for one in disputes if one.payment_intent_id == intent]
    return found


def test_a_voucher_keeps_a_session_waiting_until_its_time(account: Account) -> None:
    made = account.api.create_session(a_konbini_order(days=2), key=a_key())
    assert (made.funds_due_at, made.voucher_url) == (None, None)
    account.order_voucher(made.id)
    now = account.api.read_session(made.id)
    assert now.status == SessionStatus.AWAITING_FUNDS
    assert now.funds_due_at is not None
    assert timedelta(days=2) - timedelta(minutes=1) < now.funds_due_at - the_time() < timedelta(days=3)
    assert now.voucher_url is not None
    with pytest.raises(StripeRejected):
        account.api.expire_session(made.id, key=a_key())


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_voucher_ends_paid_or_for_good(account: Account, *, is_paid: bool) -> None:
    made = account.api.create_session(a_konbini_order(), key=a_key())
    account.order_voucher(made.id)
    account.end_voucher(made.id, is_paid)
    now = account.api.read_session(made.id)
    assert now.status == (SessionStatus.PAID if is_paid else SessionStatus.EXPIRED)
    assert (now.funds_due_at, now.voucher_url) == (None, None)
    assert now.payment_intent_id is not None
    intent = account.api.read_intent(now.payment_intent_id)
    assert intent.amount_received == (1200 if is_paid else 0)


def test_an_intent_names_our_payment(account: Account) -> None:
    order, intent = paid(account)
    found = account.api.read_intent(intent)
    assert (found.status, found.amount_received, found.currency) == ("succeeded", 1200, "jpy")
    assert (found.payment_id, found.is_live) == (order.payment_id, False)


@pytest.mark.parametrize("what", ["read_intent", "read_dispute", "read_session"])
def test_an_object_that_nobody_made_is_refused_by_stripes_own_word(account: Account, what: str) -> None:
    with pytest.raises(StripeRejected) as refused:
        getattr(account.api, what)("none_0")
    assert refused.value.stripe_code == "resource_missing"


def test_a_charge_and_its_refund_are_movements_of_one_intent(account: Account) -> None:
    order, intent = paid(account)
    made = account.api.create_refund(refund_order(order, intent, 500), key=a_key())
    charge, refund = _moved(account, intent)
    assert (charge.type, charge.amount, charge.currency) == ("charge", 1200, "jpy")
    assert charge.fee > 0
    assert charge.net == charge.amount - charge.fee
    assert (refund.type, refund.amount, refund.fee, refund.source_id) == ("refund", -500, 0, made.id)
    assert charge.created_at <= refund.created_at
    assert charge.available_on >= charge.created_at


def test_a_failed_refund_comes_back_as_a_movement(account: Account) -> None:
    order, intent = paid(account)
    account.refund_ends(RefundStatus.FAILED)
    made = account.api.create_refund(refund_order(order, intent, 500), key=a_key())
    assert account.api.read_refund(made.id).status == RefundStatus.FAILED
    moved = [(one.type, one.amount) for one in _moved(account, intent)]
    assert moved == [("charge", 1200), ("refund", -500), ("refund_failure", 500)]


def test_a_refund_beyond_the_balance_is_refused_by_stripes_own_word(account: Account) -> None:
    order, intent = paid(account)
    account.fail_next("create_refund", "rejected:balance_insufficient")
    with pytest.raises(StripeRejected) as refused:
        account.api.create_refund(refund_order(order, intent), key=a_key())
    assert refused.value.stripe_code == "balance_insufficient"


def test_a_dispute_takes_the_money_and_a_fee(account: Account) -> None:
    made = _disputed(account)
    assert (made.state, made.amount, made.currency) == ("needs_response", 1200, "jpy")
    assert made.withdrawn == 1200
    assert made.evidence_due_at is not None
    assert made.evidence_due_at > made.created_at
    assert account.api.read_dispute(made.id) == made
    assert made.payment_intent_id is not None
    taken = _moved(account, made.payment_intent_id)[-1]
    assert (taken.type, taken.amount, taken.source_id) == ("adjustment", -1200, made.id)
    assert taken.fee > 0


@pytest.mark.parametrize("is_won", [True, False])
def test_a_decided_dispute_brings_the_money_back_or_not(account: Account, *, is_won: bool) -> None:
    made = _disputed(account)
    account.close_dispute(made.id, is_won)
    now = account.api.read_dispute(made.id)
    assert (now.state, now.withdrawn) == (("won", 0) if is_won else ("lost", 1200))
    assert made.payment_intent_id is not None
    amounts = [one.amount for one in _moved(account, made.payment_intent_id)]
    assert amounts == ([1200, -1200, 1200] if is_won else [1200, -1200])


@pytest.mark.parametrize("is_won", [None, True, False])
def test_what_a_bank_took_back_is_not_refunded_until_it_is_won(
    account: Account, *, is_won: bool | None
) -> None:
    order, intent = paid(account)
    account.open_dispute(intent)
    if is_won is not None:
        disputes = account.api.list_disputes(created_after=the_time() - SINCE)
        (made,) = [one for one in disputes if one.payment_intent_id == intent]
        account.close_dispute(made.id, is_won)
    if is_won:
        assert account.api.create_refund(refund_order(order, intent), key=a_key()).amount == 500
        return
    with pytest.raises(StripeRejected) as refused:
        account.api.create_refund(refund_order(order, intent), key=a_key())
    assert refused.value.stripe_code == "charge_disputed"


def test_what_is_back_already_is_refused_by_stripes_own_word(account: Account) -> None:
    order, intent = paid(account)
    account.api.create_refund(refund_order(order, intent, 1200), key=a_key())
    with pytest.raises(StripeRejected) as refused:
        account.api.create_refund(refund_order(order, intent, 1), key=a_key())
    assert refused.value.stripe_code == "charge_already_refunded"


def test_money_from_a_till_moves_under_a_name_of_its_own(account: Account) -> None:
    order = a_konbini_order()
    made = account.api.create_session(order, key=a_key())
    account.order_voucher(made.id)
    account.end_voucher(made.id, True)
    intent = account.api.read_session(made.id).payment_intent_id
    assert intent is not None
    account.api.create_refund(refund_order(order, intent, 500), key=a_key())
    moved = [(one.type, one.amount) for one in _moved(account, intent)]
    assert moved == [("payment", 1200), ("payment_refund", -500)]


def test_a_payout_carries_what_was_available_to_the_yen(account: Account) -> None:
    _, intent = paid(account)
    account.pay_out()
    made = account.api.list_payouts(created_after=the_time() - SINCE)[-1]
    carried = account.api.list_payout_movements(made.id)
    assert {one.payout_id for one in carried} == {made.id}
    assert [one.payment_intent_id for one in carried if one.payment_intent_id == intent] == [intent]
    own = [one for one in carried if one.type == "payout"]
    assert [(one.amount, one.fee, one.source_id) for one in own] == [(-made.amount, 0, made.id)]
    assert sum(one.net for one in carried) == 0


def test_a_payout_that_fails_comes_back_as_a_movement(account: Account) -> None:
    paid(account)
    account.pay_out()
    made = account.api.list_payouts(created_after=the_time() - SINCE)[-1]
    account.fail_payout(made.id)
    now = account.api.list_payouts(created_after=the_time() - SINCE)[-1]
    assert (now.id, now.state, now.amount) == (made.id, "failed", made.amount)
    back = account.api.list_movements(created_after=the_time() - SINCE)[-1]
    assert (back.type, back.amount, back.source_id) == ("payout_failure", made.amount, made.id)


def test_what_was_there_before_is_not_listed(account: Account) -> None:
    _disputed(account)
    later = the_time() + SINCE
    assert account.api.list_disputes(created_after=later) == []
    assert account.api.list_movements(created_after=later) == []
    assert account.api.list_payouts(created_after=later) == []


def test_a_listing_goes_on_beyond_its_first_page(shared_sandbox: StripeSandbox) -> None:
    port = StripePort(shared_sandbox.secret_key, shared_sandbox.url)
    intents = client_for(shared_sandbox.secret_key, shared_sandbox.url).v1.payment_intents
    before = port.list_movements(created_after=the_time() - SINCE)
    for _ in range(103):
        intents.create({"amount": 50, "currency": "jpy", "payment_method": "pm_card_visa", "confirm": True})
    found = port.list_movements(created_after=the_time() - SINCE)
    assert len(found) == len(before) + 103
    assert len({one.id for one in found}) == len(found)
    assert [one.created_at for one in found] == sorted(one.created_at for one in found)
