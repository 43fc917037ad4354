"""Times, amounts and days as people in Yonago read them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from booking.app import template_words as words
from core.window import Window

EVENING = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("amount, shown", [(0, "0円"), (1320, "1,320円"), (-600, "-600円")])
def test_amounts_are_whole_yen_with_separators(amount: int, shown: str) -> None:
    assert words.yen(amount) == shown


def test_instants_are_shown_in_tokyo_with_the_day_of_the_week() -> None:
    assert words.moment(EVENING) == "11月21日(土) 18:30"
    assert words.long_day(EVENING) == "2026年11月21日(土)"


def test_an_instant_before_midnight_utc_is_the_next_day_in_tokyo() -> None:
    assert words.short_day(datetime(2026, 11, 20, 15, tzinfo=UTC)) == "11月21日(土)"
    assert words.short_day(date(2026, 11, 20)) == "11月20日(金)"


def test_a_window_up_to_midnight_ends_at_24() -> None:
    assert words.span(Window(EVENING, EVENING + timedelta(hours=2))) == "18:30〜20:30"
    assert words.span(Window(EVENING, EVENING + timedelta(hours=5, minutes=30))) == "18:30〜24:00"


@pytest.mark.parametrize(
    "passed, shown",
    [
        (timedelta(seconds=-5), "たった今"),
        (timedelta(seconds=59), "たった今"),
        (timedelta(minutes=59), "59分前"),
        (timedelta(hours=47), "47時間前"),
        (timedelta(hours=48), "2日前"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_sensible_unit(passed: timedelta, shown: str) -> None:
    assert words.ago(EVENING, EVENING + passed) == shown
