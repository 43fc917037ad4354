"""Konbini: complete at once, paid later or never."""

from typing import Any

import pytest

from tests.unit.sandbox.account import Account

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


def test_a_voucher_nobody_pays_fails_after_three_days(account: Account, ordered: dict[str, Any]) -> None:
    account.advance(3 * 24 * 60 * 60 - 1)
    assert account.event_types()[-1] == "checkout.session.completed"
    account.advance(1)
    assert account.event_types()[-1] == "checkout.session.async_payment_failed"
    assert account.session(ordered["id"])["payment_status"] == "unpaid"
    assert account.objects("payment_intent")[0]["status"] == "requires_payment_method"
    assert settle(account, ordered, "paid") == 400


def test_konbini_is_not_offered_unless_asked_for(account: Account) -> None:
    session = account.order()
    assert "コンビニ" not in account.client.get(f"/c/pay/{session['id']}").text
    account.client.post(f"/c/pay/{session['id']}/konbini")
    assert account.session(session["id"])["status"] == "open"
