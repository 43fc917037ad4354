"""Faults by a list or a seed: where they strike, after how many occasions, and what they leave."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from payments.sandbox import faults, seeded
from payments.sandbox.faults import BadFault
from tests.unit.sandbox.account import ORDER, Account, opened_account

SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Account]:
    """An account with an endpoint; nothing is sent, for no postman runs here."""
    with opened_account(tmp_path / "told.db", webhook_url="http://127.0.0.1:9/") as account:
        yield account


def statuses(account: Account, count: int) -> list[int]:
    return [account.call("POST", SESSIONS, ORDER).status_code for _ in range(count)]


def deliveries(account: Account) -> list[tuple[str, str]]:
    state = account.client.get("/_sandbox/state").get_json()
    kinds = {event["id"]: event["type"] for event in state["objects"]["event"]}
    return [(kinds[one["event"]], one["state"]) for one in state["deliveries"]]


def test_a_fault_lets_occasions_pass_and_then_strikes(account: Account) -> None:
    account.plan(
        {"kind": "http_429", "after": 2, "times": 2},
        {"kind": "http_500", "after": 1},
    )
    assert statuses(account, 7) == [200, 200, 429, 429, 200, 500, 200]


def test_only_the_first_fault_that_fits_counts_an_occasion(account: Account) -> None:
    account.plan(
        {"kind": "http_500", "path": "/v1/refunds", "after": 1},
        {"kind": "http_429", "path": SESSIONS},
    )
    assert statuses(account, 2) == [429, 200]


def test_keys_are_forgotten_on_request_and_by_a_fault(account: Account) -> None:
    def made() -> str:
        answer = account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
        return str(answer.get_json()["id"])

    first = made()
    assert made() == first
    account.plan({"kind": "forget_keys"})
    second = made()
    assert made() == second != first
    assert account.client.delete("/_sandbox/keys").status_code == 200
    assert made() not in (first, second)


@pytest.mark.parametrize("effect", [True, False])
def test_a_stored_failure_stays_under_its_key_with_or_without_effect(
    account: Account, *, effect: bool
) -> None:
    account.plan({"kind": "stored_500", "effect": effect})
    for _ in range(2):
        assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 500
    assert len(account.objects("checkout.session")) == int(effect)


@pytest.mark.parametrize(
    "fault, amount, currency",
    [
        ({"kind": "capture_amount"}, 1501, "jpy"),
        ({"kind": "capture_amount", "amount": 15}, 15, "jpy"),
        ({"kind": "capture_currency"}, 1500, "usd"),
    ],
)
def test_a_capture_may_take_something_else_than_was_asked(
    account: Account, fault: dict[str, Any], amount: int, currency: str
) -> None:
    account.plan(fault)
    session = account.paid()
    assert (session["amount_total"], session["currency"]) == (amount, currency)
    (charge,) = account.objects("charge")
    assert (charge["amount"], charge["currency"]) == (amount, currency)
    told = account.call("GET", "/v1/balance").get_json()["pending"]
    (moved,) = account.objects("balance_transaction")
    assert {one["currency"]: one["amount"] for one in told}[currency] == moved["net"]


def test_a_planned_dispute_follows_the_capture_of_any_card(account: Account) -> None:
    account.plan({"kind": "dispute", "reason": "duplicate"})
    account.paid()
    assert [one["reason"] for one in account.objects("dispute")] == ["duplicate"]


def test_a_refund_may_find_no_money(account: Account) -> None:
    session = account.paid()
    account.plan({"kind": "refund_short"})
    form = {"payment_intent": session["payment_intent"]}
    answer = account.call("POST", "/v1/refunds", form)
    assert answer.get_json()["error"]["code"] == "balance_insufficient"
    assert account.objects("refund") == []
    assert account.call("POST", "/v1/refunds", form).status_code == 200


def test_a_foreign_message_comes_beside_the_true_one(told: Account) -> None:
    told.plan({"kind": "webhook_foreign", "type": "checkout.session.completed"})
    session = told.paid()
    messages = [one for one in told.objects("event") if one["type"] == "checkout.session.completed"]
    true, foreign = sorted(messages, key=lambda one: bool(one["livemode"]))
    assert (true["livemode"], true["data"]["object"]["id"]) == (False, session["id"])
    assert (foreign["livemode"], foreign["data"]["object"]["livemode"]) == (True, True)
    assert foreign["data"]["object"]["id"] != session["id"]
    assert [kind for kind, _ in deliveries(told)].count("checkout.session.completed") == 2


def test_an_unknown_object_names_nothing_of_ours(told: Account) -> None:
    told.plan({"kind": "webhook_unknown", "type": "payment_intent.succeeded"})
    session = told.paid()
    messages = [one for one in told.objects("event") if one["type"] == "payment_intent.succeeded"]
    assert len(messages) == 2
    assert [one["data"]["object"]["id"] for one in messages].count(session["payment_intent"]) == 1
    assert {one["livemode"] for one in messages} == {False}


def test_a_message_of_anything_can_be_sent(told: Account) -> None:
    wanted = {"type": "charge.succeeded", "object": {"id": "ch_0", "object": "charge"}, "livemode": True}
    assert told.client.post("/_sandbox/events", json=wanted).status_code == 200
    assert deliveries(told) == [("charge.succeeded", "due")]
    for broken in ({}, {**wanted, "object": 1}, {**wanted, "livemode": "yes"}):
        assert told.client.post("/_sandbox/events", json=broken).status_code == 400


def test_without_an_endpoint_no_message_is_sent(account: Account) -> None:
    wanted = {"type": "charge.succeeded", "object": {"id": "ch_0"}}
    assert account.client.post("/_sandbox/events", json=wanted).status_code == 400


@pytest.mark.parametrize(
    "wanted",
    [
        [{"kind": "earthquake"}],
        [{"kind": "http_500", "colour": 1}],
        [{"kind": "http_500", "times": True}],
        {"seed": 1},
        {"seed": "a", "percent": 0},
        {"seed": "a", "percent": 101},
        {"seed": "a", "calls": -1},
        {"seed": "a", "kinds": ["earthquake"]},
        {"seed": "a", "weather": 1},
    ],
)
def test_a_plan_that_means_nothing_is_refused_whole(account: Account, wanted: object) -> None:
    assert account.client.post("/_sandbox/faults", json=wanted).status_code == 400
    assert account.client.get("/_sandbox/faults").get_json() == []


def test_the_same_seed_is_the_same_plan_and_another_is_another() -> None:
    wanted = {"seed": "a", "percent": 30, "calls": 200, "webhooks": 200, "refunds": 50}
    assert seeded.drawn(wanted) == seeded.drawn(dict(wanted))
    assert seeded.drawn(wanted) != seeded.drawn({**wanted, "seed": "b"})


def test_a_seed_draws_every_kind_and_about_as_many_as_it_is_told() -> None:
    plan = seeded.drawn(
        {"seed": "見本", "percent": 30, "calls": 500, "webhooks": 500, "refunds": 500, "captures": 500}
    )
    drawn = {fault["kind"] for fault in plan}
    assert drawn == set(faults.KINDS) - {"slow", "dispute", "capture_amount", "capture_currency"}
    calls = [fault for fault in plan if fault["kind"] in faults.CALLS]
    assert 110 <= len(calls) <= 190
    assert {fault["effect"] for fault in plan if fault["kind"] == "stored_500"} == {True, False}


def test_kinds_that_change_what_is_owed_are_drawn_when_named() -> None:
    plan = seeded.drawn({"seed": "a", "percent": 100, "captures": 20, "kinds": ["dispute", "capture_amount"]})
    assert {fault["kind"] for fault in plan} == {"dispute", "capture_amount"}
    assert len(plan) == 20


def test_a_seeded_plan_strikes_calls_as_it_was_drawn(account: Account) -> None:
    wanted = {"seed": "b", "percent": 40, "calls": 30, "kinds": ["http_429"]}
    expected: list[int] = []
    for fault in seeded.drawn(wanted):
        expected += [200] * fault["after"] + [429]
    account.client.post("/_sandbox/faults", json=wanted)
    assert statuses(account, len(expected)) == expected
    with pytest.raises(BadFault):
        seeded.drawn({"percent": 40})
