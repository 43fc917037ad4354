"""The envelope is read strictly: one form, one header, one key."""

import base64
import hmac
import json

import pytest

from locks.envelope import HELLO, MAX_BYTES, open_envelope, seal, to_json
from locks.errors import BadMessage

LOCK = "00112233445566ff"
KEY = b"k" * 32
HEADER = {"alg": "HS256", "kid": f"{LOCK}:up:0", "typ": HELLO}


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed(header: bytes, body: bytes) -> bytes:
    text = f"{encoded(header)}.{encoded(body)}"
    return f"{text}.{encoded(hmac.digest(KEY, text.encode(), 'sha256'))}".encode()


def refusal(message: bytes) -> str:
    try:
        open_envelope(message, keys={0: KEY}, lock=LOCK, direction="up", typ=HELLO)
    except BadMessage as error:
        return error.why
    return "opened"


BODY = to_json({"lock": LOCK})


def test_a_message_in_any_order_of_its_header_is_opened() -> None:
    turned = {name: HEADER[name] for name in ("typ", "alg", "kid")}
    assert refusal(signed(to_json(HEADER), BODY)) == "opened"
    assert refusal(signed(to_json(turned), BODY)) == "opened"


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS512"},
        {**HEADER, "typ": "kaiho-desired"},
        {**HEADER, "kid": f"{LOCK}:down:0"},
        {**HEADER, "kid": f"{LOCK}:up:00"},
        {**HEADER, "kid": f"{LOCK}:up:1"},
        {**HEADER, "kid": "ffffffffffffffff:up:0"},
        {**HEADER, "kid": 7},
        {**HEADER, "kid": f"{LOCK}:up:0\n"},
        {**HEADER, "crit": ["b64"]},
        {"alg": "HS256", "typ": HELLO},
    ],
)
def test_any_other_header_is_refused_however_well_it_is_signed(header: dict[str, object]) -> None:
    assert refusal(signed(to_json(header), BODY)) == "bad_envelope"


def test_a_member_twice_is_refused_in_header_and_payload() -> None:
    twice = b'{"alg":"HS256","alg":"HS256",' + to_json(HEADER)[1:]
    assert refusal(signed(twice, BODY)) == "bad_envelope"
    assert refusal(signed(to_json(HEADER), b'{"lock":"x",' + BODY[1:])) == "bad_payload"


@pytest.mark.parametrize("body", [b"[]", b"7", b"", b"{", b'{"a":NaN}', b"\xff", b"[" * 20_000])
def test_a_signed_payload_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(signed(to_json(HEADER), body)) in ("bad_payload", "bad_envelope")


def test_a_payload_beyond_what_a_small_lock_can_read_is_refused() -> None:
    def with_member(text: str) -> str:
        return refusal(signed(to_json(HEADER), f'{{"lock":"{LOCK}","x":{text}}}'.encode()))

    assert with_member("[" * 15 + "1" + "]" * 15) == "opened"
    assert with_member("[" * 16 + "1" + "]" * 16) == "bad_payload"
    assert with_member("[" * 16 + "]" * 16) == "opened"
    assert with_member("1" * 40) == with_member("-0." + "1" * 37) == "opened"
    assert with_member("1" * 41) == with_member("-0." + "1" * 38) == "bad_payload"


def test_spaces_in_a_header_are_no_reason_to_refuse_it() -> None:
    assert refusal(signed(b" " * 300 + to_json(HEADER), BODY)) == "opened"


def test_a_payload_that_names_another_lock_is_refused() -> None:
    assert refusal(signed(to_json(HEADER), to_json({"lock": "ffffffffffffffff"}))) == "foreign"
    assert refusal(signed(to_json(HEADER), to_json({}))) == "foreign"


def test_padding_and_other_spellings_of_the_same_octets_are_refused() -> None:
    good = signed(to_json(HEADER), BODY).decode()
    head, body, signature = good.split(".")
    last = signature[-1]
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if other != last:
            assert refusal(f"{head}.{body}.{signature[:-1]}{other}".encode()) == "bad_envelope"
    assert refusal((good + "=").encode()) == "bad_envelope"
    assert refusal((good + "\n").encode()) == "bad_envelope"


def test_an_empty_or_short_signature_is_refused() -> None:
    head, body, signature = signed(to_json(HEADER), BODY).decode().split(".")
    assert refusal(f"{head}.{body}.".encode()) == "bad_envelope"
    assert refusal(f"{head}.{body}.{signature[:40]}".encode()) == "bad_envelope"


def test_a_message_beyond_the_limit_is_not_looked_at() -> None:
    assert refusal(b"a" * (MAX_BYTES + 1)) == "too_large"


def test_what_is_sealed_can_be_opened() -> None:
    octets = json.dumps({"lock": LOCK, "ä": 1}).encode()
    jws = seal(octets, key=KEY, lock=LOCK, direction="up", mac_epoch=0, typ=HELLO)
    opened = open_envelope(jws.encode(), keys={0: KEY}, lock=LOCK, direction="up", typ=HELLO)
    assert opened.octets == octets
    assert opened.mac_epoch == 0
