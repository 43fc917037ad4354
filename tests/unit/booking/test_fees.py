"""What a window costs."""

from datetime import date, timedelta

from booking.fees.payer import Payer
from booking.fees.quote import Quote, quote
from booking.places.entries import Catalogue, FeeRateEntry
from core.clock import start_of_day
from core.window import Window
from tests.unit.booking.places import FULL, HALF_A, LONG_AGO, catalogue, rows

DAY = date(2026, 11, 24)
LIGHTING = FeeRateEntry("lighting", 300, 17 * 60, LONG_AGO)
BASE = FeeRateEntry("base", 300, 0, LONG_AGO)


def hours(first: float, last: float) -> Window:
    midnight = start_of_day(DAY)
    return Window(midnight + timedelta(hours=first), midnight + timedelta(hours=last))


def priced(found: Catalogue, wanted: Window, category: str = "general", offering: int = FULL) -> Quote:
    return quote(found, offering_id=offering, window=wanted, payer=Payer(category))


def test_base_and_lighting_are_charged_by_the_hour() -> None:
    found = priced(catalogue(rates=(BASE, LIGHTING)), hours(18, 22))
    assert [(line.item, line.hours, line.amount_yen) for line in found.lines] == [
        ("base", 4, 1200),
        ("lighting", 4, 1200),
    ]
    assert found.amount_yen == 2400


def test_lighting_is_charged_for_bands_that_start_in_the_evening_only() -> None:
    bands = {("municipality", 1, "weekday"): rows((15, 17), (17, 19))}
    found = priced(catalogue(bands=bands, rates=(BASE, LIGHTING)), hours(15, 19))
    assert [(line.item, line.hours) for line in found.lines] == [("base", 4), ("lighting", 2)]


def test_a_part_hour_counts_as_a_whole_one() -> None:
    bands = {("municipality", 1, "weekday"): rows((18, 19.5))}
    assert priced(catalogue(bands=bands), hours(18, 19.5)).amount_yen == 600


def test_relief_is_a_line_of_its_own_and_rounds_down() -> None:
    found = catalogue(
        rates=(BASE, FeeRateEntry("lighting", 155, 0, LONG_AGO)),
        relief={("youth", "base"): 100, ("youth", "lighting"): 50},
    )
    lines = priced(found, hours(18, 20), "youth").lines
    assert [(line.item, line.amount_yen) for line in lines] == [
        ("base", 600),
        ("relief_base", -600),
        ("lighting", 310),
        ("relief_lighting", -155),
    ]
    assert priced(found, hours(18, 20)).amount_yen == 910


def test_the_newest_rate_in_force_counts() -> None:
    dearer = FeeRateEntry("base", 400, 0, DAY)
    later = FeeRateEntry("base", 900, 0, DAY + timedelta(days=1))
    assert priced(catalogue(rates=(BASE, dearer, later)), hours(18, 20)).amount_yen == 800


def test_what_has_no_rate_is_free() -> None:
    assert priced(catalogue(), hours(18, 20), offering=HALF_A).amount_yen == 0
    assert priced(catalogue(rates=()), hours(18, 20)).lines == ()


def test_lines_as_frozen_sum_to_the_amount() -> None:
    found = priced(catalogue(rates=(BASE, LIGHTING), relief={("general", "base"): 33}), hours(18, 20))
    frozen = [line.as_json() for line in found.lines]
    assert sum(line["amount_yen"] for line in frozen) == found.amount_yen
    assert frozen[0] == {
        "item": "base",
        "label": "使用料",
        "hours": 2,
        "yen_per_hour": 300,
        "amount_yen": 600,
        "quantity": 2,
        "unit": "hour",
        "tax_percent": 10,
        "round_to_yen": 1,
    }
