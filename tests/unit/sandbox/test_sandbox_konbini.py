"""Konbini: complete at once, paid later or never."""

from typing import Any

import pytest

from tests.unit.sandbox.account import NOON, ORDER, Account

BOTH = {"allowed_payment_method_types[0]": "card", "allowed_payment_method_types[1]": "konbini"}


@pytest.fixture
def ordered(account: Account) -> dict[str, Any]:
    """A session whose payer has chosen konbini."""
    session = account.order(**BOTH)
    assert "コンビニで支払う" in account.client.get(f"/c/pay/{session['id']}").text
    assert account.client.post(f"/c/pay/{session['id']}/konbini").status_code == 303
    return account.session(session["id"])


def settle(account: Account, session: dict[str, Any], outcome: str) -> int:
    form = {"payment_intent": session["payment_intent"], "outcome": outcome}
    return account.client.post("/_sandbox/konbini", json=form).status_code


def test_a_voucher_completes_the_session_without_paying_it(account: Account, ordered: dict[str, Any]) -> None:
    assert (ordered["status"], ordered["payment_status"]) == ("complete", "unpaid")
    assert account.objects("payment_intent")[0]["status"] == "requires_action"
    assert account.objects("charge") == []
    assert "コンビニでのお支払い" in account.client.get(f"/c/pay/{ordered['id']}").text


def test_a_voucher_paid_at_the_till_pays_the_session_once(account: Account, ordered: dict[str, Any]) -> None:
    assert settle(account, ordered, "paid") == 200
    assert settle(account, ordered, "paid") == 400
    assert account.session(ordered["id"])["payment_status"] == "paid"
    assert [charge["payment_method_details"]["type"] for charge in account.objects("charge")] == ["konbini"]
    assert account.event_types()[-1] == "checkout.session.async_payment_succeeded"
    account.advance(4 * 24 * 60 * 60)
    assert account.session(ordered["id"])["payment_status"] == "paid"


def test_a_voucher_nobody_pays_fails_at_the_end_of_its_third_day(
    account: Account, ordered: dict[str, Any]
) -> None:
    # Ordered at noon in Tokyo, payable until 23:59:59 of the third day after.
    account.advance(3 * 24 * 60 * 60 + 12 * 60 * 60 - 1)
    assert account.event_types()[-1] == "checkout.session.completed"
    account.advance(1)
    assert account.event_types()[-1] == "checkout.session.async_payment_failed"
    assert account.session(ordered["id"])["payment_status"] == "unpaid"
    assert account.objects("payment_intent")[0]["status"] == "requires_payment_method"
    assert settle(account, ordered, "paid") == 400


def test_the_days_of_a_voucher_are_the_sessions_and_end_with_the_day(account: Account) -> None:
    session = account.order(**BOTH, **{"payment_method_options[konbini][expires_after_days]": "1"})
    account.client.post(f"/c/pay/{session['id']}/konbini")
    details = account.objects("payment_intent")[0]["next_action"]["konbini_display_details"]
    assert details["expires_at"] == NOON + 36 * 60 * 60 - 1
    assert details["hosted_voucher_url"].endswith(account.objects("payment_intent")[0]["id"])


@pytest.mark.parametrize("days", ["0", "61", "x"])
def test_a_voucher_lasts_one_to_sixty_days(account: Account, days: str) -> None:
    order = {**ORDER, **BOTH, "payment_method_options[konbini][expires_after_days]": days}
    assert account.call("POST", "/v1/checkout/sessions", order).status_code == 400


def test_the_voucher_page_pays_once_and_then_says_so(account: Account, ordered: dict[str, Any]) -> None:
    page = f"/c/voucher/{ordered['payment_intent']}"
    shown = account.client.get(page).text
    assert "2026年11月24日（火）23:59" in shown
    assert "確認番号" in shown
    for _ in range(2):
        assert account.client.post(page, data={"store": "lawson"}).status_code == 303
    assert "お支払いは完了しています" in account.client.get(page).text
    charges = account.objects("charge")
    assert [one["payment_method_details"]["konbini"]["store"]["chain"] for one in charges] == ["lawson"]
    assert [one["type"] for one in account.objects("balance_transaction")] == ["payment"]


def test_a_voucher_page_after_its_time_asks_for_nothing(account: Account, ordered: dict[str, Any]) -> None:
    account.advance(5 * 24 * 60 * 60)
    page = f"/c/voucher/{ordered['payment_intent']}"
    assert "お支払い期限が過ぎました" in account.client.get(page).text
    account.client.post(page)
    assert account.objects("charge") == []
    assert account.client.get("/c/voucher/pi_nobody").status_code == 404


def test_the_intent_of_a_session_is_not_cancelled(account: Account, ordered: dict[str, Any]) -> None:
    answer = account.call("POST", f"/v1/payment_intents/{ordered['payment_intent']}/cancel")
    assert answer.get_json()["error"]["code"] == "payment_intent_unexpected_state"


def test_a_refund_waits_for_the_bank_account_of_the_payer(account: Account, ordered: dict[str, Any]) -> None:
    settle(account, ordered, "paid")
    form = {"payment_intent": ordered["payment_intent"], "instructions_email": "hanako@example.jp"}
    made = account.call("POST", "/v1/refunds", form).get_json()
    assert made["status"] == "requires_action"
    assert made["next_action"]["display_details"]["email_sent"]["email_sent_to"] == "hanako@example.jp"
    account.advance(24 * 60 * 60)
    assert account.objects("refund")[0]["status"] == "succeeded"
    assert [one["type"] for one in account.objects("balance_transaction")] == ["payment", "payment_refund"]


def test_a_refund_whose_payer_never_answers_is_cancelled(account: Account, ordered: dict[str, Any]) -> None:
    account.client.post("/_sandbox/account", json={"payer_answers_after_s": 90 * 24 * 60 * 60})
    settle(account, ordered, "paid")
    account.call("POST", "/v1/refunds", {"payment_intent": ordered["payment_intent"]})
    account.advance(45 * 24 * 60 * 60 - 1)
    assert account.objects("refund")[0]["status"] == "requires_action"
    account.advance(1)
    assert account.objects("refund")[0]["status"] == "canceled"
    assert account.objects("charge")[0]["amount_refunded"] == 0
    assert sum(one["amount"] for one in account.objects("balance_transaction")) == 1500


def test_konbini_is_not_offered_unless_asked_for(account: Account) -> None:
    session = account.order()
    assert "コンビニ" not in account.client.get(f"/c/pay/{session['id']}").text
    account.client.post(f"/c/pay/{session['id']}/konbini")
    assert account.session(session["id"])["status"] == "open"
