"""Refunds, and the books they leave."""

from typing import Any

import pytest

from tests.unit.sandbox.account import Account


def refund(account: Account, session: dict[str, Any], **form: str) -> dict[str, Any]:
    answer = account.call("POST", "/v1/refunds", {"payment_intent": session["payment_intent"], **form})
    return dict(answer.get_json())


def balance_without_fees(account: Account) -> int:
    return sum(movement["amount"] for movement in account.objects("balance_transaction"))


def test_a_refund_gives_all_back_and_the_fee_stays(account: Account) -> None:
    session = account.paid()
    made = refund(account, session, **{"metadata[refund]": "7", "reason": "requested_by_customer"})
    assert (made["status"], made["amount"], made["metadata"]) == ("succeeded", 1500, {"refund": "7"})
    assert sum(movement["net"] for movement in account.objects("balance_transaction")) == -54
    assert account.event_types()[-2:] == ["refund.created", "charge.refunded"]


def test_parts_add_up_to_the_charge_and_no_further(account: Account) -> None:
    session = account.paid()
    assert refund(account, session, amount="1000")["status"] == "succeeded"
    too_much = refund(account, session, amount="501")["error"]
    assert (too_much["param"], "greater than unrefunded amount" in too_much["message"]) == ("amount", True)
    assert refund(account, session, amount="500")["status"] == "succeeded"
    assert refund(account, session)["error"]["code"] == "charge_already_refunded"
    assert refund(account, session, amount="1")["error"]["code"] == "charge_already_refunded"
    assert balance_without_fees(account) == 0


@pytest.mark.parametrize(
    "form", [{"payment_intent": "pi_nobody"}, {"charge": "ch_nobody"}, {}, {"amount": "5"}]
)
def test_a_refund_of_nothing_is_refused(account: Account, form: dict[str, str]) -> None:
    assert account.call("POST", "/v1/refunds", form).status_code == 400
    assert account.objects("refund") == []


def test_an_intent_that_was_only_declined_has_nothing_to_refund(account: Account) -> None:
    session = account.order()
    account.pay(session["id"], "4000000000000002")
    answer = refund(account, account.session(session["id"]))
    assert "does not have a successful charge" in answer["error"]["message"]


@pytest.mark.parametrize("amount", ["0", "-5"])
def test_a_refund_is_positive(account: Account, amount: str) -> None:
    assert "error" in refund(account, account.paid(), amount=amount)


def test_a_pending_refund_settles_when_its_time_comes(account: Account) -> None:
    session = account.paid()
    account.plan({"kind": "refund_pending", "settle_after_s": 60})
    made = refund(account, session)
    assert (made["status"], made["pending_reason"]) == ("pending", "processing")
    account.advance(59)
    assert account.objects("refund")[0]["status"] == "pending"
    account.advance(1)
    assert account.objects("refund")[0]["status"] == "succeeded"
    assert account.event_types()[-1] == "refund.updated"


def test_a_failed_refund_puts_the_money_back_and_can_be_made_again(account: Account) -> None:
    session = account.paid()
    account.plan({"kind": "refund_failed", "settle_after_s": 60, "reason": "lost_or_stolen_card"})
    refund(account, session)
    account.advance(60)
    failed = account.objects("refund")[0]
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert failed["failure_balance_transaction"] is not None
    assert account.event_types()[-2:] == ["refund.updated", "refund.failed"]
    assert balance_without_fees(account) == 1500
    assert refund(account, session)["status"] == "succeeded"
    assert balance_without_fees(account) == 0


@pytest.mark.parametrize(
    "number, first, then",
    [("4000000000007726", "pending", "succeeded"), ("4000000000005126", "succeeded", "failed")],
)
def test_stripes_own_cards_for_refunds_go_as_at_stripe(
    account: Account, number: str, first: str, then: str
) -> None:
    assert refund(account, account.paid(number))["status"] == first
    assert account.objects("refund")[0]["status"] == then


def test_a_movement_becomes_available_by_the_clock(account: Account) -> None:
    account.paid()
    listed = account.call("GET", "/v1/balance_transactions", {"type": "charge"})
    assert listed.get_json()["data"][0]["status"] == "pending"
    account.advance(4 * 24 * 60 * 60)
    listed = account.call("GET", "/v1/balance_transactions", {"type": "charge"})
    assert listed.get_json()["data"][0]["status"] == "available"
