"""What the sandbox does to us on request: lost answers, refusals, crashes, webhooks as in life."""

import json
from pathlib import Path

import pytest
import stripe

from tests.contract.stripe.endpoint import Endpoint, running_endpoint
from tests.contract.stripe.merchant import GOOD, Merchant, client_for, pay
from tests.servers.loopback import eventually, free_port
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import WEBHOOK_SECRET, start_stripe_sandbox

SESSIONS = "/v1/checkout/sessions"
SALE = ["payment_intent.succeeded", "checkout.session.completed"]


def test_an_answer_lost_before_the_effect_leaves_nothing(told_merchant: Merchant) -> None:
    told_merchant.plans({"kind": "timeout_before", "path": SESSIONS})
    with pytest.raises(stripe.APIConnectionError):
        told_merchant.sells("k")
    assert told_merchant.objects("checkout.session") == []
    told_merchant.sells("k")
    assert len(told_merchant.objects("checkout.session")) == 1


def test_an_answer_lost_after_the_effect_comes_again_with_the_same_key(told_merchant: Merchant) -> None:
    told_merchant.plans({"kind": "timeout_after", "path": SESSIONS})
    with pytest.raises(stripe.APIConnectionError):
        told_merchant.sells("k")
    made = told_merchant.objects("checkout.session")
    assert told_merchant.sells("k").id == made[0]["id"]
    assert len(told_merchant.objects("checkout.session")) == 1


def test_an_answer_lost_after_the_effect_makes_two_where_keys_differ(told_merchant: Merchant) -> None:
    """The negative control: it is the key that protects."""
    told_merchant.plans({"kind": "timeout_after", "path": SESSIONS})
    with pytest.raises(stripe.APIConnectionError):
        told_merchant.sells("k1")
    told_merchant.sells("k2")
    assert len(told_merchant.objects("checkout.session")) == 2


def test_the_clients_own_retries_ride_over_a_lost_answer(told_merchant: Merchant) -> None:
    patient = client_for(told_merchant.secret_key, told_merchant.api_base, retries=2)
    told_merchant.plans({"kind": "timeout_after", "path": SESSIONS})
    Merchant(patient, told_merchant.secret_key, told_merchant.api_base).sells()
    assert len(told_merchant.objects("checkout.session")) == 1


@pytest.mark.parametrize(
    "kind, error, status",
    [
        ("http_409", stripe.APIError, 409),
        ("http_429", stripe.RateLimitError, 429),
        ("stored_500", stripe.APIError, 500),
        ("http_503", stripe.APIError, 503),
    ],
)
def test_a_refusal_arrives_as_the_clients_own_error(
    told_merchant: Merchant, kind: str, error: type[stripe.StripeError], status: int
) -> None:
    told_merchant.plans({"kind": kind, "path": SESSIONS})
    with pytest.raises(error) as refused:
        told_merchant.sells()
    assert refused.value.http_status == status
    assert told_merchant.sells().status == "open"


def test_every_webhook_is_signed_for_the_bytes_it_brings(told_merchant: Merchant, endpoint: Endpoint) -> None:
    told_merchant.sold()
    eventually(lambda: len(endpoint.messages) == 2, what="two webhooks")
    assert endpoint.types() == SALE
    for body, header in endpoint.messages:
        event = told_merchant.client.construct_event(body, header, WEBHOOK_SECRET)
        assert (event.api_version, event.pending_webhooks) == (stripe.api_version, 1)
        with pytest.raises(stripe.SignatureVerificationError):
            told_merchant.client.construct_event(body.replace(b"1500", b"1501"), header, WEBHOOK_SECRET)
        with pytest.raises(stripe.SignatureVerificationError):
            told_merchant.client.construct_event(body, header, "whsec_other")
    eventually(lambda: all(one["state"] == "delivered" for one in told_merchant.state()["deliveries"]))


def test_a_webhook_is_sent_again_until_it_is_answered(told_merchant: Merchant, endpoint: Endpoint) -> None:
    endpoint.answers = [500, 500, 302]
    told_merchant.sold()
    eventually(lambda: len(endpoint.messages) >= 2, what="a first try of both")
    for _ in range(4):
        told_merchant.waits(5)
    eventually(lambda: all(one["state"] == "delivered" for one in told_merchant.state()["deliveries"]))
    assert len(endpoint.messages) == 5
    assert set(endpoint.types()) == set(SALE)


@pytest.mark.parametrize(
    "fault, expected",
    [
        ({"kind": "webhook_duplicate"}, [SALE[0], SALE[0], SALE[1]]),
        ({"kind": "webhook_drop"}, [SALE[1]]),
        ({"kind": "webhook_reorder", "times": 2}, [SALE[1], SALE[0]]),
    ],
)
def test_webhooks_come_as_the_fault_wants(
    told_merchant: Merchant, endpoint: Endpoint, fault: dict[str, object], expected: list[str]
) -> None:
    told_merchant.plans(fault)
    told_merchant.sold()
    eventually(lambda: len(endpoint.messages) == len(expected), what="the webhooks")
    eventually(
        lambda: {one["state"] for one in told_merchant.state()["deliveries"]} <= {"delivered", "dropped"}
    )
    assert endpoint.types() == expected


