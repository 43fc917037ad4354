"""The number that makes a receipt a qualified invoice."""

import pytest

from booking.papers.registration import SAMPLE, check_digit, is_registration_number, registration_number_of
from core.errors import BadInput


def test_the_check_digit_is_that_of_the_worked_example() -> None:
    # 法人番号の指定等に関する省令 2条, as the National Tax Agency works it out.
    assert check_digit("700110005901") == 8


def test_the_sample_is_right_and_all_zeros_behind_its_check_digit() -> None:
    assert is_registration_number(SAMPLE)
    assert SAMPLE.removeprefix("T9") == "0" * 12


@pytest.mark.parametrize(
    "typed", [SAMPLE, " t9000000000000 ", "Ｔ９０００００００００００００"[:14], "T9-0000-0000-0000"]
)
def test_full_width_signs_spaces_and_hyphens_are_forgiven(typed: str) -> None:
    assert registration_number_of(typed) == SAMPLE


@pytest.mark.parametrize(
    "typed",
    ["T8000000000000", "9000000000000", "T900000000000", "T90000000000000", "T90000000000AB", "登録なし"],
)
def test_a_wrong_number_is_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        registration_number_of(typed)


def test_no_number_is_no_number() -> None:
    assert registration_number_of(" 　") is None


def test_every_single_wrong_digit_of_a_number_is_found_but_a_nine_for_a_zero() -> None:
    right = "T8700110005901"
    assert is_registration_number(right)
    slipped = [
        right[:place] + digit + right[place + 1 :]
        for place in range(1, 14)
        for digit in "0123456789"
        if digit != right[place] and {digit, right[place]} != {"0", "9"}
    ]
    assert [number for number in slipped if is_registration_number(number)] == []
