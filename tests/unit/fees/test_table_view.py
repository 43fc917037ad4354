"""The tables in words: in force, to come, over."""

from dataclasses import replace
from datetime import date

import pytest

from booking.fees.table_view import Row, Table, endings_on, hours, season, tables_on
from booking.places.entries import FeeRateEntry, PercentEntry, TermsEntry
from tests.unit.booking.places import LONG_AGO, catalogue

DAY = date(2026, 11, 24)
LATER = date(2027, 4, 1)
BASE = FeeRateEntry("base", 300, 0, LONG_AGO)


@pytest.mark.parametrize(
    "months, words",
    [
        (0b1111_1111_1111, "通年"),
        (0b0001_1110_0000, "6〜9月"),
        (0b1000_0000_0111, "12〜3月"),
        (0b1110_0000_0111, "10〜3月"),
        (0b0000_0000_0001, "1月"),
        (0b1000_0000_0000, "12月"),
        (0b0000_0100_0001, "1・7月"),
        (0b1000_0000_0001, "12〜1月"),
        (0b0111_1111_1111, "1〜11月"),
        (0b1111_1111_1110, "2〜12月"),
    ],
)
def test_a_season_reads_as_runs_of_months(months: int, words: str) -> None:
    assert season(months) == words


@pytest.mark.parametrize(
    "first, last, words",
    [
        (0, 1440, "終日"),
        (1020, 1440, "17:00から"),
        (0, 300, "5:00まで"),
        (1050, 1140, "17:30〜19:00"),
    ],
)
def test_hours_read_as_when_a_band_begins(first: int, last: int, words: str) -> None:
    assert hours(first, last) == words


def table(found: list[Table], title: str) -> Table:
    return next(table for table in found if table.title == title)


def test_rates_are_in_force_to_come_or_over() -> None:
    newer = replace(BASE, yen_per_hour=330, valid_from=LATER)
    light = FeeRateEntry("lighting", 310, 1020, LONG_AGO, months=0b1110_0000_0111, valid_until=LATER)
    found = catalogue(rates=(BASE, newer, light))
    rates = table(tables_on(found, DAY), "使用料")
    assert rates.now == (
        Row("体育館 全面 使用料", "1時間 300円", "", LONG_AGO),
        Row("体育館 全面 照明使用料", "1時間 310円", "10〜3月・17:00から", LONG_AGO, LATER),
    )
    assert rates.later == (Row("体育館 全面 使用料", "1時間 330円", "", LATER),)
    assert rates.before == ()
    then = table(tables_on(found, LATER), "使用料")
    assert [row.value for row in then.now] == ["1時間 330円"]
    assert [row.value for row in then.before] == ["1時間 300円", "1時間 310円"]


def test_a_rate_of_another_season_is_in_force_too() -> None:
    summer = FeeRateEntry("cooling", 700, 0, LONG_AGO, months=0b0001_1110_0000)
    replaced = replace(summer, yen_per_hour=600, valid_from=date(2019, 4, 1))
    partly = replace(summer, yen_per_hour=500, valid_from=date(2019, 4, 1), months=0b0011_1110_0000)
    rates = table(tables_on(catalogue(rates=(replaced, partly, summer)), DAY), "使用料")
    assert [row.value for row in rates.now] == ["1時間 500円", "1時間 700円"]
    assert [row.value for row in rates.before] == ["1時間 600円"]


def test_what_was_taken_back_before_it_began_is_over() -> None:
    never = replace(BASE, valid_from=LATER, valid_until=LATER)
    rates = table(tables_on(catalogue(rates=(never,)), DAY), "使用料")
    assert (rates.now, rates.later, len(rates.before)) == ((), (), 1)
    assert endings_on(catalogue(rates=(never,)), DAY) == []


def test_bands_and_half_hours_say_so() -> None:
    listed = (replace(BASE, unit="band", step_minutes=30), replace(BASE, item="heating", step_minutes=30))
    rates = table(tables_on(catalogue(rates=listed), DAY), "使用料")
    assert [row.value for row in rates.now] == ["1区分 300円", "1時間 300円・30分ごと"]


def test_days_are_short() -> None:
    row = Row("", "", "", date(2026, 4, 1), date(2027, 12, 31))
    assert (row.since, row.until) == ("2026/4/1から", "2027/12/31に終了")
    assert (replace(row, valid_from=date.min).since, replace(row, valid_until=None).until) == (
        "はじめから",
        "",
    )


def test_percentages_are_in_force_to_come_or_over() -> None:
    entries = (PercentEntry(LONG_AGO, 50), PercentEntry(DAY, 75), PercentEntry(LATER, 100))
    found = replace(
        catalogue(),
        relief_rates={("youth", "base"): entries},
        fee_factors={("out_of_town", "lighting"): entries[2:]},
    )
    relief = table(tables_on(found, DAY), "団体の区分による減免")
    assert [row.value for row in (*relief.now, *relief.later, *relief.before)] == [
        "75%減免",
        "100%減免",
        "50%減免",
    ]
    assert relief.now[0].what == "少年団 使用料"
    factors = table(tables_on(found, DAY), "割増")
    assert (factors.now, factors.before) == ((), ())
    assert factors.later == (Row("市外 照明使用料", "100%", "", LATER),)


def test_terms_are_in_force_to_come_or_over() -> None:
    none = table(tables_on(catalogue(), DAY), "端数と消費税")
    assert [(row.value, row.since) for row in none.now] == [
        ("1円未満切捨て・消費税10%（内税）", "はじめから")
    ]
    terms = (
        TermsEntry(LONG_AGO, tax_percent=0),
        TermsEntry(DAY, 10, "half_up", 8, False),
        TermsEntry(LATER, 100, "up"),
    )
    found = table(tables_on(catalogue(terms=terms), DAY), "端数と消費税")
    assert [row.value for row in (*found.now, *found.later, *found.before)] == [
        "10円未満四捨五入・消費税8%（外税）",
        "100円未満切上げ・消費税10%（内税）",
        "1円未満切捨て・消費税なし",
    ]


def test_what_is_on_the_table_can_be_ended_once() -> None:
    ended = FeeRateEntry("heating", 1, 0, LONG_AGO, valid_until=DAY)
    found = catalogue(rates=(BASE, replace(BASE, valid_from=LATER), ended))
    assert [(one.key, one.words) for one in endings_on(found, DAY)] == [
        ("gym/full/base", "体育館 全面 使用料")
    ]