def test_three_days_of_silence_and_then_all_at_once(told_merchant: Merchant, endpoint: Endpoint) -> None:
    told_merchant.plans({"kind": "webhook_delay", "times": -1, "delay_s": 3 * 24 * 60 * 60})
    for _ in range(3):
        told_merchant.sold()
    assert endpoint.messages == []
    told_merchant.waits(3 * 24 * 60 * 60)
    eventually(lambda: len(endpoint.messages) == 6, what="all six")
    assert endpoint.types() == SALE * 3


def test_a_silence_ends_with_everything_at_once_in_its_order(
    told_merchant: Merchant, endpoint: Endpoint
) -> None:
    told_merchant.asks("/webhooks", silent_for_s=3 * 24 * 60 * 60)
    for _ in range(3):
        told_merchant.sold()
    told_merchant.waits(3 * 24 * 60 * 60 - 60)
    assert endpoint.messages == []
    told_merchant.waits(60)
    eventually(lambda: len(endpoint.messages) == 6, what="all six")
    assert endpoint.types() == SALE * 3


def test_a_message_from_elsewhere_is_signed_like_any_other(
    told_merchant: Merchant, endpoint: Endpoint
) -> None:
    stranger = {"id": "cs_live_0", "object": "checkout.session", "livemode": True}
    told_merchant.asks("/events", type="checkout.session.completed", object=stranger, livemode=True)
    eventually(lambda: len(endpoint.messages) == 1, what="the message")
    event = told_merchant.client.construct_event(*endpoint.messages[0], WEBHOOK_SECRET)
    assert (event.livemode, event.type) == (True, "checkout.session.completed")


def test_a_dispute_is_told_with_its_money(told_merchant: Merchant, endpoint: Endpoint) -> None:
    session = told_merchant.sells()
    assert pay(session, "4000000000000259").status_code == 303
    eventually(lambda: len(endpoint.messages) == 4, what="sale and dispute")
    assert endpoint.types()[2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    dispute = told_merchant.client.v1.disputes.list().data[0]
    assert [moved.amount for moved in dispute.balance_transactions] == [-1500]


def test_a_plan_of_faults_may_be_given_at_the_start(tmp_path: Path, processes: Processes) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"seed": "rain", "percent": 100, "calls": 1, "kinds": ["http_429"]}))
    common = ["-m", "payments.sandbox", "--state", str(tmp_path / "state.db"), "--secret-key", "sk_test_x"]
    sandbox = processes.python(*common, "--faults", str(plan))
    url = json.loads(sandbox.wait_for_line(r"^\{.*\}$").group())["url"]
    merchant = Merchant(client_for("sk_test_x", url), "sk_test_x", url)
    with pytest.raises(stripe.RateLimitError):
        merchant.sells()
    assert merchant.sells().status == "open"
    plan.write_text('{"kind": "earthquake"}')
    refused = processes.python(*common[:3], str(tmp_path / "other.db"), *common[4:], "--faults", str(plan))
    assert refused.wait(within_s=20) == 1
    assert "kind must be one of" in refused.output


def test_a_session_past_its_deadline_expires_by_itself_and_tells(
    told_merchant: Merchant, endpoint: Endpoint
) -> None:
    session = told_merchant.sells()
    told_merchant.waits(24 * 60 * 60)
    eventually(lambda: endpoint.types() == ["checkout.session.expired"], what="the news")
    assert endpoint.events()[0]["data"]["object"]["id"] == session.id
    assert pay(session, GOOD).status_code == 410


def test_a_killed_sandbox_goes_on_where_it_was_and_still_tells(tmp_path: Path, processes: Processes) -> None:
    port, state = free_port(), tmp_path / "state.db"
    url = f"http://127.0.0.1:{port}/webhooks"
    sandbox = start_stripe_sandbox(processes, state, webhook_url=url)
    merchant = Merchant(client_for(sandbox.secret_key, sandbox.url), sandbox.secret_key, sandbox.url)
    sold = merchant.sold()
    sandbox.process.kill()
    with running_endpoint(port) as endpoint:
        listen = sandbox.url.removeprefix("http://")
        start_stripe_sandbox(processes, state, webhook_url=url, listen=listen)
        merchant.waits(60)
        eventually(lambda: sorted(endpoint.types()) == sorted(SALE), what="what was owed")
    assert merchant.client.v1.checkout.sessions.retrieve(sold.id).payment_status == "paid"
    assert len(merchant.objects("charge")) == 1


def test_it_ends_when_asked_and_refuses_to_listen_to_others(tmp_path: Path, processes: Processes) -> None:
    sandbox = start_stripe_sandbox(processes, tmp_path / "state.db")
    assert json.loads(sandbox.process.lines[0]) == {"url": sandbox.url}
    assert sandbox.process.stop() == 0
    common = ["--state", str(tmp_path / "other.db"), "--secret-key", "sk_test_x"]
    refused = processes.python("-m", "payments.sandbox", "--listen", "0.0.0.0:0", *common)
    assert refused.wait(within_s=20) == 2
    assert "loopback" in refused.output
    live = processes.python("-m", "payments.sandbox", *common[:2], "--secret-key", "sk_live_x")
    assert live.wait(within_s=20) == 2
