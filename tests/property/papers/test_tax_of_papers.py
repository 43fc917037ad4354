"""Whatever was sold: rates sum to the document, each is rounded once, and agrees with the fee engine."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from booking.fees.lines import frozen_lines, tax_of
from booking.papers.tax import included_tax, part_by_rate, rate_sums

PERCENTS = st.sampled_from([0, 8, 10])


@st.composite
def fee_lines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frozen lines: some from before lines knew their rate, some relieved, never below zero in sum."""
    lines: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        charge = draw(st.integers(1, 5000))
        line: dict[str, Any] = {
            "item": f"item{number}",
            "label": "使用料",
            "hours": 1,
            "yen_per_hour": charge,
            "amount_yen": charge,
        }
        if draw(st.booleans()):
            line |= {"quantity": 1, "unit": "hour", "tax_percent": draw(PERCENTS)}
        lines.append(line)
        off = draw(st.integers(0, charge))
        if off:
            lines.append(line | {"item": f"relief_item{number}", "yen_per_hour": 0, "amount_yen": -off})
    return lines


def total(lines: list[dict[str, Any]]) -> int:
    return sum(line["amount_yen"] for line in lines)


@given(fee_lines())
def test_a_document_of_one_reservation_has_the_tax_that_the_fee_engine_says(
    lines: list[dict[str, Any]],
) -> None:
    sums = rate_sums([part_by_rate(lines, total(lines))])
    expected = [(tax.percent, tax.net_yen, tax.tax_yen) for tax in tax_of(frozen_lines(lines)) if tax.net_yen]
    assert [(one.percent, one.net_yen, one.tax_yen) for one in sums] == expected


@given(st.lists(fee_lines(), min_size=1, max_size=8))
def test_a_document_of_many_is_rounded_once_for_each_rate(sold: list[list[dict[str, Any]]]) -> None:
    sums = rate_sums(part_by_rate(lines, total(lines)) for lines in sold)
    assert sum(one.gross_yen for one in sums) == sum(total(lines) for lines in sold)
    for one in sums:
        assert one.tax_yen == one.gross_yen * one.percent // (100 + one.percent)
        assert one.net_yen + one.tax_yen == one.gross_yen


def test_rounding_item_by_item_would_lose_tax() -> None:
    lines = [{"item": "base", "label": "-", "hours": 1, "yen_per_hour": 150, "amount_yen": 150}]
    (together,) = rate_sums(part_by_rate(lines, 150) for _ in range(10))
    assert together.tax_yen == 136
    assert sum(included_tax(150, 10) for _ in range(10)) == 130


@given(fee_lines(), st.data())
def test_any_part_is_spread_over_the_rates_to_the_yen(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    part = data.draw(st.integers(0, max(total(lines), 1)))
    spread = part_by_rate(lines, part)
    assert sum(spread.values()) == part
    assert all(yen >= 0 for yen in spread.values())


@given(st.integers(0, 10**9), PERCENTS)
def test_tax_of_what_is_taken_back_mirrors_the_tax_of_what_was_taken(yen: int, percent: int) -> None:
    assert included_tax(-yen, percent) == -included_tax(yen, percent)
