"""Both decoders under what Hypothesis thinks of: bent messages, headers and payloads signed as they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus
from tests.fuzz.decoders import HONEST, PLANTED, Decoders, Finding, due_header, judge, judge_input
from tests.fuzz.world import KINDS, LOCK, VECTORS, signed

patient = settings(deadline=None)
"""A busy machine is no finding; the whole test has a limit of its own."""

KIND = st.sampled_from(KINDS)
SEEDS = [*corpus.sound(), *corpus.unsound()]
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**45), 10**45)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from(sorted({*VECTORS["hello"], *VECTORS["desired"], LOCK}))
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=30,
)
DEEP = st.integers(0, 40).map(lambda depth: json.loads("[" * depth + "]" * depth or "0"))
HEADERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", "none", "HS512", None])},
    optional={
        "kid": st.sampled_from(
            [f"{LOCK}:{way}:{epoch}" for way in ("up", "down") for epoch in (0, 1, 15, "00")]
        )
        | SCALAR,
        "typ": st.sampled_from([f"kaiho-{kind}" for kind in KINDS]) | SCALAR,
        "crit": st.just([]),
    },
)


def payload(kind: str, changes: dict[str, Any]) -> bytes:
    """A payload of a kind with members changed."""
    return json.dumps({**json.loads(corpus.payload_of(kind)), **changes}).encode()


@patient
@given(st.binary(max_size=400))
def test_noise_in_any_shape_is_judged_alike(noise: bytes) -> None:
    assert judge_input(noise) in (True, False)


@patient
@given(st.sampled_from(SEEDS), st.data())
def test_a_bent_message_is_judged_alike(seed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(seed)))
    cut = data.draw(st.integers(0, 6))
    put = data.draw(st.binary(max_size=6) | st.sampled_from(corpus.TOKENS).map(str.encode))
    assert judge_input(seed[:place] + put + seed[place + cut :]) in (True, False)


@patient
@given(KIND, HEADERS)
def test_any_signed_header_is_judged_alike(kind: str, header: dict[str, Any]) -> None:
    assert judge(signed(kind, json.dumps(header).encode(), corpus.payload_of(kind)), kind) in (True, False)


@patient
@given(KIND, st.data())
def test_any_signed_payload_is_judged_alike(kind: str, data: st.DataObject) -> None:
    known = sorted(json.loads(corpus.payload_of(kind)))
    changes = data.draw(
        st.dictionaries(st.sampled_from(known) | st.text(max_size=8), VALUE | DEEP, max_size=4)
    )
    assert judge(signed(kind, due_header(kind), payload(kind, changes)), kind) in (True, False)


@patient
@given(
    st.lists(st.dictionaries(st.sampled_from(["seq", "kind", "credential", "range", "x"]), VALUE), max_size=3)
)
def test_whatever_a_signed_hello_tells_can_be_stored(events: list[dict[str, Any]]) -> None:
    sound = VECTORS["hello"]["events"][0]
    listed = [{**sound, **event, "seq": 118 + index} for index, event in enumerate(events)]
    message = signed("hello", due_header("hello"), payload("hello", {"events": listed, "last_seq": 200}))
    assert judge(message, "hello") in (True, False)


def test_every_message_of_the_vectors_is_judged_as_it_is_meant() -> None:
    assert [judge_input(seed) for seed in corpus.sound()] == [True] * len(list(corpus.sound()))
    assert [judge_input(seed) for seed in corpus.unsound()] == [False] * len(list(corpus.unsound()))


def hunt(decoders: Decoders) -> None:
    """The properties above over another pair of decoders."""

    @settings(database=None, max_examples=100, deadline=None, report_multiple_bugs=False)
    @given(KIND, st.booleans(), st.dictionaries(st.text(max_size=3), SCALAR, max_size=2))
    def search(kind: str, twice: bool, changes: dict[str, Any]) -> None:
        octets = payload(kind, changes)
        text = b'{"v":1,' + octets[1:] if twice else octets
        for shape in (4, 8):
            head = due_header(kind) + b"\n" if shape == 4 else b""
            judge_input(bytes([KINDS.index(kind) + shape]) + head + text, decoders)

    search()


@pytest.mark.parametrize("plant", sorted(PLANTED))
def test_a_broken_decoder_is_found(plant: str) -> None:
    """Negative control."""
    hunt(HONEST)
    with pytest.raises(Finding):
        hunt(PLANTED[plant])
