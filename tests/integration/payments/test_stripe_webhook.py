"""A message from Stripe is verified, stored once, and believed only as far as "look at this object now"."""

import json
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import stripe
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from core.ids import new_id
from payments import webhook
from payments.models import WebhookEvent
from payments.remote import RefundStatus
from payments.states import PaymentState, RefundState
from tests.integration.payments.conftest import START, Till

SECRET, OLD_SECRET = "whsec_new", "whsec_old"


@pytest.fixture
def client(till: Till) -> FlaskClient:
    """Stripe's way in."""
    app = Flask(__name__)
    pages = webhook.blueprint(
        till.database, till.stripe, till.notes.callbacks(), till.clock, [SECRET, OLD_SECRET]
    )
    app.register_blueprint(pages)
    return app.test_client()


def _event(subject: dict[str, Any], *, kind: str = "checkout.session.completed", **changes: Any) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "livemode": False,
        "data": {"object": subject},
    }
    return json.dumps(event | changes).encode()


def _post(
    client: FlaskClient, body: bytes, *, at: float = START.timestamp(), secret: str = SECRET
) -> tuple[int, str]:
    """Signed by the vendor's own code; the answer's status and text."""
    header = stripe.WebhookSignature.generate_signature_header(
        body.decode("utf-8", "surrogateescape"), secret, int(at)
    )
    answer = client.post("/stripe/webhook", data=body, headers={"Stripe-Signature": header})
    return answer.status_code, answer.text


def _stored(till: Till) -> list[tuple[str, str]]:
    with till.database.reading() as session:
        rows = session.execute(
            sa.select(WebhookEvent.event_id, WebhookEvent.result).order_by(WebhookEvent.event_id)
        )
        return [(row[0], row[1]) for row in rows]


def _counted(result: str) -> float:
    return REGISTRY.get_sample_value("kaiho_payment_webhooks_total", {"result": result}) or 0


def test_a_message_makes_the_payment_due_and_the_loop_settles_it(
    till: Till, reservation: UUID, client: FlaskClient
) -> None:
    _, session_id = till.opened(reservation)
    till.stripe.pay(session_id)
    assert till.settle() == 0
    assert _post(client, _event({"id": session_id, "object": "checkout.session"})) == (200, "accepted")
    assert till.notes.settled == []
    assert till.settle() == 1
    assert till.notes.settled == [(reservation, 1500)]


def test_a_message_that_claims_payment_is_not_believed(
    till: Till, reservation: UUID, client: FlaskClient
) -> None:
    payment_id, session_id = till.opened(reservation)
    subject = {"id": session_id, "status": "complete", "payment_status": "paid", "amount_total": 1500}
    assert _post(client, _event(subject))[0] == 200
    till.settle()
    assert till.state(payment_id) == PaymentState.OPEN
    assert till.notes.settled == []


def test_the_same_message_again_is_stored_once(till: Till, reservation: UUID, client: FlaskClient) -> None:
    _, session_id = till.opened(reservation)
    body = _event({"id": session_id})
    assert _post(client, body) == (200, "accepted")
    till.settle()
    assert _post(client, body) == (200, "duplicate")
    assert till.settle() == 0
    assert _stored(till) == [("evt_1", "accepted")]


def test_a_message_before_the_answer_to_our_own_call_is_not_lost(
    till: Till, reservation: UUID, client: FlaskClient
) -> None:
    payment_id = till.start(reservation)
    answers: list[tuple[int, str]] = []

    def overtake() -> None:
        till.stripe.pay("cs_test_1")
        subject = {"id": "cs_test_1", "client_reference_id": str(payment_id)}
        answers.append(_post(client, _event(subject)))

    till.stripe.after["create_session"].append(overtake)
    till.open(payment_id)
    assert answers == [(200, "accepted")]
    assert till.settle() == 1
    assert till.notes.settled == [(reservation, 1500)]


@pytest.mark.parametrize("late", [True, False])
def test_a_message_for_a_page_whose_answer_was_lost_finds_it(
    till: Till, reservation: UUID, client: FlaskClient, *, late: bool
) -> None:
    payment_id = till.start(reservation)
    till.stripe.faults["create_session"] = ["timeout_after"]
    with pytest.raises(Exception, match="timeout"):
        till.open(payment_id)
    till.stripe.pay("cs_test_1")
    if late:
        till.clock.advance(minutes=4)
    subject = {"id": "pi_x", "metadata": {"payment_id": str(payment_id)}}
    body = _event(subject, kind="payment_intent.succeeded")
    assert _post(client, body, at=till.clock.now().timestamp()) == (200, "accepted")
    till.settle()
    assert till.notes.settled == [(reservation, 1500)]


