"""The tax of a document, in figures: what each rate has, what a part of it has, which way is rounded."""

from typing import Any

import pytest

from booking.papers.tax import RateSum, gross_by_rate, included_tax, part_by_rate, rate_sums


def line(item: str, amount_yen: int, **more: Any) -> dict[str, Any]:
    return {"item": item, "label": item, "hours": 1, "yen_per_hour": 1, "amount_yen": amount_yen, **more}


SOLD = [
    line("base", 1000, tax_percent=10),
    line("relief_base", -250, tax_percent=10),
    line("water", 300, tax_percent=8),
    line("lighting", 50),
]


def test_relief_counts_below_zero_and_what_knows_no_rate_was_sold_at_ten_percent() -> None:
    assert gross_by_rate(SOLD) == {10: 800, 8: 300}
    assert gross_by_rate([]) == {}


def test_a_part_of_the_money_has_its_rates_in_proportion_and_the_rest_at_the_highest() -> None:
    assert part_by_rate(SOLD, 1100) == {10: 800, 8: 300}
    assert part_by_rate(SOLD, 550) == {10: 400, 8: 150}
    # 800/1100 of 100 is 72.7, 300/1100 is 27.2: one yen is left over.
    assert part_by_rate(SOLD, 100) == {10: 73, 8: 27}
    assert part_by_rate(SOLD[::-1], 100) == {10: 73, 8: 27}


def test_a_rate_that_relief_has_eaten_gets_no_part() -> None:
    free = [line("base", 500, tax_percent=10), line("relief_base", -500, tax_percent=10), SOLD[2]]
    assert part_by_rate(free, 300) == {8: 300}
    one_yen = [line("base", 1, tax_percent=10), SOLD[2]]
    assert part_by_rate(one_yen, 301) == {10: 1, 8: 300}


def test_money_that_no_line_explains_is_at_ten_percent() -> None:
    assert part_by_rate([], 700) == {10: 700}
    assert part_by_rate([line("base", 0, tax_percent=8)], 700) == {10: 700}


def test_each_rate_of_a_document_is_summed_first_and_then_rounded_down() -> None:
    sums = rate_sums([{8: 107, 10: 109}, {10: 109, 0: 40}, {8: -7, 5: 3}, {5: -3}])
    assert sums == [RateSum(10, 218, 19), RateSum(8, 100, 7), RateSum(0, 40, 0)]
    assert rate_sums([]) == []


def test_a_rate_of_one_yen_is_on_the_document() -> None:
    assert rate_sums([{10: 1}]) == [RateSum(10, 1, 0)]


def test_what_a_paper_keeps_of_a_rate() -> None:
    one = RateSum(8, 108, 8)
    assert one.net_yen == 100
    assert one.as_json() == {"percent": 8, "gross_yen": 108, "net_yen": 100, "tax_yen": 8}


@pytest.mark.parametrize(
    ("gross_yen", "percent", "tax_yen"),
    [(110, 10, 10), (109, 10, 9), (10, 10, 0), (11, 10, 1), (108, 8, 8), (500, 0, 0), (0, 10, 0)],
)
def test_included_tax_is_rounded_towards_zero_on_both_sides(
    gross_yen: int, percent: int, tax_yen: int
) -> None:
    assert included_tax(gross_yen, percent) == tax_yen
    assert included_tax(-gross_yen, percent) == -tax_yen
