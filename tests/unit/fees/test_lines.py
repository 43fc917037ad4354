"""Lines: their sum, their tax, their relief, their words."""

from dataclasses import replace

import pytest

from booking.fees.lines import (
    FeeLine,
    Tax,
    better_line,
    composed,
    frozen_lines,
    gross_yen_of,
    measure,
    relief_line,
    relief_yen_of,
    relieved,
    tax_of,
    taxes_of,
)
from booking.fees.payer import Relief

BASE = FeeLine("base", "使用料", 2, 300, 600, quantity=2)
LIGHT = FeeLine("lighting", "照明使用料", 2, 155, 310, quantity=2)


def off(line: FeeLine, percent: int, *, by_decision: bool = False) -> FeeLine:
    found = relief_line(line, percent, by_decision=by_decision)
    assert found is not None
    return found


def test_a_line_survives_being_frozen() -> None:
    line = replace(BASE, unit="band", tax_percent=8, round_to_yen=10)
    assert FeeLine.of_json(line.as_json()) == line
    assert frozen_lines([line.as_json(), LIGHT.as_json()]) == (line, LIGHT)


def test_a_line_frozen_long_ago_is_read_with_what_it_meant() -> None:
    old = {"item": "base", "label": "使用料", "hours": 3, "yen_per_hour": 100, "amount_yen": 300, "x": 1}
    assert FeeLine.of_json(old) == FeeLine("base", "使用料", 3, 100, 300, 3, "hour", 10, 1)


def test_a_line_knows_whether_it_charges() -> None:
    tax = FeeLine("tax", "消費税", 0, 0, 60)
    assert [line.is_charge for line in (BASE, off(BASE, 50), tax)] == [True, False, False]
    assert [line.is_relief for line in (BASE, off(BASE, 50), tax)] == [False, True, False]


@pytest.mark.parametrize("percent, amount", [(100, -310), (99, -306), (50, -155), (33, -102), (1, -3)])
def test_relief_is_rounded_down_for_what_it_takes_off(percent: int, amount: int) -> None:
    line = off(LIGHT, percent)
    assert line == FeeLine("relief_lighting", f"減免（照明使用料 {percent}%）", 2, 0, amount, quantity=2)


def test_relief_that_comes_to_nothing_has_no_line() -> None:
    assert relief_line(BASE, 0, by_decision=False) is None
    assert relief_line(replace(BASE, amount_yen=99), 1, by_decision=False) is None
    assert off(replace(BASE, amount_yen=100), 1).amount_yen == -1


def test_relief_is_a_multiple_of_what_its_charge_is() -> None:
    tens = replace(BASE, amount_yen=1230, round_to_yen=10)
    assert off(tens, 50).amount_yen == -610
    assert off(tens, 100).amount_yen == -1230


def test_relief_by_decision_says_so_and_an_unknown_item_keeps_its_name() -> None:
    assert off(BASE, 40, by_decision=True).label == "減免決定（使用料 40%）"
    assert off(replace(BASE, item="sauna"), 40).label == "減免（sauna 40%）"
    assert off(replace(BASE, item="heating"), 40).label == "減免（暖房使用料 40%）"
    assert off(replace(BASE, item="cooling"), 40).label == "減免（冷房使用料 40%）"


def test_of_two_reliefs_the_one_that_takes_off_more_counts() -> None:
    less, more = off(BASE, 40), off(BASE, 50, by_decision=True)
    assert better_line(None, None) is None
    assert better_line(less, None) == better_line(None, less) == less
    assert better_line(less, more) == better_line(more, less) == more
    same = off(BASE, 50)
    assert better_line(more, same) is more
    assert better_line(same, more) is same


def test_lines_are_composed_with_relief_behind_its_charge() -> None:
    pair = (BASE, off(BASE, 50))
    assert composed([pair, (LIGHT, None)], added_tax_percent=None) == (*pair, LIGHT)
    assert composed([], added_tax_percent=10) == ()
    assert composed([(BASE, off(BASE, 100))], added_tax_percent=10) == (BASE, off(BASE, 100))


