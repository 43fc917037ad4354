"""Keys, versions, lists, expiry, faults, what survives a restart, and where it may listen."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from payments.sandbox import API_VERSION
from payments.sandbox.webhooks import signature
from payments.sandbox.wire import NotLoopback, address
from tests.unit.sandbox.account import GOOD_CARD, ORDER, Account, opened_account

SESSIONS = "/v1/checkout/sessions"


def states(account: Account) -> list[tuple[str, str]]:
    deliveries = account.client.get("/_sandbox/state").get_json()["deliveries"]
    types = {event["id"]: event["type"] for event in account.objects("event")}
    return [(types[one["event"]], one["state"]) for one in deliveries]


def test_the_version_is_the_one_of_the_installed_client() -> None:
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize("header", ["", "Bearer sk_test_other", "Bearer ", "Basic !!!"])
def test_a_wrong_key_is_refused_in_stripes_shape(account: Account, header: str) -> None:
    answer = account.client.get(SESSIONS, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.get_json()["error"]["type"] == "invalid_request_error"
    assert account.call("GET", SESSIONS).status_code == 200


def test_another_version_is_refused(account: Account) -> None:
    assert account.call("GET", SESSIONS, Stripe_Version="2024-06-20").status_code == 400


def test_every_answer_has_a_request_id(account: Account) -> None:
    ids = {
        account.call("GET", path).headers["request-id"]
        for path in (SESSIONS, "/v1/nothing", "/v1/refunds/re_0")
    }
    assert len(ids) == 3
    assert all(one.startswith("req_") for one in ids)


def test_what_is_not_there_is_404_with_its_parameter(account: Account) -> None:
    answer = account.call("GET", f"{SESSIONS}/cs_test_nobody")
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "resource_missing", "session")


def test_a_session_expires_at_its_deadline_and_not_before(account: Account) -> None:
    session = account.order(expires_at="1795231800")
    account.advance(1799)
    assert account.session(session["id"])["status"] == "open"
    account.advance(1)
    assert account.session(session["id"])["status"] == "expired"
    assert account.event_types() == ["checkout.session.expired"]
    answer = account.pay(session["id"])
    assert (answer.status_code, "お支払い期限が過ぎました" in answer.text) == (410, True)
    assert account.objects("charge") == []


def test_a_paid_session_never_expires(account: Account) -> None:
    session = account.paid()
    account.advance(2 * 24 * 60 * 60)
    assert account.session(session["id"])["status"] == "complete"


def test_an_expired_session_cancels_an_intent_that_waits_for_authentication(account: Account) -> None:
    session = account.order()
    account.pay(session["id"], "4000000000003220")
    assert account.call("POST", f"{SESSIONS}/{session['id']}/expire").get_json()["status"] == "expired"
    assert account.objects("payment_intent")[0]["status"] == "canceled"
    late = account.client.post(f"/c/pay/{session['id']}/3ds", data={"outcome": "complete"})
    assert late.status_code == 410
    assert account.objects("charge") == []


@pytest.mark.parametrize("status", ["complete", "expired"])
def test_only_an_open_session_can_be_expired(account: Account, status: str) -> None:
    session = account.paid() if status == "complete" else account.order()
    if status == "expired":
        account.call("POST", f"{SESSIONS}/{session['id']}/expire")
    answer = account.call("POST", f"{SESSIONS}/{session['id']}/expire")
    assert answer.status_code == 400
    assert f"has a status of `{status}`" in answer.get_json()["error"]["message"]


def test_pages_of_a_list_hold_every_object_once(account: Account) -> None:
    made = [account.order()["id"] for _ in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = account.call("GET", SESSIONS, {"limit": "2", **after}).get_json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = {"starting_after": seen[-1]}
    assert seen == made[::-1]
    before = account.call("GET", SESSIONS, {"limit": "2", "ending_before": made[1]}).get_json()
    assert [one["id"] for one in before["data"]] == [made[3], made[2]]


def test_a_list_is_filtered_by_status_intent_and_creation(account: Account) -> None:
    paid = account.paid()
    account.advance(100)
    later = account.order()

    def found(**filters: str) -> list[str]:
        return [one["id"] for one in account.call("GET", SESSIONS, filters).get_json()["data"]]

    assert found(status="open") == [later["id"]]
    assert found(payment_intent=paid["payment_intent"]) == [paid["id"]]
    assert found(**{"created[gte]": str(paid["created"] + 1)}) == [later["id"]]
    assert found(**{"created[lt]": str(later["created"])}) == [paid["id"]]
    assert found(created=str(paid["created"])) == [paid["id"]]
    assert len(found()) == 2


def test_expand_goes_from_the_session_to_the_fee(account: Account) -> None:
    session = account.paid()
    form = {"expand[0]": "payment_intent.latest_charge.balance_transaction", "expand[1]": "line_items"}
    body = account.call("GET", f"{SESSIONS}/{session['id']}", form).get_json()
    assert body["payment_intent"]["latest_charge"]["balance_transaction"]["fee"] == 54
    assert body["line_items"]["data"][0]["amount_total"] == 1500
    wrong = account.call("GET", f"{SESSIONS}/{session['id']}", {"expand[0]": "metadata"})
    assert wrong.status_code == 400


def test_events_are_listed_by_type(account: Account) -> None:
    account.paid()
    listed = account.call(
        "GET", "/v1/events", {"types[0]": "payment_intent.succeeded", "types[1]": "refund.*"}
    )
    event = listed.get_json()["data"][0]
    assert [one["type"] for one in listed.get_json()["data"]] == ["payment_intent.succeeded"]
    assert account.call("GET", f"/v1/events/{event['id']}").get_json() == event
    assert event["api_version"] == API_VERSION


def test_everything_is_there_after_a_restart_and_ids_do_not_repeat(tmp_path: Path) -> None:
    with opened_account(tmp_path / "s.db") as account:
        session = account.paid()
        account.advance(500)
        account.plan({"kind": "http_429", "path": SESSIONS})
        before = account.client.get("/_sandbox/state").get_json()
    with opened_account(tmp_path / "s.db", seed="another") as account:
        assert account.client.get("/_sandbox/state").get_json() == before
        assert account.call("POST", SESSIONS, ORDER).status_code == 429
        assert account.order()["id"] != session["id"]


def test_the_same_seed_gives_the_same_ids(tmp_path: Path) -> None:
    ids = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        with opened_account(tmp_path / name, seed=seed) as account:
            ids.append(account.order()["id"])
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    "fault, expected",
    [
        ({}, [("payment_intent.succeeded", "due"), ("checkout.session.completed", "due")]),
        (
            {"kind": "webhook_duplicate", "type": "payment_intent.*"},
            [
                ("payment_intent.succeeded", "due"),
                ("payment_intent.succeeded", "due"),
                ("checkout.session.completed", "due"),
            ],
        ),
        (
            {"kind": "webhook_drop", "times": -1},
            [("payment_intent.succeeded", "dropped"), ("checkout.session.completed", "dropped")],
        ),
    ],
)
def test_webhook_faults_decide_what_is_owed(
    tmp_path: Path, fault: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with opened_account(tmp_path / "s.db", webhook_url="http://127.0.0.1:1/hook") as account:
        if fault:
            account.plan(fault)
        account.paid()
        assert states(account) == expected


def test_nothing_is_owed_where_no_endpoint_is_set(account: Account) -> None:
    account.paid()
    assert states(account) == []
    assert account.objects("event")[-1]["pending_webhooks"] == 0


@pytest.mark.parametrize(
    "fault", [{"kind": "meteor"}, {"kind": "slow", "colour": 1}, {"kind": "slow", "times": "2"}, 5]
)
def test_a_fault_that_cannot_be_is_refused(account: Account, fault: object) -> None:
    assert account.client.post("/_sandbox/faults", json=[fault]).status_code == 400
    assert account.client.get("/_sandbox/faults").get_json() == []


def test_a_fault_strikes_as_often_as_asked_where_asked(account: Account) -> None:
    account.plan({"kind": "http_429", "path": "/v1/refunds", "times": 2})
    assert account.call("POST", SESSIONS, ORDER).status_code == 200
    assert account.call("GET", "/v1/refunds").status_code == 200
    assert [account.call("POST", "/v1/refunds", {}).status_code for _ in range(3)] == [429, 429, 400]


def test_requests_are_counted_by_path(account: Account) -> None:
    session = account.order()
    account.session(session["id"])
    account.client.post(f"/c/pay/{session['id']}", data=GOOD_CARD)
    assert account.client.get("/_sandbox/requests").get_json() == {
        "POST /v1/checkout/sessions": 1,
        "GET /v1/checkout/sessions/<object_id>": 1,
        "POST /c/pay/<session_id>": 1,
    }


def test_the_clock_only_goes_forward(account: Account) -> None:
    assert account.client.post("/_sandbox/clock", json={"advance_s": -1}).status_code == 400


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "192.0.2.1:80", "example.jp:80", ":80", "[::]:80"])
def test_it_listens_on_loopback_only(listen: str) -> None:
    with pytest.raises(NotLoopback):
        address(listen)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:80", "[::1]:80"])
def test_loopback_addresses_are_taken(listen: str) -> None:
    assert address(listen)[1] in (0, 80)


def test_the_signature_is_one_that_the_client_accepts_and_binds_every_byte() -> None:
    header = signature('{"id":"evt_1"}', "whsec_x", 1_795_230_000)
    assert stripe.WebhookSignature.verify_header('{"id":"evt_1"}', header, "whsec_x")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header('{"id":"evt_2"}', header, "whsec_x")
