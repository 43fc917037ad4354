"""Disputes: opened by a card or on request, answered, decided, lapsed."""

from typing import Any

import pytest

from tests.unit.sandbox.account import Account

DISPUTED = "4000000000000259"
INQUIRY = "4000000000001976"
DAY = 24 * 60 * 60


def dispute_of(account: Account) -> dict[str, Any]:
    (found,) = account.call("GET", "/v1/disputes").get_json()["data"]
    return dict(found)


def decide(account: Account, outcome: str) -> int:
    wanted = {"dispute": dispute_of(account)["id"], "outcome": outcome}
    return account.client.post("/_sandbox/disputes/decide", json=wanted).status_code


def net(account: Account) -> int:
    (held,) = account.call("GET", "/v1/balance").get_json()["available"]
    (pending,) = account.call("GET", "/v1/balance").get_json()["pending"]
    return int(held["amount"]) + int(pending["amount"])


def test_the_card_for_disputes_is_charged_and_then_taken_back(account: Account) -> None:
    account.paid(DISPUTED)
    made = dispute_of(account)
    assert (made["status"], made["reason"], made["amount"]) == ("needs_response", "fraudulent", 1500)
    assert account.objects("charge")[0]["disputed"] is True
    (taken,) = made["balance_transactions"]
    assert (taken["type"], taken["reporting_category"]) == ("adjustment", "dispute")
    assert (taken["amount"], taken["fee"], taken["net"]) == (-1500, 1500, -3000)
    assert net(account) == -54 - 1500
    assert account.event_types()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_a_won_dispute_brings_all_back_but_the_fee(account: Account) -> None:
    account.paid(DISPUTED)
    assert decide(account, "under_review") == 200
    assert dispute_of(account)["status"] == "under_review"
    assert decide(account, "won") == 200
    assert decide(account, "lost") == 400
    assert net(account) == 1500 - 54 - 1500
    assert account.event_types()[-3:] == [
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]


def test_a_dispute_that_nobody_answers_is_lost(account: Account) -> None:
    account.paid(DISPUTED)
    account.advance(9 * DAY - 1)
    assert dispute_of(account)["status"] == "needs_response"
    account.advance(1)
    assert dispute_of(account)["status"] == "lost"
    assert account.event_types()[-1] == "charge.dispute.closed"
    assert net(account) == -54 - 1500


@pytest.mark.parametrize(
    "text, status",
    [("winning_evidence", "won"), ("losing_evidence", "lost"), ("見本の記録", "under_review")],
)
def test_evidence_decides_as_in_stripes_test_mode(account: Account, text: str, status: str) -> None:
    account.paid(DISPUTED)
    url = f"/v1/disputes/{dispute_of(account)['id']}"
    assert account.call("POST", url, {"evidence[uncategorized_text]": text}).get_json()["status"] == status
    assert dispute_of(account)["evidence_details"]["submission_count"] == 1


def test_evidence_that_is_only_staged_decides_nothing(account: Account) -> None:
    account.paid(DISPUTED)
    url = f"/v1/disputes/{dispute_of(account)['id']}"
    form = {"evidence[uncategorized_text]": "winning_evidence", "submit": "false"}
    assert account.call("POST", url, form).get_json()["status"] == "needs_response"
    account.advance(9 * DAY)
    assert dispute_of(account)["status"] == "lost"


def test_giving_in_loses_once(account: Account) -> None:
    account.paid(DISPUTED)
    url = f"/v1/disputes/{dispute_of(account)['id']}/close"
    assert account.call("POST", url).get_json()["status"] == "lost"
    assert account.call("POST", url).get_json()["error"]["code"] == "dispute_already_closed"


def test_what_a_bank_took_back_is_not_refunded_until_it_is_won(account: Account) -> None:
    session = account.paid(DISPUTED)
    form = {"payment_intent": session["payment_intent"], "amount": "100"}
    assert account.call("POST", "/v1/refunds", form).get_json()["error"]["code"] == "charge_disputed"
    decide(account, "won")
    assert account.call("POST", "/v1/refunds", form).get_json()["status"] == "succeeded"


def test_an_inquiry_takes_no_money_and_can_be_ended_by_a_refund(account: Account) -> None:
    session = account.paid(INQUIRY)
    made = dispute_of(account)
    assert (made["status"], made["balance_transactions"]) == ("warning_needs_response", [])
    assert made["is_charge_refundable"] is True
    form = {"payment_intent": session["payment_intent"]}
    assert account.call("POST", "/v1/refunds", form).get_json()["status"] == "succeeded"
    account.advance(9 * DAY)
    assert dispute_of(account)["status"] == "warning_closed"


def test_a_dispute_on_request_takes_what_is_left_or_a_part(account: Account) -> None:
    session = account.paid()
    intent = session["payment_intent"]
    account.call("POST", "/v1/refunds", {"payment_intent": intent, "amount": "600"})

    def opened(**more: object) -> int:
        wanted = {"payment_intent": intent, **more}
        return account.client.post("/_sandbox/disputes", json=wanted).status_code

    assert opened(amount=901) == 400
    assert opened(amount=300, reason="product_not_received") == 200
    assert (dispute_of(account)["amount"], dispute_of(account)["reason"]) == (300, "product_not_received")
    assert opened() == 400
    assert account.client.post("/_sandbox/disputes", json={"payment_intent": "pi_0"}).status_code == 400
    listed = account.call("GET", "/v1/disputes", {"payment_intent": intent}).get_json()["data"]
    assert [one["amount"] for one in listed] == [300]