def test_added_tax_is_a_line_of_what_is_left_to_pay_rounded_down() -> None:
    lines = composed([(BASE, off(BASE, 50)), (LIGHT, off(LIGHT, 10))], added_tax_percent=10)
    assert lines[-1] == FeeLine("tax", "消費税（10%）", 0, 0, 57, tax_percent=10)
    assert sum(line.amount_yen for line in lines) == 300 + 279 + 57
    eight = composed([(BASE, None)], added_tax_percent=8)
    assert eight[-1] == FeeLine("tax", "消費税（8%）", 0, 0, 48, tax_percent=8)
    assert composed([(BASE, None)], added_tax_percent=0) == (BASE,)


@pytest.mark.parametrize(
    "amount, percent, net, tax",
    [(1100, 10, 1000, 100), (1099, 10, 1000, 99), (300, 10, 273, 27), (108, 8, 100, 8), (600, 0, 600, 0)],
)
def test_included_tax_is_taken_out_of_the_sum_once(amount: int, percent: int, net: int, tax: int) -> None:
    halves = [
        replace(BASE, amount_yen=amount // 2, tax_percent=percent),
        replace(LIGHT, amount_yen=amount - amount // 2, tax_percent=percent),
    ]
    assert tax_of(halves) == [Tax(percent, net, tax)]


def test_each_rate_has_its_tax_and_the_highest_comes_first() -> None:
    eight, free = replace(LIGHT, tax_percent=8), replace(BASE, item="free", tax_percent=0)
    assert tax_of([free, eight, BASE]) == [Tax(10, 546, 54), Tax(8, 288, 22), Tax(0, 600, 0)]
    assert tax_of([]) == []
    assert tax_of([BASE, off(BASE, 100)]) == []


def test_added_tax_is_what_its_line_says() -> None:
    lines = composed([(BASE, off(BASE, 50))], added_tax_percent=10)
    assert tax_of(lines) == [Tax(10, 300, 30)]
    assert taxes_of([*lines[:1], *(line.as_json() for line in lines[1:])]) == [Tax(10, 300, 30)]


def test_what_is_charged_and_what_is_let_off_are_told_apart() -> None:
    lines = composed([(BASE, off(BASE, 50)), (LIGHT, off(LIGHT, 10))], added_tax_percent=10)
    assert (gross_yen_of(lines), relief_yen_of(lines)) == (910, 331)
    assert (gross_yen_of(()), relief_yen_of(())) == (0, 0)


def test_a_later_grant_is_added_where_it_is_better() -> None:
    sold = (BASE, off(BASE, 50), LIGHT)
    after = relieved(sold, Relief(20, 100))
    assert after == (BASE, off(BASE, 50), LIGHT, off(LIGHT, 100, by_decision=True))
    after = relieved(sold, Relief(80, 0))
    assert after == (BASE, off(BASE, 80, by_decision=True), LIGHT)
    assert relieved(sold, Relief(0, 0)) == sold
    assert relieved((), Relief(100, 100)) == ()


def test_a_later_grant_lowers_the_added_tax_too() -> None:
    sold = composed([(BASE, None), (LIGHT, off(LIGHT, 50))], added_tax_percent=10)
    after = relieved(sold, Relief(50, 0))
    assert [line.amount_yen for line in after] == [600, -300, 310, -155, 45]
    free = relieved(sold, Relief(100, 100))
    assert [line.item for line in free] == ["base", "relief_base", "lighting", "relief_lighting"]
    assert sum(line.amount_yen for line in free) == 0


@pytest.mark.parametrize(
    "line, words",
    [
        (BASE, "300円 × 2時間"),
        (replace(BASE, unit="half_hour", quantity=3), "1時間300円 × 90分"),
        (replace(BASE, unit="band", quantity=2, yen_per_hour=1500), "1,500円 × 2区分"),
        (replace(BASE, unit="half_hour", quantity=1, yen_per_hour=1000), "1時間1,000円 × 30分"),
        (replace(BASE, yen_per_hour=2500), "2,500円 × 2時間"),
        (replace(BASE, yen_per_hour=0), ""),
    ],
)
def test_a_charge_says_how_it_came_about(line: FeeLine, words: str) -> None:
    assert measure(line) == measure(line.as_json()) == words
