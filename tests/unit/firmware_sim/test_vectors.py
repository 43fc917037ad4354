"""The golden vectors of lock protocol 1, against the firmware's own implementation."""

import base64
import hashlib
import json
from typing import Any

import pytest

from firmware_sim.core.bucket import Bucket
from firmware_sim.core.desired import read
from firmware_sim.core.entry_decision import Circumstances, decide
from firmware_sim.core.envelope import Refused, seal, unseal
from firmware_sim.core.primitives import code_of, counter_of, is_weak, subkey, verifier_of
from tests.unit.firmware_sim.vectors import cases, vector_sets

Set = dict[str, Any]


def each_set() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vectors", vector_sets(), ids=lambda vectors: vectors["lock"])


def octets_of(jws: str) -> bytes:
    payload = jws.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


@each_set()
def test_every_subkey_comes_from_its_secret(vectors: Set) -> None:
    root, code_root = bytes.fromhex(vectors["root"]), bytes.fromhex(vectors["code_root"])
    for label in ("up", "down"):
        assert subkey(root, label, vectors["mac_epoch"]).hex() == vectors["keys"][label]
    assert subkey(root, "grant", vectors["epoch"]).hex() == vectors["keys"]["grant"]
    assert subkey(code_root, "code", vectors["epoch"]).hex() == vectors["keys"]["code"]


@each_set()
def test_every_window_has_its_counter_and_its_code(vectors: Set) -> None:
    key = bytes.fromhex(vectors["keys"]["code"])
    for case in vectors["codes"]:
        window = (case["granule"], case["length"], case["lane"], case["rev"])
        assert counter_of(*window) == case["counter"]
        assert code_of(key, *window) == case["code"]


@each_set()
def test_weak_codes_are_told_from_others(vectors: Set) -> None:
    for case in vectors["weak"]:
        assert is_weak(case["code"]) is case["weak"], case


@each_set()
def test_every_staff_code_has_its_verifier(vectors: Set) -> None:
    key = bytes.fromhex(vectors["keys"]["grant"])
    listed = {entry[0]: entry[4] for entry in vectors["desired"]["staff"]}
    for gid, code in vectors["staff_codes"].items():
        assert verifier_of(key, gid, code) == listed[gid]


@each_set()
def test_a_desired_state_opens_and_keeps_its_octets(vectors: Set) -> None:
    opened = unseal(
        vectors["desired_jws"], bytes.fromhex(vectors["root"]), vectors["lock"], "down", 0, "kaiho-desired"
    )
    assert opened.payload == vectors["desired"]
    assert opened.epoch == vectors["mac_epoch"]
    assert hashlib.sha256(opened.octets).hexdigest() == vectors["digest"]
    assert read(opened.payload, opened.octets).digest == vectors["digest"]


@each_set()
@pytest.mark.parametrize(
    "name,direction,typ",
    [
        ("desired", "down", "kaiho-desired"),
        ("hello", "up", "kaiho-hello"),
        ("welcome", "down", "kaiho-welcome"),
    ],
)
def test_messages_seal_to_the_golden_envelope_and_open_again(
    vectors: Set, name: str, direction: str, typ: str
) -> None:
    root, lock, epoch = bytes.fromhex(vectors["root"]), vectors["lock"], vectors["mac_epoch"]
    golden = vectors[f"{name}_jws"]
    assert seal(octets_of(golden), root, lock, direction, epoch, typ) == golden
    assert unseal(golden, root, lock, direction, 0, typ).payload == vectors[name]
    written = json.dumps(vectors[name], separators=(",", ":")).encode()
    assert unseal(seal(written, root, lock, direction, epoch, typ), root, lock, direction, 0, typ).octets


@pytest.mark.parametrize(
    "vectors,case", cases("bad_envelopes"), ids=lambda part: part.get("why") or part["lock"]
)
def test_a_bad_envelope_is_refused(vectors: Set, case: dict[str, str]) -> None:
    root, lock = bytes.fromhex(vectors["root"]), vectors["lock"]
    good = unseal(vectors["desired_jws"], root, lock, "down", vectors["mac_epoch"], "kaiho-desired")
    assert good.payload == vectors["desired"]
    with pytest.raises(Refused):
        unseal(case["jws"], root, lock, "down", vectors["mac_epoch"], "kaiho-desired")


@pytest.mark.parametrize("vectors,case", cases("decisions"), ids=lambda part: part.get("why") or part["lock"])
def test_an_entry_is_decided_as_written(vectors: Set, case: dict[str, Any]) -> None:
    desired = read(vectors["desired"], json.dumps(vectors["desired"]).encode())
    at = Circumstances(
        case["t"],
        case["confirmed_now"],
        case["clock_known"],
        case["high_water"],
        {(granule, lane): rev for granule, lane, rev in case["burns"]},
        case["tokens"],
    )
    at.operating_mode = desired.config.operating_mode
    code_key, grant_key = (bytes.fromhex(vectors["keys"][label]) for label in ("code", "grant"))
    assert decide(desired, code_key, grant_key, case["entered"], at).outcome == case["outcome"]


@each_set()
def test_the_bucket_has_the_tokens_left_that_are_written(vectors: Set) -> None:
    config = vectors["desired"]["config"]
    for case in vectors["bucket"]:
        bucket, left = Bucket(), []
        bucket.tokens = config["wrong_code_limit"]
        for t in case["failures"]:
            bucket.fail(t, config["wrong_code_limit"], config["wrong_code_refill"])
            left.append(bucket.tokens)
        assert left == case["tokens_left"]


def test_guessing_without_a_bucket_would_go_on_for_ever() -> None:
    """Negative control: with a bucket that never empties, the throttled guesses would be tried."""
    vectors = vector_sets()[0]
    desired = read(vectors["desired"], b"{}")
    keys = [bytes.fromhex(vectors["keys"][label]) for label in ("code", "grant")]
    throttled = [case for case in vectors["decisions"] if case["outcome"] == "throttled"]
    assert throttled
    for case in throttled:
        at = Circumstances(case["t"], False, True, case["high_water"], {}, 1)
        assert decide(desired, keys[0], keys[1], case["entered"], at).outcome != "throttled"
