"""What section 3 of the protocol refuses, one defect at a time."""

import json

import pytest

from firmware_sim.core.envelope import Refused, decode, encode, unseal
from firmware_sim.core.strict_json import parse
from tests.unit.firmware_sim.server_double import ServerDouble, b64

LOCK = "00112233445566ff"


@pytest.fixture
def server() -> ServerDouble:
    return ServerDouble(LOCK, 1_800_000_000)


def opened(server: ServerDouble, token: str, lowest: int = 0) -> dict[str, object]:
    return unseal(token, server.root, LOCK, "down", lowest, "kaiho-welcome").payload


def test_a_sound_envelope_opens_whatever_the_order_of_its_header(server: ServerDouble) -> None:
    assert opened(server, server.sign({"lock": LOCK, "x": [1, None, True]}, "kaiho-welcome"))["x"] == [
        1,
        None,
        True,
    ]


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"typ": "kaiho-desired"},
        {"kid": "00112233445566ff:up:0"},
        {"kid": "00112233445566fe:down:0"},
        {"kid": "00112233445566ff:down:00"},
        {"kid": "00112233445566ff:down:-1"},
        {"kid": "00112233445566ff:down:"},
        {"kid": "00112233445566ff:down:٣"},
        {"kid": 7},
        {"crit": []},
    ],
)
def test_any_other_header_is_refused(server: ServerDouble, header: dict[str, object]) -> None:
    with pytest.raises(Refused):
        opened(server, server.sign({"lock": LOCK}, "kaiho-welcome", **header))


def signed(server: ServerDouble, header: str, payload: str) -> str:
    import hashlib
    import hmac

    text = b64(header.encode()) + "." + b64(payload.encode())
    return text + "." + b64(hmac.new(server.key("down", 0), text.encode(), hashlib.sha256).digest())


HEADER = '{"alg":"HS256","kid":"00112233445566ff:down:0","typ":"kaiho-welcome"}'


@pytest.mark.parametrize(
    "header,payload",
    [
        (HEADER, '{"lock":"00112233445566ff","a":1,"a":2}'),
        (HEADER, '{"lock":"00112233445566ff","b":{"a":1,"\\u0061":2}}'),
        (HEADER.replace("{", '{"alg":"HS256",', 1), '{"lock":"00112233445566ff"}'),
        (HEADER, '{"lock":"00112233445566ff"} x'),
        (HEADER, "[]"),
        (HEADER, '{"lock":"00112233445566fe"}'),
        (HEADER, '{"lock":NaN}'),
        ("[]", '{"lock":"00112233445566ff"}'),
    ],
)
def test_duplicate_keys_and_other_json_are_refused_though_signed(
    server: ServerDouble, header: str, payload: str
) -> None:
    assert opened(server, signed(server, HEADER, '{"lock":"00112233445566ff"}'))
    with pytest.raises(Refused):
        opened(server, signed(server, header, payload))


def test_duplicate_keys_would_pass_a_plain_parser() -> None:
    """Negative control: the standard parser takes the last of two members, silently."""
    assert json.loads('{"a":1,"a":2}') == {"a": 2}
    with pytest.raises(ValueError):
        parse('{"a":1,"a":2}')


def test_every_flipped_character_of_an_envelope_is_refused(server: ServerDouble) -> None:
    token = server.sign({"lock": LOCK, "n": 5}, "kaiho-welcome")
    for index in range(len(token)):
        spoiled = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(Refused):
            opened(server, spoiled)


def test_an_earlier_mac_epoch_is_refused_and_told_apart(server: ServerDouble) -> None:
    token = server.sign({"lock": LOCK}, "kaiho-welcome")
    with pytest.raises(Refused) as refused:
        opened(server, token, lowest=1)
    assert refused.value.old_epoch
    server.mac_epoch = 3
    assert opened(server, server.sign({"lock": LOCK}, "kaiho-welcome"), lowest=1)


@pytest.mark.parametrize("text", ["A", "AA=", "A+", "AB", "A A", "AA\n"])
def test_only_canonical_base64url_is_read(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)
    assert decode(encode(b"\xfb\xff")) == b"\xfb\xff"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,]", '{"a"}', "01", "-", "1.", "+1", '"a', '"\n"', "tru", "[" * 40, "1e", "{,}", "[1 2]"],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["0", "-0", "1.5", "1e3", "[]", "{}", ' {"a" : [ {} , "\\"\\u3042" ] } ', "null", '"\\\\"']
)
def test_what_is_json_means_the_same_as_elsewhere(text: str) -> None:
    assert parse(text) == json.loads(text)
