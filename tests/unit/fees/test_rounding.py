"""Fractions of yen."""

import pytest

from booking.fees.rounding import rounded


@pytest.mark.parametrize(
    "numerator, denominator, to_yen, down, half_up, up",
    [
        (0, 1, 1, 0, 0, 0),
        (600, 1, 1, 600, 600, 600),
        (1, 3, 1, 0, 0, 1),
        (1, 2, 1, 0, 1, 1),
        (2, 3, 1, 0, 1, 1),
        (3, 2, 1, 1, 2, 2),
        (149, 100, 1, 1, 1, 2),
        (150, 100, 1, 1, 2, 2),
        (151, 100, 1, 1, 2, 2),
        (4, 1, 10, 0, 0, 10),
        (5, 1, 10, 0, 10, 10),
        (14, 1, 10, 10, 10, 20),
        (15, 1, 10, 10, 20, 20),
        (49, 10, 10, 0, 0, 10),
        (1551, 10, 10, 150, 160, 160),
        (249, 1, 100, 200, 200, 300),
        (250, 1, 100, 200, 300, 300),
    ],
)
def test_down_half_up_and_up(
    numerator: int, denominator: int, to_yen: int, down: int, half_up: int, up: int
) -> None:
    assert rounded(numerator, denominator, to_yen=to_yen) == down
    assert rounded(numerator, denominator, to_yen=to_yen, mode="down") == down
    assert rounded(numerator, denominator, to_yen=to_yen, mode="half_up") == half_up
    assert rounded(numerator, denominator, to_yen=to_yen, mode="up") == up


def test_whole_yen_unless_told_otherwise() -> None:
    assert rounded(7, 2) == 3


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no rounding 'sideways'$"):
        rounded(1, 1, mode="sideways")
