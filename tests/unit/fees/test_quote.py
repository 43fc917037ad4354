"""What a window costs: seasons, hours, part hours, bands, factors, rounding, tax, relief."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from booking.fees.lines import Tax, tax_of
from booking.fees.payer import Payer, Relief
from booking.fees.quote import Quote, quote
from booking.places.entries import BandRow, Catalogue, FeeRateEntry, PercentEntry, TermsEntry
from booking.places.models import DayKind
from core.clock import start_of_day
from core.window import Window
from tests.unit.booking.places import FULL, LONG_AGO, catalogue, rows

DAY = date(2026, 11, 24)
BASE = FeeRateEntry("base", 300, 0, LONG_AGO)
LIGHT = FeeRateEntry("lighting", 300, 17 * 60, LONG_AGO)
COOLING = FeeRateEntry("cooling", 700, 0, LONG_AGO, months=0b0001_1110_0000)
HEATING = FeeRateEntry("heating", 700, 0, LONG_AGO, months=0b1000_0000_0111)
GENERAL, YOUTH = Payer("general"), Payer("youth")
STRANGER, SELLER = Payer("general", is_out_of_town=True), Payer("general", is_commercial=True)
BOTH = Payer("general", True, True)


def every_day(*hours: tuple[float, float]) -> dict[tuple[str, int, str], tuple[BandRow, ...]]:
    return {("municipality", 1, str(kind)): rows(*hours) for kind in DayKind}


ALL_DAY = every_day(*((hour, hour + 1) for hour in range(24)))


def priced(
    found: Catalogue,
    first: float,
    last: float,
    *,
    day: date = DAY,
    payer: Payer = GENERAL,
    relief: Relief | None = None,
) -> Quote:
    midnight = start_of_day(day)
    window = Window(midnight + timedelta(hours=first), midnight + timedelta(hours=last))
    return quote(found, offering_id=FULL, window=window, payer=payer, relief=relief)


def shown(price: Quote) -> list[tuple[str, int]]:
    assert sum(line.amount_yen for line in price.lines) == price.amount_yen
    return [(line.item, line.amount_yen) for line in price.lines]


@pytest.mark.parametrize(
    "first, last, yen", [(16, 17, 300), (17, 18, 600), (16, 18, 900), (23, 24, 600), (0, 1, 300)]
)
def test_light_is_charged_from_its_minute_on(first: int, last: int, yen: int) -> None:
    found = catalogue(bands=ALL_DAY, rates=(BASE, LIGHT))
    assert priced(found, first, last).amount_yen == yen


def test_over_midnight_each_band_goes_by_its_own_hour_and_the_first_day() -> None:
    night = FeeRateEntry("lighting", 50, 0, LONG_AGO, until_minute=60)
    dearer = FeeRateEntry("base", 900, 0, DAY + timedelta(days=1))
    found = catalogue(bands=ALL_DAY, rates=(BASE, dearer, LIGHT, night))
    price = priced(found, 23, 26)
    assert [(line.item, line.hours, line.amount_yen) for line in price.lines] == [
        ("base", 3, 900),
        ("lighting", 1, 300),
        ("lighting", 1, 50),
    ]


@pytest.mark.parametrize(
    "day, items",
    [
        (date(2026, 5, 31), ["base"]),
        (date(2026, 6, 1), ["base", "cooling"]),
        (date(2026, 9, 30), ["base", "cooling"]),
        (date(2026, 10, 1), ["base"]),
        (date(2026, 11, 30), ["base"]),
        (date(2026, 12, 1), ["base", "heating"]),
        (date(2028, 2, 29), ["base", "heating"]),
        (date(2027, 3, 31), ["base", "heating"]),
        (date(2027, 4, 1), ["base"]),
    ],
)
def test_heating_and_cooling_go_by_season_where_the_space_has_them(day: date, items: list[str]) -> None:
    with_air = catalogue(bands=ALL_DAY, rates=(BASE, COOLING, HEATING), has_hvac=True)
    without = catalogue(bands=ALL_DAY, rates=(BASE, COOLING, HEATING))
    assert [line.item for line in priced(with_air, 10, 12, day=day).lines] == items
    assert [line.item for line in priced(without, 10, 12, day=day).lines] == ["base"]


def test_what_a_space_lacks_hides_nothing_that_comes_after_it() -> None:
    found = catalogue(bands=ALL_DAY, rates=(replace(COOLING, months=BASE.months), HEATING, BASE, LIGHT))
    assert [line.item for line in priced(found, 18, 20).lines] == ["base", "lighting"]


def test_hours_count_to_the_half_hour() -> None:
    light = replace(LIGHT, from_minute=17 * 60 + 30, until_minute=18 * 60 + 30, step_minutes=30)
    bands = every_day((17, 17.5), (17.5, 18), (18, 18.5), (18.5, 19))
    found = catalogue(bands=bands, rates=(light,))
    prices = [priced(found, first, first + 0.5).amount_yen for first in (17, 17.5, 18, 18.5)]
    assert prices == [0, 150, 150, 0]


def test_a_season_ends_at_midnight_of_the_day_of_use() -> None:
    found = catalogue(bands=ALL_DAY, rates=(COOLING,), has_hvac=True)
    assert priced(found, 23, 25, day=date(2026, 9, 30)).amount_yen == 1400
    assert priced(found, 24, 25, day=date(2026, 9, 30)).amount_yen == 0


def test_a_fiscal_year_brings_its_rate() -> None:
    found = catalogue(bands=ALL_DAY, rates=(BASE, FeeRateEntry("base", 330, 0, date(2027, 4, 1))))
    assert priced(found, 10, 12, day=date(2027, 3, 31)).amount_yen == 600
    assert priced(found, 10, 12, day=date(2027, 4, 1)).amount_yen == 660
    assert priced(found, 23, 25, day=date(2027, 3, 31)).amount_yen == 600


@pytest.mark.parametrize(
    "step, bands, quantity, unit, hours, yen",
    [
        (60, ((18, 19.5),), 2, "hour", 2, 600),
        (30, ((18, 19.5),), 3, "half_hour", 2, 450),
        (60, ((18, 18.5),), 1, "hour", 1, 300),
        (30, ((18, 18.5),), 1, "half_hour", 1, 150),
        (60, ((18, 19.5), (19.5, 21)), 3, "hour", 3, 900),
        (30, ((18, 19),), 2, "half_hour", 1, 300),
    ],
)
def test_part_hours_count_by_the_step_together_for_all_bands(
    step: int, bands: tuple[tuple[float, float], ...], quantity: int, unit: str, hours: int, yen: int
) -> None:
    found = catalogue(bands=every_day(*bands), rates=(replace(BASE, step_minutes=step),))
    [line] = priced(found, bands[0][0], bands[-1][1]).lines
    assert (line.quantity, line.unit, line.hours, line.amount_yen) == (quantity, unit, hours, yen)
    assert line.yen_per_hour == 300


def test_a_band_costs_its_price_however_long_it_is() -> None:
    by_band = FeeRateEntry("base", 1500, 0, LONG_AGO, unit="band", step_minutes=30)
    found = catalogue(bands=every_day((8, 12), (12, 17), (17, 21.5)), rates=(by_band,))
    [line] = priced(found, 8, 17).lines
    assert (line.quantity, line.unit, line.hours, line.amount_yen) == (2, "band", 9, 3000)
    assert priced(found, 17, 21.5).amount_yen == 1500


def test_bands_of_different_hours_may_cost_differently() -> None:
    day = replace(BASE, until_minute=17 * 60, unit="band", yen_per_hour=1500)
    night = replace(BASE, from_minute=17 * 60, unit="band", yen_per_hour=2500)
    found = catalogue(bands=every_day((8, 12), (12, 17), (17, 21.5)), rates=(day, night))
    assert shown(priced(found, 8, 21.5)) == [("base", 3000), ("base", 2500)]


def test_a_half_band_is_not_charged_and_a_zero_rate_has_no_line() -> None:
    found = catalogue(bands=every_day((8, 12)), rates=(BASE, replace(LIGHT, yen_per_hour=0, from_minute=0)))
    assert priced(found, 8, 11).lines == ()
    assert priced(found, 9, 12).lines == ()
    assert shown(priced(found, 8, 12)) == [("base", 1200)]


FACTORS = {
    ("out_of_town", "base"): 200,
    ("commercial", "base"): 300,
    ("out_of_town", "lighting"): 150,
    ("commercial", "lighting"): 100,
}


@pytest.mark.parametrize(
    "payer, base, light, base_label, light_label",
    [
        (GENERAL, 600, 600, "使用料", "照明使用料"),
        (STRANGER, 1200, 900, "使用料（市外2倍）", "照明使用料（市外1.5倍）"),
        (SELLER, 1800, 600, "使用料（営利3倍）", "照明使用料"),
        (BOTH, 3600, 900, "使用料（市外2倍・営利3倍）", "照明使用料（市外1.5倍）"),
    ],
)
def test_factors_multiply_item_by_item(
    payer: Payer, base: int, light: int, base_label: str, light_label: str
) -> None:
    found = catalogue(rates=(BASE, LIGHT), factors=FACTORS)
    lines = priced(found, 18, 20, payer=payer).lines
    assert [(line.label, line.amount_yen) for line in lines] == [(base_label, base), (light_label, light)]


@pytest.mark.parametrize(
    "percent, words", [(110, "1.1倍"), (125, "1.25倍"), (200, "2倍"), (205, "2.05倍"), (1000, "10倍")]
)
def test_a_factor_is_said_in_times(percent: int, words: str) -> None:
    found = catalogue(rates=(BASE,), factors={("out_of_town", "base"): percent})
    [line] = priced(found, 18, 20, payer=STRANGER).lines
    assert line.label == f"使用料（市外{words}）"
    assert line.amount_yen == 6 * percent


def test_an_item_without_a_factor_costs_strangers_the_same() -> None:
    found = catalogue(rates=(BASE, LIGHT), factors={("out_of_town", "lighting"): 200})
    assert shown(priced(found, 18, 20, payer=BOTH)) == [("base", 600), ("lighting", 1200)]


def test_factors_begin_on_their_day() -> None:
    found = replace(
        catalogue(bands=ALL_DAY, rates=(BASE,)),
        fee_factors={("out_of_town", "base"): (PercentEntry(DAY, 200),)},
    )
    assert priced(found, 10, 12, payer=STRANGER, day=DAY - timedelta(days=1)).amount_yen == 600
    assert priced(found, 10, 12, payer=STRANGER).amount_yen == 1200
    assert priced(found, 10, 12).amount_yen == 600


@pytest.mark.parametrize("mode, yen", [("down", 730), ("half_up", 740), ("up", 740)])
def test_a_line_is_rounded_once_after_all_factors(mode: str, yen: int) -> None:
    factors = {("out_of_town", "base"): 150, ("commercial", "base"): 150}
    found = catalogue(
        rates=(replace(BASE, yen_per_hour=163),),
        factors=factors,
        terms=(TermsEntry(LONG_AGO, round_to_yen=10, rounding=mode),),
    )
    # 326 x 2.25 = 733.5; a rounding in between would give 732 or 735.
    assert priced(found, 18, 20, payer=BOTH).amount_yen == {"down": 730, "half_up": 730, "up": 740}[mode]
    near = catalogue(
        rates=(replace(BASE, yen_per_hour=245, step_minutes=30),),
        factors=factors,
        bands=every_day((18, 19.5)),
        terms=(TermsEntry(LONG_AGO, round_to_yen=10, rounding=mode),),
    )
    # 367.5 x 2 = 735
    near_factor = replace(near, fee_factors={("out_of_town", "base"): (PercentEntry(LONG_AGO, 200),)})
    assert priced(near_factor, 18, 19.5, payer=STRANGER).amount_yen == yen


def test_terms_begin_on_their_day() -> None:
    found = catalogue(
        bands=ALL_DAY,
        rates=(replace(BASE, yen_per_hour=333),),
        terms=(TermsEntry(DAY, round_to_yen=100, rounding="up", tax_percent=8),),
    )
    before, after = priced(found, 10, 11, day=DAY - timedelta(days=1)), priced(found, 10, 11)
    assert (before.amount_yen, before.lines[0].tax_percent, before.lines[0].round_to_yen) == (333, 10, 1)
    assert (after.amount_yen, after.lines[0].tax_percent, after.lines[0].round_to_yen) == (400, 8, 100)


def test_included_tax_adds_no_line() -> None:
    price = priced(catalogue(rates=(BASE, LIGHT)), 18, 20)
    assert shown(price) == [("base", 600), ("lighting", 600)]
    assert (price.tax_yen, price.gross_yen, price.relief_yen) == (109, 1200, 0)


def test_added_tax_is_a_line_of_its_own() -> None:
    found = catalogue(
        rates=(BASE, LIGHT),
        relief={("youth", "base"): 100},
        terms=(TermsEntry(LONG_AGO, tax_percent=10, is_tax_included=False),),
    )
    price = priced(found, 18, 20, payer=YOUTH)
    assert shown(price) == [("base", 600), ("relief_base", -600), ("lighting", 600), ("tax", 60)]
    assert (price.tax_yen, price.gross_yen, price.relief_yen, price.amount_yen) == (60, 1200, 600, 660)
    assert tax_of(price.lines) == [Tax(10, 600, 60)]


def test_no_tax_is_neither_added_nor_included() -> None:
    for included in (True, False):
        found = catalogue(
            rates=(BASE,), terms=(TermsEntry(LONG_AGO, tax_percent=0, is_tax_included=included),)
        )
        price = priced(found, 18, 20)
        assert (shown(price), price.tax_yen) == ([("base", 600)], 0)


def test_relief_by_class_begins_on_its_day() -> None:
    found = replace(
        catalogue(bands=ALL_DAY, rates=(BASE,)),
        relief_rates={("youth", "base"): (PercentEntry(LONG_AGO, 50), PercentEntry(DAY, 100))},
    )
    assert priced(found, 10, 12, payer=YOUTH, day=DAY - timedelta(days=1)).amount_yen == 300
    assert priced(found, 10, 12, payer=YOUTH).amount_yen == 0
    assert priced(found, 10, 12).amount_yen == 600


@pytest.mark.parametrize(
    "relief, lines",
    [
        (None, [("base", 600), ("relief_base", -300), ("lighting", 600), ("relief_lighting", -60)]),
        (Relief(0, 0), [("base", 600), ("relief_base", -300), ("lighting", 600), ("relief_lighting", -60)]),
        (Relief(100, 0), [("base", 600), ("relief_base", -600), ("lighting", 600), ("relief_lighting", -60)]),
        (
            Relief(30, 30),
            [("base", 600), ("relief_base", -300), ("lighting", 600), ("relief_lighting", -180)],
        ),
        (
            Relief(100, 100),
            [("base", 600), ("relief_base", -600), ("lighting", 600), ("relief_lighting", -600)],
        ),
    ],
)
def test_of_class_and_grant_the_better_counts_item_by_item(
    relief: Relief | None, lines: list[tuple[str, int]]
) -> None:
    found = catalogue(rates=(BASE, LIGHT), relief={("youth", "base"): 50, ("youth", "lighting"): 10})
    price = priced(found, 18, 20, payer=YOUTH, relief=relief)
    assert shown(price) == lines
    decided = [line.label for line in price.lines if line.label.startswith("減免決定")]
    assert len(decided) == sum(
        1 for part in (relief and relief.base_percent > 50, relief and relief.other_percent > 10) if part
    )


def test_relief_comes_off_what_factors_have_raised() -> None:
    found = catalogue(rates=(BASE,), factors={("out_of_town", "base"): 200}, relief={("general", "base"): 25})
    price = priced(found, 18, 20, payer=STRANGER)
    assert shown(price) == [("base", 1200), ("relief_base", -300)]
    assert price.lines[1].label == "減免（使用料 25%）"


def test_an_item_without_a_word_is_called_by_its_name() -> None:
    found = catalogue(rates=(replace(BASE, item="sauna"),))
    assert priced(found, 18, 20).lines[0].label == "sauna"
