"""Hash-based primitives against the published examples."""

import pytest

from firmware_sim.core.primitives import code_of, counter_of, equal, hmac_sha256, is_weak


@pytest.mark.parametrize(
    "key,data,mac",
    [
        ("0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            "aa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_hmac_gives_the_examples_of_rfc_4231(key: str, data: bytes, mac: str) -> None:
    assert hmac_sha256(bytes.fromhex(key), data).hex() == mac


def test_leading_zeros_of_a_code_are_kept() -> None:
    found = [code_of(bytes(32), 1_000_000 + index, 4, 0, 0) for index in range(40)]
    assert all(len(code) == 8 and code.isdigit() for code in found)
    assert any(code.startswith("0") for code in found)


@pytest.mark.parametrize(
    "window", [(1 << 28, 4, 0, 0), (1, 0, 0, 0), (1, 49, 0, 0), (1, 4, 32, 0), (1, 4, 0, 256)]
)
def test_a_part_outside_its_range_names_no_window(window: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError):
        counter_of(*window)


def test_equality_needs_the_same_length_and_every_byte() -> None:
    assert equal(b"abc", b"abc")
    assert not equal(b"abc", b"abd")
    assert not equal(b"abc", b"ab")
    assert not equal(b"", b"a")


@pytest.mark.parametrize(
    "code,weak", [("55555555", True), ("23456789", True), ("90123456", False), ("", False)]
)
def test_weakness_is_one_digit_or_one_staircase(code: str, weak: bool) -> None:
    assert is_weak(code) is weak
