"""The balance, payouts, and refunds that find too little of it."""

from typing import Any

import pytest

from tests.unit.sandbox.account import Account

AT_ONCE = "4000000000000077"
DAY = 24 * 60 * 60


def balance(account: Account) -> tuple[int, int]:
    """(available, pending)"""
    told = account.call("GET", "/v1/balance").get_json()
    return told["available"][0]["amount"], told["pending"][0]["amount"]


def pay_out(account: Account) -> dict[str, Any]:
    answer = account.client.post("/_sandbox/payouts", json={})
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def carried(account: Account, payout: dict[str, Any]) -> list[tuple[str, int]]:
    listed = account.call("GET", "/v1/balance_transactions", {"payout": payout["id"], "limit": "100"})
    return [(one["type"], one["net"]) for one in listed.get_json()["data"]][::-1]


def test_money_is_pending_first_and_available_by_the_clock(account: Account) -> None:
    assert balance(account) == (0, 0)
    account.paid()
    assert balance(account) == (0, 1446)
    account.advance(4 * DAY)
    assert balance(account) == (1446, 0)


def test_a_payout_carries_what_is_available_and_arrives(account: Account) -> None:
    account.paid(AT_ONCE)
    account.paid()
    made = pay_out(account)
    assert (made["amount"], made["status"]) == (1446, "in_transit")
    assert carried(account, made) == [("charge", 1446), ("payout", -1446)]
    assert balance(account) == (0, 1446)
    account.advance(2 * DAY)
    told = account.call("GET", f"/v1/payouts/{made['id']}").get_json()
    assert (told["status"], told["arrival_date"] % DAY) == ("paid", 0)
    assert account.event_types()[-1] == "payout.paid"


def test_nothing_is_carried_twice(account: Account) -> None:
    account.paid(AT_ONCE)
    first = pay_out(account)
    assert account.client.post("/_sandbox/payouts", json={}).status_code == 400
    account.paid(AT_ONCE)
    second = pay_out(account)
    assert carried(account, first) == carried(account, second) == [("charge", 1446), ("payout", -1446)]


def test_a_failed_payout_comes_back_and_goes_out_with_the_next(account: Account) -> None:
    account.paid(AT_ONCE)
    made = pay_out(account)
    account.advance(2 * DAY)
    wanted = {"payout": made["id"], "code": "no_account"}
    assert account.client.post("/_sandbox/payouts/fail", json=wanted).status_code == 200
    assert account.client.post("/_sandbox/payouts/fail", json=wanted).status_code == 400
    told = account.call("GET", "/v1/payouts", {"status": "failed"}).get_json()["data"][0]
    assert (told["id"], told["failure_code"]) == (made["id"], "no_account")
    assert told["failure_balance_transaction"] is not None
    assert account.event_types()[-1] == "payout.failed"
    assert carried(account, made) == [("charge", 1446), ("payout", -1446)]
    assert carried(account, pay_out(account)) == [("payout_failure", 1446), ("payout", -1446)]
    assert balance(account) == (0, 0)


def test_a_daily_payout_goes_once_a_civil_day(account: Account) -> None:
    account.client.post("/_sandbox/account", json={"payouts": "daily"})
    account.paid(AT_ONCE)
    account.advance(1)
    # It is noon of the first day, whose payout went before the payment.
    assert account.objects("payout") == []
    account.advance(12 * 60 * 60)
    assert len(account.objects("payout")) == 1
    account.paid(AT_ONCE)
    account.advance(DAY - 2)
    assert len(account.objects("payout")) == 1
    account.advance(2)
    assert len(account.objects("payout")) == 2


def test_no_payout_of_less_than_nothing(account: Account) -> None:
    account.paid("4000000000000259")
    account.advance(5 * DAY)
    assert account.client.post("/_sandbox/payouts", json={}).status_code == 400


def test_a_movement_never_shows_which_payout_carried_it(account: Account) -> None:
    account.paid(AT_ONCE)
    pay_out(account)
    listed = account.call("GET", "/v1/balance_transactions", {"expand[]": "data.source"}).get_json()["data"]
    assert all("payout" not in one for one in listed)
    assert [one["source"]["object"] for one in listed] == ["payout", "charge"]


def refund(account: Account, session: dict[str, Any], **form: str) -> dict[str, Any]:
    answer = account.call("POST", "/v1/refunds", {"payment_intent": session["payment_intent"], **form})
    return dict(answer.get_json())


def test_a_short_balance_turns_negative_unless_the_account_says_otherwise(account: Account) -> None:
    session = account.paid()
    assert refund(account, session)["status"] == "succeeded"
    assert sum(balance(account)) == -54


def test_a_short_balance_may_refuse_a_refund(account: Account) -> None:
    account.client.post("/_sandbox/account", json={"short_balance": "refuse"})
    session = account.paid()
    assert refund(account, session)["error"]["code"] == "balance_insufficient"
    assert refund(account, session, amount="1446")["status"] == "succeeded"
    assert account.objects("charge")[0]["amount_refunded"] == 1446


def test_a_refund_may_wait_for_the_balance(account: Account) -> None:
    account.client.post("/_sandbox/account", json={"short_balance": "pend"})
    session = account.paid()
    made = refund(account, session)
    assert (made["status"], made["pending_reason"]) == ("pending", "insufficient_funds")
    assert made["balance_transaction"] is None
    account.advance(60 * 60)
    assert account.objects("refund")[0]["status"] == "pending"
    account.paid()
    account.advance(60 * 60)
    settled = account.objects("refund")[0]
    assert settled["status"] == "succeeded"
    assert settled["balance_transaction"] is not None
    assert sum(balance(account)) == 1446 - 54


def test_a_refund_that_was_done_may_fail_days_later(account: Account) -> None:
    session = account.paid()
    made = refund(account, session)
    account.advance(5 * DAY)
    wanted = {"refund": made["id"], "reason": "lost_or_stolen_card"}
    assert account.client.post("/_sandbox/refunds/fail", json=wanted).status_code == 200
    assert account.client.post("/_sandbox/refunds/fail", json=wanted).status_code == 400
    assert account.event_types()[-1] == "refund.failed"
    assert sum(balance(account)) == 1446


def test_a_waiting_refund_that_fails_gives_back_nothing_it_never_took(account: Account) -> None:
    account.client.post("/_sandbox/account", json={"short_balance": "pend"})
    made = refund(account, account.paid())
    account.client.post("/_sandbox/refunds/fail", json={"refund": made["id"]})
    assert sum(balance(account)) == 1446


@pytest.mark.parametrize(
    "wanted",
    [
        {"colour": 1},
        {"fee_per_mille": "36"},
        {"fee_per_mille": True},
        {"dispute_fee_yen": -1},
        {"payouts": "hourly"},
        {"short_balance": "shrug"},
    ],
)
def test_a_setting_that_means_nothing_is_refused(account: Account, wanted: dict[str, object]) -> None:
    before = account.client.get("/_sandbox/account").get_json()
    assert account.client.post("/_sandbox/account", json=wanted).status_code == 400
    assert account.client.get("/_sandbox/account").get_json() == before


def test_fees_are_settings(account: Account) -> None:
    account.client.post("/_sandbox/account", json={"fee_per_mille": 40})
    account.paid()
    assert account.objects("balance_transaction")[0]["fee"] == 60
