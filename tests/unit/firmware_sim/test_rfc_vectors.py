"""The firmware's primitives against the examples of the RFCs."""

import hashlib
import hmac
import struct

import pytest

from firmware_sim.core.envelope import Refused, decode, encode, unseal
from firmware_sim.core.primitives import hkdf, hmac_sha256, truncate
from tests import vectors
from tests.unit.firmware_sim.vectors import VECTORS

HKDF_CASES = vectors.RFC["hkdf_rfc_5869_appendix_a_sha_256"]


def test_truncation_gives_the_ten_values_of_rfc_4226_appendix_d() -> None:
    case = vectors.RFC["hotp_rfc_4226_appendix_d"]
    secret = bytes.fromhex(case["secret"])
    macs = [hmac.digest(secret, struct.pack(">Q", count), hashlib.sha1) for count in range(10)]
    assert [truncate(mac, case["digits"]) for mac in macs] == case["codes"]


def test_codes_are_those_of_rfc_6238_with_sha_256() -> None:
    case = vectors.RFC["totp_rfc_6238_appendix_b_sha_256"]
    secret = bytes.fromhex(case["secret"])
    found = {
        t: truncate(hmac_sha256(secret, struct.pack(">Q", int(t) // case["step_s"])), 8)
        for t in case["codes"]
    }
    assert found == case["codes"]
    assert len(found) == 6


@pytest.mark.parametrize("case", HKDF_CASES, ids=["A.1", "A.2", "A.3"])
def test_keys_are_derived_as_rfc_5869_says(case: dict[str, str]) -> None:
    secret, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
    assert hkdf(secret, info, salt, int(case["length"])).hex() == case["okm"]


def test_an_envelope_is_written_as_rfc_7515_appendix_a_1_writes_it() -> None:
    case = vectors.RFC["jws_rfc_7515_appendix_a_1"]
    text = encode(case["header"].encode()) + "." + encode(case["payload"].encode())
    assert text + "." + encode(hmac_sha256(decode(case["key"]), text.encode())) == case["jws"]
    assert [decode(part).decode() for part in case["jws"].split(".")[:2]] == [case["header"], case["payload"]]
    # Signed well, and still nothing of ours: the header is another one.
    with pytest.raises(Refused):
        unseal(case["jws"], decode(case["key"]), "0" * 16, "up", 0, "kaiho-hello")


def test_the_golden_vectors_are_the_ones_that_the_server_is_judged_by() -> None:
    assert vectors.GOLDEN == VECTORS
