"""Identifiers, tokens, and secrets at rest."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ids import jitter, new_id, new_token, random_bytes, random_digits, token_digest
from core.secrets import Keyring

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_ids_are_version_7_of_the_standard_variant_and_sort_by_time() -> None:
    made = [new_id(NOW + timedelta(milliseconds=number)) for number in range(50)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {"specified in RFC 4122"}
    assert new_id(NOW) != new_id(NOW)


def test_tokens_are_long_and_kept_only_as_digests() -> None:
    token = new_token()
    assert len(token) >= 43
    assert token != new_token()
    assert len(token_digest(token)) == 32
    assert token.encode() not in token_digest(token)


def test_digits_keep_their_leading_zeros_and_jitter_stays_below_one() -> None:
    drawn = [random_digits(10) for _ in range(200)]
    assert all(len(text) == 10 and text.isdecimal() for text in drawn)
    assert any(text.startswith("0") for text in drawn)
    assert all(0 <= jitter() < 1 for _ in range(200))


@settings(deadline=None)
@given(st.binary(max_size=100), st.text(max_size=20))
def test_what_is_wrapped_opens_only_for_the_row_it_is_bound_to(secret: bytes, row: str) -> None:
    keyring = Keyring(bytes(32))
    wrapped = keyring.wrap(secret, bound_to=row)
    assert keyring.unwrap(wrapped, bound_to=row) == secret
    with pytest.raises(InvalidTag):
        keyring.unwrap(wrapped, bound_to=row + "x")
    with pytest.raises(InvalidTag):
        keyring.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), bound_to=row)


def test_a_keyring_shows_no_key_and_takes_no_short_one() -> None:
    key = random_bytes(32)
    assert key.hex() not in repr(Keyring.of_hex(key.hex()))
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(b"short")
