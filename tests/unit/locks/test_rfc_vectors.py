"""The server's primitives against the examples of the RFCs."""

import base64
import hashlib
import hmac

import pyotp
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from locks.codes import hotp
from locks.envelope import HELLO, decode, encode, open_envelope
from locks.errors import BadMessage
from locks.keys import subkey
from tests import vectors
from tests.unit.locks import golden

HKDF_CASES = vectors.RFC["hkdf_rfc_5869_appendix_a_sha_256"]


def test_the_generator_gives_the_ten_values_of_rfc_4226_appendix_d() -> None:
    case = vectors.RFC["hotp_rfc_4226_appendix_d"]
    secret = base64.b32encode(bytes.fromhex(case["secret"])).decode()
    generator = pyotp.HOTP(secret, digits=case["digits"], digest=hashlib.sha1)
    assert [generator.at(count) for count in range(10)] == case["codes"]


def test_codes_are_those_of_rfc_6238_with_sha_256() -> None:
    case = vectors.RFC["totp_rfc_6238_appendix_b_sha_256"]
    secret = bytes.fromhex(case["secret"])
    found = {t: hotp(secret, int(t) // case["step_s"]) for t in case["codes"]}
    assert found == case["codes"]
    assert len(found) == 6


@pytest.mark.parametrize("case", HKDF_CASES, ids=["A.1", "A.2", "A.3"])
def test_keys_are_derived_as_rfc_5869_says(case: dict[str, str]) -> None:
    secret, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
    made = HKDF(algorithm=SHA256(), length=int(case["length"]), salt=salt, info=info).derive(secret)
    assert made.hex() == case["okm"]


def test_a_subkey_is_the_one_block_of_rfc_5869_without_a_salt() -> None:
    extracted = hmac.digest(bytes(32), bytes(range(32)), "sha256")
    assert subkey(bytes(range(32)), "up", 7) == hmac.digest(extracted, b"kaiho/1/up/7\x01", "sha256")


def test_an_envelope_is_written_as_rfc_7515_appendix_a_1_writes_it() -> None:
    case = vectors.RFC["jws_rfc_7515_appendix_a_1"]
    text = f"{encode(case['header'].encode())}.{encode(case['payload'].encode())}"
    signature = hmac.digest(decode(case["key"]), text.encode(), "sha256")
    assert f"{text}.{encode(signature)}" == case["jws"]
    assert [decode(part).decode() for part in case["jws"].split(".")[:2]] == [case["header"], case["payload"]]
    # Signed well, and still nothing of ours: the header is another one.
    with pytest.raises(BadMessage):
        open_envelope(
            case["jws"].encode(), keys={0: decode(case["key"])}, lock="0" * 16, direction="up", typ=HELLO
        )


def test_the_golden_vectors_are_those_that_the_protocol_was_published_with() -> None:
    assert vectors.golden_digest() == "171d2365c931ced363013614b801ad1a8f6a8442264db7880ca8bde092be1457"
    assert vectors.GOLDEN == golden.VECTORS


def test_every_set_of_vectors_has_every_kind_and_none_is_empty() -> None:
    for vector in golden.sets():
        assert set(vector) == {
            *("lock", "root", "code_root", "epoch", "mac_epoch", "keys", "codes", "weak", "staff_codes"),
            *("desired", "desired_jws", "digest", "hello", "hello_jws", "welcome", "welcome_jws"),
            *("bad_envelopes", "decisions", "bucket"),
        }
        assert all(vector[kind] for kind in set(vector) - {"epoch", "mac_epoch"})
