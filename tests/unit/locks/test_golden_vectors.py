"""Our side of the protocol against the golden vectors."""

import hashlib
import json
from typing import Any

import pytest

from locks.codes import code_of, counter_of, is_weak, staff_verifier
from locks.envelope import DESIRED, HELLO, WELCOME, open_envelope, seal, to_json
from locks.errors import BadMessage
from locks.keys import subkey
from locks.lists import sellable_entries, starts_of
from locks.wire import hello_of, welcome_octets
from tests.unit.locks import golden

SETS = golden.sets()


def key(vector: dict[str, Any], label: str) -> bytes:
    root = bytes.fromhex(vector["code_root" if label == "code" else "root"])
    return subkey(root, label, vector["mac_epoch" if label in ("up", "down") else "epoch"])


@pytest.fixture(params=SETS, ids=[vector["lock"] for vector in SETS])
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def test_every_subkey_follows_from_its_root(vector: dict[str, Any]) -> None:
    assert {label: key(vector, label).hex() for label in vector["keys"]} == vector["keys"]


def test_every_code_follows_from_its_window(vector: dict[str, Any]) -> None:
    for case in vector["codes"]:
        window = (case["granule"], case["length"], case["lane"], case["rev"])
        assert counter_of(*window) == case["counter"]
        assert code_of(key(vector, "code"), *window) == case["code"]


def test_weak_codes_are_told_from_good_ones(vector: dict[str, Any]) -> None:
    for case in vector["weak"]:
        assert is_weak(case["code"]) is case["weak"]


def test_staff_verifiers_are_what_the_desired_state_lists(vector: dict[str, Any]) -> None:
    listed = {gid: verifier for gid, _, _, _, verifier in vector["desired"]["staff"]}
    made = {
        gid: staff_verifier(key(vector, "grant"), gid, code) for gid, code in vector["staff_codes"].items()
    }
    assert made == listed


def test_a_desired_state_is_sealed_octet_for_octet(vector: dict[str, Any]) -> None:
    octets = to_json(vector["desired"])
    jws = seal(
        octets,
        key=key(vector, "down"),
        lock=vector["lock"],
        direction="down",
        mac_epoch=vector["mac_epoch"],
        typ=DESIRED,
    )
    assert jws == vector["desired_jws"]
    assert hashlib.sha256(octets).hexdigest() == vector["digest"]


def test_a_welcome_is_written_octet_for_octet(vector: dict[str, Any]) -> None:
    welcome = vector["welcome"]
    octets = welcome_octets(
        lock=vector["lock"],
        nonce=welcome["nonce"],
        now_ms=welcome["now"],
        version=welcome["version"],
        digest=welcome["digest"],
        ack_seq=welcome["ack_seq"],
        next_sync_at=welcome["next_sync_at"],
    )
    jws = seal(
        octets,
        key=key(vector, "down"),
        lock=vector["lock"],
        direction="down",
        mac_epoch=vector["mac_epoch"],
        typ=WELCOME,
    )
    assert jws == vector["welcome_jws"]


def test_a_hello_is_read_as_it_was_meant(vector: dict[str, Any]) -> None:
    opened = open_envelope(
        vector["hello_jws"].encode(),
        keys={vector["mac_epoch"]: key(vector, "up")},
        lock=vector["lock"],
        direction="up",
        typ=HELLO,
    )
    hello = hello_of(opened)
    assert json.loads(opened.octets) == vector["hello"]
    assert (hello.n, hello.nonce, hello.applied) == (41, vector["hello"]["nonce"], vector["hello"]["applied"])
    assert hello.events[0].credential == tuple(vector["hello"]["events"][0]["credential"])


def test_no_bad_envelope_is_opened(vector: dict[str, Any]) -> None:
    def opens(jws: str) -> bool:
        try:
            open_envelope(
                jws.encode(),
                keys={vector["mac_epoch"]: key(vector, "down")},
                lock=vector["lock"],
                direction="down",
                typ=DESIRED,
            )
        except BadMessage:
            return False
        return True

    assert {case["why"]: opens(case["jws"]) for case in vector["bad_envelopes"]} == {
        case["why"]: False for case in vector["bad_envelopes"]
    }
    # The control: the same reader opens the good one.
    assert opens(vector["desired_jws"])


def test_lists_of_starts_survive_being_taken_apart_and_put_together(vector: dict[str, Any]) -> None:
    sellable = vector["desired"]["sellable"]
    assert sellable_entries(starts_of(sellable)) == sellable


def test_what_a_lock_opens_for_as_granted_is_what_we_would_show(vector: dict[str, Any]) -> None:
    shown = {code_of(key(vector, "code"), *grant) for grant in vector["desired"]["grants"]}
    opened = {case["entered"] for case in vector["decisions"] if case["outcome"] == "granted"}
    assert opened
    assert opened <= shown


def test_what_a_lock_derives_is_within_the_look_ahead_that_we_sell(vector: dict[str, Any]) -> None:
    floors = {(granule, lane): floor for granule, lane, floor in vector["desired"]["floors"]}
    sold = {
        code_of(key(vector, "code"), granule, length, lane, rev)
        for (granule, lane), mask in starts_of(vector["desired"]["sellable"]).items()
        for length in range(49)
        if mask >> length & 1
        for rev in range(floors.get((granule, lane), 0), floors.get((granule, lane), 0) + 3)
    }
    derived = {case["entered"] for case in vector["decisions"] if case["outcome"] == "derived"}
    assert derived
    assert derived <= sold
