"""Whatever arrives, the decoders neither crash nor accept what is not signed; lists keep their meaning."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from locks.envelope import HELLO, Opened, open_envelope, seal
from locks.errors import BadMessage
from locks.lists import Lists, candidates_at_most, fitted, sellable_entries, starts_of
from locks.offers import common_starts, nested
from locks.sellable import is_derivable
from locks.wire import hello_of
from tests.unit.locks import golden

LOCK = "00112233445566ff"
KEY = b"k" * 32
GOOD = seal(
    json.dumps({"lock": LOCK}).encode(), key=KEY, lock=LOCK, direction="up", mac_epoch=0, typ=HELLO
).encode()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
STARTS = st.dictionaries(
    st.tuples(st.integers(1_000_000, 1_000_200), st.integers(0, 31)),
    st.integers(1, 2**49 - 1).map(lambda m: m & ~1 or 2),
)


def opens(message: bytes) -> bool:
    try:
        open_envelope(message, keys={0: KEY}, lock=LOCK, direction="up", typ=HELLO)
    except BadMessage:
        return False
    return True


@given(st.binary(max_size=300))
def test_noise_is_never_opened(noise: bytes) -> None:
    assert not opens(noise)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_octet_of_a_good_message_can_be_changed(place: int, change: int) -> None:
    changed = bytearray(GOOD)
    changed[place] ^= change
    assert opens(GOOD)
    assert not opens(bytes(changed))


@given(st.dictionaries(st.sampled_from(sorted(golden.sets()[0]["hello"])), JSON, max_size=3))
def test_any_signed_payload_is_read_or_refused_and_never_crashes(changes: dict[str, Any]) -> None:
    claims = {**golden.sets()[0]["hello"], **changes}
    outcome: object
    try:
        outcome = hello_of(Opened(claims, b"", 0)).n
    except BadMessage as refused:
        outcome = refused.why
    assert outcome in (claims["n"], "bad_payload", "unsupported")


@given(STARTS)
def test_starts_and_their_entries_say_the_same(starts: dict[tuple[int, int], int]) -> None:
    entries: Any = sellable_entries(starts)
    assert starts_of(entries) == starts
    assert entries == sorted(entries)


@given(STARTS)
def test_whatever_is_listed_fits(starts: dict[tuple[int, int], int]) -> None:
    lists = Lists(1_000_672, 1_002_160, starts, (), {})
    kept = fitted(lists, first=1_000_000, late=900, size_of=lambda some: 40 * len(some.starts))
    assert candidates_at_most(kept.starts, late=900) <= 128
    assert len(kept.starts) * 40 <= 12 * 1024
    assert all(mask & ~starts[start] == 0 for start, mask in kept.starts.items())


@given(STARTS, STARTS, st.integers(0, 4))
def test_what_two_versions_have_in_common_is_what_each_of_them_lists(
    one: dict[tuple[int, int], int], other: dict[tuple[int, int], int], ahead: int
) -> None:
    common = common_starts(nested(one), nested(other))
    for granule, lane in one:
        for length in range(1, 49):
            both = all(starts.get((granule, lane), 0) >> length & 1 for starts in (one, other))
            sellable = is_derivable(common, {}, granule=granule, length=length, lane=lane, rev=ahead)
            assert sellable is (both and ahead <= 2)