def test_an_unknown_object_is_parked_counted_and_answered(till: Till, client: FlaskClient) -> None:
    before = _counted("parked")
    subject = {"id": "cs_other", "client_reference_id": str(new_id(START))}
    assert _post(client, _event(subject)) == (200, "parked")
    assert _post(client, _event({"id": "cs_x"}, id="evt_2"), secret=OLD_SECRET)[0] == 200
    assert _stored(till) == [("evt_1", "parked"), ("evt_2", "parked")]
    assert _counted("parked") == before + 2


@pytest.mark.parametrize(
    "header",
    [None, "", "t=1,v1=00", "t=x", "v1=00", "t=1795219200,v1=" + "0" * 64, "t=1795219200,v1=é", "t=9=9,v1=1"],
)
def test_a_forged_message_changes_nothing_and_is_counted(
    till: Till, reservation: UUID, client: FlaskClient, header: str | None
) -> None:
    payment_id, session_id = till.opened(reservation)
    due_at, before = till.payment(payment_id).next_due_at, _counted("bad_signature")
    headers = {} if header is None else {"Stripe-Signature": header}
    answer = client.post("/stripe/webhook", data=_event({"id": session_id}), headers=headers)
    assert answer.status_code == 400
    assert _stored(till) == []
    assert till.payment(payment_id).next_due_at == due_at
    assert _counted("bad_signature") == before + 1


def test_control_without_the_signature_check_a_forged_message_would_mark_the_payment(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    forged = webhook.parsed(_event({"id": session_id}))
    with till.database.transaction() as session:
        assert webhook.take_in(session, forged, now=till.clock.now()) == "accepted"
    assert till.payment(payment_id).next_due_at == till.clock.now()


def test_one_changed_byte_is_refused(till: Till, reservation: UUID, client: FlaskClient) -> None:
    _, session_id = till.opened(reservation)
    body = _event({"id": session_id})
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, int(START.timestamp()))
    changed = body.replace(b"completed", b"complete ")
    answer = client.post("/stripe/webhook", data=changed, headers={"Stripe-Signature": header})
    assert (answer.status_code, _stored(till)) == (400, [])


@pytest.mark.parametrize("skew", [-301, 301])
def test_a_signature_too_old_or_from_the_future_is_refused(
    till: Till, client: FlaskClient, skew: int
) -> None:
    at = START.timestamp() + skew
    assert _post(client, _event({"id": "cs_1"}), at=at) == (400, "stale")
    assert _stored(till) == []
    assert _post(client, _event({"id": "cs_1"}), at=at - skew // 301)[0] == 200


def test_a_message_of_the_other_mode_is_passed_over(
    till: Till, reservation: UUID, client: FlaskClient
) -> None:
    payment_id, session_id = till.opened(reservation)
    assert _post(client, _event({"id": session_id}, livemode=True)) == (200, "foreign_mode")
    assert _stored(till) == []
    assert till.payment(payment_id).next_due_at != till.clock.now()


def test_more_than_256_kib_is_refused_unread(till: Till, client: FlaskClient) -> None:
    fits = _event({"id": "cs_1", "pad": "x" * (webhook.MAX_BODY - 400)})
    assert len(fits) <= webhook.MAX_BODY
    assert _post(client, fits)[0] == 200
    assert _post(client, b"x" * (webhook.MAX_BODY + 1)) == (413, "too_large")
    assert len(_stored(till)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b'{"id":"evt_1","type":"v2.core.event","livemode":false}',
        b'{"id":7,"type":"x","livemode":false,"data":{"object":{}}}',
        b'{"id":"e\\u0000","type":"x","livemode":false,"data":{"object":{}}}',
        b"[" * 50_000,
    ],
)
def test_signed_nonsense_is_refused_without_a_trace(till: Till, client: FlaskClient, body: bytes) -> None:
    assert _post(client, body) == (400, "unreadable")
    assert _stored(till) == []


def test_a_message_about_a_refund_makes_it_due(till: Till, reservation: UUID, client: FlaskClient) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes = [RefundStatus.PENDING]
    (refund_id,) = till.owe(reservation)
    till.send()
    till.stripe.finish_refund("re_1", RefundStatus.FAILED)
    subject = {"id": "re_1", "object": "refund", "metadata": {"refund_id": str(refund_id)}}
    assert _post(client, _event(subject, kind="refund.failed")) == (200, "accepted")
    till.poll()
    assert till.refund_state(refund_id) == RefundState.FAILED
    assert till.notes.refunds[-1] == (reservation, "failed", 1500)


def test_our_own_expiry_coming_back_as_a_message_makes_no_work(
    till: Till, reservation: UUID, client: FlaskClient
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.close(reservation)
    till.expire()
    assert _post(client, _event({"id": session_id}, kind="checkout.session.expired"))[1] == "accepted"
    assert till.payment(payment_id).next_due_at is None
    assert till.settle() == 0
