"""費目: which yen of an amount are for what, in figures."""

import pytest

from booking.money_desk.fee_split import OTHER, WORDS, split, weights_of

SOLD = [
    {"item": "base", "amount_yen": 1000},
    {"item": "relief_base", "amount_yen": -400},
    {"item": "lighting", "amount_yen": 300},
    {"item": "relief_lighting", "amount_yen": -300},
    {"item": "heating", "amount_yen": 1},
    {"item": "tax", "amount_yen": 60},
]


def test_what_is_paid_of_each_item_has_its_relief_taken_off() -> None:
    assert weights_of(SOLD, is_relief=False) == {"base": 600, "heating": 1, "tax": 60}


def test_what_relief_takes_off_is_told_item_by_item() -> None:
    assert weights_of(SOLD, is_relief=True) == {"base": 400, "lighting": 300}
    one_yen = [{"item": "base", "amount_yen": 9}, {"item": "relief_base", "amount_yen": -1}]
    assert weights_of(one_yen, is_relief=True) == {"base": 1}


def test_lines_of_one_item_are_added_up() -> None:
    day_and_evening = [
        {"item": "base", "amount_yen": 100},
        {"item": "base", "amount_yen": 50},
        {"item": "relief_base", "amount_yen": -20},
        {"item": "relief_base", "amount_yen": -5},
    ]
    assert weights_of(day_and_evening, is_relief=False) == {"base": 125}
    assert weights_of(day_and_evening, is_relief=True) == {"base": 25}


def test_an_item_whose_own_name_ends_like_relief_is_not_relief() -> None:
    odd = [{"item": "base_relief_", "amount_yen": 5}, {"item": "relief_relief_x_relief_", "amount_yen": -2}]
    assert weights_of(odd, is_relief=False) == {"base_relief_": 5}
    assert weights_of(odd, is_relief=True) == {"relief_x_relief_": 2}


def test_relief_and_payment_of_nothing_have_no_weight() -> None:
    assert weights_of([], is_relief=False) == weights_of([], is_relief=True) == {}


@pytest.mark.parametrize(
    ("amount_yen", "weights", "parts"),
    [
        (660, {"base": 600, "tax": 60}, {"base": 600, "tax": 60}),
        (330, {"base": 600, "tax": 60}, {"base": 300, "tax": 30}),
        # 33.3 each: the first of equal remainders gets the yen.
        (100, {"base": 1, "lighting": 1, "heating": 1}, {"base": 34, "lighting": 33, "heating": 33}),
        (101, {"base": 1, "lighting": 1, "heating": 1}, {"base": 34, "lighting": 34, "heating": 33}),
        # 1.4 and 0.8 and 0.8: both yen go to the larger remainders.
        (3, {"base": 7, "lighting": 4, "heating": 4}, {"base": 1, "lighting": 1, "heating": 1}),
        # 0.4 and 0.6.
        (1, {"base": 2, "lighting": 3}, {"base": 0, "lighting": 1}),
        # 1.25 and 3.75.
        (5, {"base": 1, "lighting": 3}, {"base": 1, "lighting": 4}),
        (0, {"base": 1, "lighting": 3}, {"base": 0, "lighting": 0}),
        (1, {"base": 1}, {"base": 1}),
        (50, {}, {OTHER: 50}),
        (-50, {}, {OTHER: -50}),
    ],
)
def test_an_amount_is_split_to_the_yen_and_below_zero_alike(
    amount_yen: int, weights: dict[str, int], parts: dict[str, int]
) -> None:
    assert split(amount_yen, weights) == parts
    assert split(-amount_yen, weights) == {item: -yen for item, yen in parts.items()}


def test_every_item_has_its_word() -> None:
    assert (WORDS["base"], WORDS["tax"], WORDS[OTHER]) == ("使用料", "消費税", "")
