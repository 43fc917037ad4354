"""Which value counts on a day: its first day, its last, its season, its hours."""

from dataclasses import replace
from datetime import date

import pytest

from booking.fees.tables import FIRST_TERMS, is_in_force, percent_on, rate_at, rates_on, terms_on
from booking.places.entries import FeeRateEntry, PercentEntry, TermsEntry

APRIL = date(2026, 4, 1)
RATE = FeeRateEntry("base", 300, 0, APRIL)
JUNE_TO_SEPTEMBER = 0b0001_1110_0000
DECEMBER_TO_MARCH = 0b1000_0000_0111


@pytest.mark.parametrize(
    "day, counts",
    [
        (date(2026, 3, 31), False),
        (date(2026, 4, 1), True),
        (date(2027, 3, 31), True),
        (date(2027, 4, 1), False),
        (date(2027, 4, 2), False),
    ],
)
def test_a_rate_counts_from_its_first_day_to_the_day_before_its_end(day: date, counts: bool) -> None:
    assert is_in_force(replace(RATE, valid_until=date(2027, 4, 1)), day) is counts


def test_a_rate_that_ended_before_it_began_never_counts() -> None:
    assert not is_in_force(replace(RATE, valid_until=APRIL), APRIL)


@pytest.mark.parametrize(
    "months, day, counts",
    [
        (JUNE_TO_SEPTEMBER, date(2026, 5, 31), False),
        (JUNE_TO_SEPTEMBER, date(2026, 6, 1), True),
        (JUNE_TO_SEPTEMBER, date(2026, 9, 30), True),
        (JUNE_TO_SEPTEMBER, date(2026, 10, 1), False),
        (DECEMBER_TO_MARCH, date(2026, 11, 30), False),
        (DECEMBER_TO_MARCH, date(2026, 12, 1), True),
        (DECEMBER_TO_MARCH, date(2026, 12, 31), True),
        (DECEMBER_TO_MARCH, date(2027, 1, 1), True),
        (DECEMBER_TO_MARCH, date(2028, 2, 29), True),
        (DECEMBER_TO_MARCH, date(2028, 3, 31), True),
        (DECEMBER_TO_MARCH, date(2028, 4, 1), False),
    ],
)
def test_a_season_ends_with_its_last_month(months: int, day: date, counts: bool) -> None:
    assert is_in_force(replace(RATE, months=months), day) is counts


def test_of_an_item_the_rates_that_began_last_count() -> None:
    newer = replace(RATE, yen_per_hour=400, valid_from=date(2027, 4, 1))
    light = FeeRateEntry("lighting", 100, 0, date(2020, 4, 1))
    assert rates_on([RATE, newer, light], date(2027, 3, 31)) == (RATE, light)
    assert rates_on([RATE, newer, light], date(2027, 4, 1)) == (newer, light)
    assert rates_on([newer, RATE, light], date(2027, 4, 1)) == (newer, light)


def test_a_new_rate_of_one_season_leaves_the_other_as_it_was() -> None:
    summer = replace(RATE, yen_per_hour=500, valid_from=date(2026, 5, 1), months=JUNE_TO_SEPTEMBER)
    assert rates_on([RATE, summer], date(2026, 7, 1)) == (summer,)
    assert rates_on([RATE, summer], date(2026, 10, 1)) == (RATE,)


def test_rates_of_one_day_stand_beside_each_other() -> None:
    early, late = replace(RATE, until_minute=1020), replace(RATE, from_minute=1020, yen_per_hour=500)
    assert rates_on([early, late], APRIL) == (early, late)
    assert rate_at([early, late], "base", 1019) == early
    assert rate_at([early, late], "base", 1020) == late


def test_hours_begin_with_the_first_minute_and_end_before_the_last() -> None:
    evening = replace(RATE, from_minute=1020, until_minute=1140)
    assert [rate_at([evening], "base", minute) for minute in (1019, 1020, 1139, 1140)] == [
        None,
        evening,
        evening,
        None,
    ]
    assert rate_at([evening], "lighting", 1020) is None


def test_of_two_written_for_one_day_and_hour_the_later_one_counts() -> None:
    slip, right = RATE, replace(RATE, yen_per_hour=310)
    assert rate_at([slip, right], "base", 0) == right


def test_the_newest_percentage_that_has_begun_counts() -> None:
    entries = [PercentEntry(date(2026, 4, 1), 50), PercentEntry(date(2027, 4, 1), 75)]
    for listed in (entries, entries[::-1]):
        assert percent_on(listed, date(2026, 3, 31), otherwise=7) == 7
        assert percent_on(listed, date(2026, 4, 1), otherwise=7) == 50
        assert percent_on(listed, date(2027, 3, 31), otherwise=7) == 50
        assert percent_on(listed, date(2027, 4, 1), otherwise=7) == 75
    assert percent_on([], APRIL, otherwise=100) == 100


def test_the_newest_terms_that_have_begun_count() -> None:
    old, new = TermsEntry(APRIL, round_to_yen=10), TermsEntry(date(2027, 4, 1), round_to_yen=100)
    for listed in ([old, new], [new, old]):
        assert terms_on(listed, date(2026, 3, 31)) is FIRST_TERMS
        assert terms_on(listed, APRIL) == old
        assert terms_on(listed, date(2027, 4, 1)) == new
    assert TermsEntry(date.min, 1, "down", 10, True) == FIRST_TERMS
