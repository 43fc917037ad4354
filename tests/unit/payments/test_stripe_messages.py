"""Reading what Stripe sends: signatures over the very bytes, names and nothing else out of a message."""

import json
from collections.abc import Mapping
from uuid import UUID

import pytest
import stripe

from payments.stripe_port import BadSignature, signed_at
from payments.webhook import Event, Unreadable, parsed

PAYMENT = UUID("01a1fb67-1800-778b-800f-88f30a855610")
BODY = b'{"id":"evt_1"}'


def _signed(body: bytes = BODY, secret: str = "whsec_a", at: int = 1_795_219_200) -> str:
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)


def test_a_signature_tells_when_it_was_made_however_long_ago() -> None:
    assert signed_at(BODY, _signed(at=12), ["whsec_a"]) == 12


def test_either_of_two_secrets_will_do_while_one_is_replaced() -> None:
    for secret in ("whsec_a", "whsec_b"):
        assert signed_at(BODY, _signed(secret=secret), ["whsec_a", "whsec_b"]) == 1_795_219_200


@pytest.mark.parametrize(
    "header",
    [None, "", "t=", "v1=aa", "t=1,v1=é", _signed(secret="whsec_c"), _signed(b"{}"), "t=\u0661,v1=1"],
)
def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(BadSignature):
        signed_at(BODY, header, ["whsec_a", "whsec_b"])


def test_without_a_secret_nothing_is_accepted() -> None:
    for secrets in ([], [""], ["  "]):
        with pytest.raises(BadSignature):
            signed_at(BODY, _signed(secret="x"), secrets)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadSignature):
        signed_at(b"\xff\xfe", _signed(), ["whsec_a"])


def test_a_second_time_behind_the_first_moves_nothing() -> None:
    header = _signed(at=12).replace("t=12", "t=12=99") + ",t=99"
    assert signed_at(BODY, header, ["whsec_a"]) == 12


def _message(kind: str, subject: Mapping[str, object]) -> bytes:
    event = {"id": "evt_1", "type": kind, "livemode": False, "data": {"object": dict(subject)}}
    return json.dumps(event).encode()


def test_a_session_names_itself_our_payment_and_its_intent() -> None:
    subject = {"id": "cs_1", "client_reference_id": str(PAYMENT), "payment_intent": "pi_1", "metadata": None}
    assert parsed(_message("checkout.session.completed", subject)) == Event(
        "evt_1", "checkout.session.completed", False, "cs_1", PAYMENT, None, "pi_1"
    )


def test_an_intent_names_itself_and_our_payment_by_its_metadata() -> None:
    subject = {"id": "pi_1", "metadata": {"payment_id": str(PAYMENT)}}
    event = parsed(_message("payment_intent.succeeded", subject))
    assert (event.payment_id, event.payment_intent_id) == (PAYMENT, "pi_1")


@pytest.mark.parametrize("odd", [7, [], {}, "x" * 300, "", "a\x00b", None])
def test_odd_names_are_no_names(odd: object) -> None:
    subject = {"id": odd, "client_reference_id": odd, "payment_intent": odd, "metadata": odd}
    event = parsed(_message("checkout.session.completed", subject))
    assert (event.object_id, event.payment_id, event.payment_intent_id) == (None, None, None)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"id":"e"}', b'{"data":{"object":{}}}', b"\xff"])
def test_what_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parsed(body)
