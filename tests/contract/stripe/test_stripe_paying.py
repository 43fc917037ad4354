"""Paying and giving back, through the card page and the real client."""

import threading

import pytest
import requests
import stripe

from tests.contract.stripe.merchant import DECLINED, GOOD, Merchant, pay


def test_a_paid_session_leads_to_its_charge_and_its_fee(merchant: Merchant) -> None:
    sold = merchant.sold()
    assert (sold.status, sold.payment_status) == ("complete", "paid")
    intent = merchant.client.v1.payment_intents.retrieve(
        str(sold.payment_intent), {"expand": ["latest_charge.balance_transaction"]}
    )
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 1500, "jpy")
    assert intent.metadata["payment"] == "payment-1"
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    movement = charge.balance_transaction
    assert isinstance(movement, stripe.BalanceTransaction)
    assert (movement.amount, movement.fee, movement.net) == (1500, 54, 1446)


def test_a_declined_card_leaves_the_session_open_with_the_reason_on_the_intent(merchant: Merchant) -> None:
    session = merchant.sells()
    assert pay(session, DECLINED).status_code == 402
    read = merchant.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    intent = read.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (read.status, intent.status) == ("open", "requires_payment_method")
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == "generic_decline"


def test_a_paid_session_cannot_be_expired(merchant: Merchant) -> None:
    sold = merchant.sold()
    with pytest.raises(stripe.InvalidRequestError, match=r"has a status of `complete`"):
        merchant.client.v1.checkout.sessions.expire(sold.id)


def test_expire_and_pay_at_the_same_moment_have_exactly_one_winner(merchant: Merchant) -> None:
    outcomes = set()
    for _ in range(8):
        session = merchant.sells()
        together = threading.Barrier(2)
        expired: list[bool] = []

        def expire(session_id: str, together: threading.Barrier, expired: list[bool]) -> None:
            together.wait(20)
            try:
                merchant.client.v1.checkout.sessions.expire(session_id)
                expired.append(True)
            except stripe.InvalidRequestError:
                expired.append(False)

        thread = threading.Thread(target=expire, args=(session.id, together, expired))
        thread.start()
        together.wait(20)
        paid = pay(session, GOOD).status_code == 303
        thread.join(10)
        status = merchant.client.v1.checkout.sessions.retrieve(session.id).status
        assert expired == [not paid]
        assert status == ("complete" if paid else "expired")
        outcomes.add(status)
    assert outcomes <= {"complete", "expired"}


def test_a_refund_with_the_same_key_is_made_once(merchant: Merchant) -> None:
    sold = merchant.sold()
    intent = str(sold.payment_intent)
    made = [
        merchant.client.v1.refunds.create(
            {"payment_intent": intent, "amount": 500, "metadata": {"refund": "1"}},
            {"idempotency_key": f"refund-of-{sold.id}"},
        )
        for _ in range(2)
    ]
    assert made[0].id == made[1].id
    listed = merchant.client.v1.refunds.list({"payment_intent": intent})
    assert [(one.amount, one.status) for one in listed.data] == [(500, "succeeded")]
    merchant.client.v1.refunds.create({"payment_intent": intent, "amount": 500})
    assert len(merchant.client.v1.refunds.list({"payment_intent": intent}).data) == 2


def test_more_than_was_paid_cannot_be_refunded(merchant: Merchant) -> None:
    intent = str(merchant.sold().payment_intent)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.client.v1.refunds.create({"payment_intent": intent, "amount": 1501})
    assert refused.value.param == "amount"
    merchant.client.v1.refunds.create({"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.client.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_already_refunded"


def test_the_movements_of_a_sale_and_its_refund_leave_only_the_fee(merchant: Merchant) -> None:
    sold = merchant.sold()
    intent = merchant.client.v1.payment_intents.retrieve(str(sold.payment_intent))
    refund = merchant.client.v1.refunds.create({"payment_intent": intent.id})
    movements = merchant.client.v1.balance_transactions
    sources = [str(intent.latest_charge), refund.id]
    net = sum(one.net for source in sources for one in movements.list({"source": source}).data)
    assert net == -54


def test_events_tell_what_no_webhook_told(merchant: Merchant) -> None:
    sold = merchant.sold()
    listed = merchant.client.v1.events.list({"type": "checkout.session.completed", "limit": 1})
    event = listed.data[0]
    assert event.data.object["id"] == sold.id
    assert event.api_version == stripe.api_version
    assert merchant.client.v1.events.retrieve(event.id).id == event.id


def test_a_page_that_was_paid_says_so(merchant: Merchant) -> None:
    session = merchant.sells()
    pay(session, GOOD)
    assert session.url is not None
    assert "お支払いは完了しています" in requests.get(session.url, timeout=10).text
