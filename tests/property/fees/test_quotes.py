"""Whatever the tables: whole yen, lines that add up, nobody paid for coming, longer never cheaper."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from booking.fees.lines import frozen_lines, relieved, tax_of
from booking.fees.payer import Payer, Relief
from booking.fees.quote import Quote, quote
from booking.places.entries import BandRow, Catalogue, FeeRateEntry, PercentEntry, TermsEntry
from booking.places.models import DayKind
from core.clock import start_of_day
from core.window import Window
from tests.unit.booking.places import FULL, catalogue

FIRST_DAY = date(2026, 1, 1)
ITEMS = ("base", "lighting", "heating", "cooling")
KINDS = ("out_of_town", "commercial")

days = st.dates(FIRST_DAY, date(2028, 12, 31))
percents = st.integers(0, 100)
rates = st.builds(
    FeeRateEntry,
    item=st.sampled_from(ITEMS),
    yen_per_hour=st.integers(0, 5000),
    from_minute=st.integers(0, 47).map(lambda half: half * 30),
    valid_from=days,
    valid_until=st.none() | days,
    until_minute=st.integers(1, 48).map(lambda half: half * 30),
    months=st.integers(1, (1 << 12) - 1) | st.just((1 << 12) - 1),
    step_minutes=st.sampled_from([30, 60]),
    unit=st.sampled_from(["hour", "band"]),
)
terms = st.builds(
    TermsEntry,
    valid_from=days,
    round_to_yen=st.sampled_from([1, 10, 50, 100]),
    rounding=st.sampled_from(["down", "half_up", "up"]),
    tax_percent=st.sampled_from([0, 8, 10]),
    is_tax_included=st.booleans(),
)
payers = st.builds(
    Payer,
    category=st.sampled_from(["general", "youth"]),
    is_out_of_town=st.booleans(),
    is_commercial=st.booleans(),
)
reliefs = st.none() | st.builds(Relief, percents, percents)


def dated(percent: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[PercentEntry, ...]]:
    entries = st.lists(st.builds(PercentEntry, days, percent), max_size=3, unique_by=lambda e: e.valid_from)
    return entries.map(tuple)


@st.composite
def towns(draw: st.DrawFn, *, around_the_clock: bool = False) -> Catalogue:
    """A gym with any timetable and any tables."""
    always = {0, 48} if around_the_clock else set()
    edges = sorted(draw(st.sets(st.integers(0, 48), min_size=2, max_size=8)) | always)
    rows = tuple(BandRow(first * 30, last * 30, date(2020, 4, 1), None) for first, last in pairwise(edges))
    found = catalogue(
        bands={("municipality", 1, str(kind)): rows for kind in DayKind},
        rates=tuple(draw(st.lists(rates, max_size=8))),
        terms=tuple(draw(st.lists(terms, max_size=2, unique_by=lambda entry: entry.valid_from))),
        has_hvac=draw(st.booleans()),
    )
    factor_keys, relief_keys = (
        st.tuples(st.sampled_from(first), st.sampled_from(ITEMS)) for first in (KINDS, ("general", "youth"))
    )
    return replace(
        found,
        fee_factors=draw(st.dictionaries(factor_keys, dated(st.integers(100, 500)), max_size=4)),
        relief_rates=draw(st.dictionaries(relief_keys, dated(percents), max_size=4)),
    )


def windows_of(found: Catalogue, day: date) -> list[Window]:
    """All windows from the day's first band on, the shortest first."""
    bands = found.bands(FULL, day)
    return [Window(bands[0].window.starts_at, band.window.ends_at) for band in bands]


def priced(found: Catalogue, window: Window, payer: Payer, relief: Relief | None = None) -> Quote:
    return quote(found, offering_id=FULL, window=window, payer=payer, relief=relief)


def require_whole(value: Any) -> None:
    """No float anywhere in it, and no truth value where a number belongs."""
    assert type(value) in (int, str), value


@settings(deadline=None)
@given(towns(), days, payers, reliefs)
def test_lines_are_whole_yen_and_sum_to_the_amount(
    found: Catalogue, day: date, payer: Payer, relief: Relief | None
) -> None:
    for window in windows_of(found, day):
        price = priced(found, window, payer, relief)
        for line in price.lines:
            for value in line.as_json().values():
                require_whole(value)
        for total in (price.amount_yen, price.gross_yen, price.relief_yen, price.tax_yen):
            require_whole(total)
        assert price.amount_yen == sum(line.amount_yen for line in price.lines) >= 0
        taxes = tax_of(price.lines)
        assert sum(tax.net_yen + tax.tax_yen for tax in taxes) == price.amount_yen
        assert all(tax.tax_yen >= 0 and tax.net_yen >= 0 for tax in taxes)
        added = sum(line.amount_yen for line in price.lines if line.item == "tax")
        assert price.gross_yen - price.relief_yen + added == price.amount_yen
        assert price.tax_yen == added or not added
        assert frozen_lines(line.as_json() for line in price.lines) == price.lines


@settings(deadline=None)
@given(towns(), days, payers, reliefs)
def test_relief_is_never_negative_and_never_more_than_its_item(
    found: Catalogue, day: date, payer: Payer, relief: Relief | None
) -> None:
    for window in windows_of(found, day):
        charge = 0
        for line in priced(found, window, payer, relief).lines:
            if line.is_relief:
                assert 0 < -line.amount_yen <= charge
                assert line.amount_yen % line.round_to_yen == 0
                charge = 0
            else:
                assert line.amount_yen > 0
                assert line.item == "tax" or line.amount_yen % line.round_to_yen == 0
                charge = line.amount_yen


@settings(deadline=None)
@given(towns(), days, payers, reliefs)
def test_a_longer_window_never_costs_less(
    found: Catalogue, day: date, payer: Payer, relief: Relief | None
) -> None:
    amounts = [priced(found, window, payer, relief).amount_yen for window in windows_of(found, day)]
    assert amounts == sorted(amounts)


@settings(deadline=None)
@given(towns(), days, payers, reliefs)
def test_from_out_of_town_or_for_money_is_never_cheaper(
    found: Catalogue, day: date, payer: Payer, relief: Relief | None
) -> None:
    window = windows_of(found, day)[-1]
    plain = replace(payer, is_out_of_town=False, is_commercial=False)
    least = priced(found, window, plain, relief).amount_yen
    assert priced(found, window, payer, relief).amount_yen >= least


@settings(deadline=None)
@given(towns(), days, payers, st.builds(Relief, percents, percents), st.builds(Relief, percents, percents))
def test_a_grant_never_makes_it_dearer_and_two_are_as_good_as_the_better(
    found: Catalogue, day: date, payer: Payer, first: Relief, second: Relief
) -> None:
    window = windows_of(found, day)[-1]
    alone = priced(found, window, payer).amount_yen
    granted = [priced(found, window, payer, one).amount_yen for one in (first, second)]
    both = priced(found, window, payer, first.better(second)).amount_yen
    assert both <= min(granted) <= max(granted) <= alone


@settings(deadline=None)
@given(towns(), days, payers, reliefs, st.builds(Relief, percents, percents))
def test_a_grant_after_the_sale_costs_what_it_would_have_cost_before(
    found: Catalogue, day: date, payer: Payer, relief: Relief | None, late: Relief
) -> None:
    window = windows_of(found, day)[-1]
    sold = priced(found, window, payer, relief)
    after = Quote.of_lines(relieved(sold.lines, late))
    at_once = priced(found, window, payer, late if relief is None else late.better(relief))
    assert after.amount_yen == at_once.amount_yen <= sold.amount_yen
    assert [line.item for line in after.lines] == [line.item for line in at_once.lines]
    assert relieved(after.lines, late) == after.lines


@settings(deadline=None)
@given(towns(), days, payers, rates, st.integers(1, 400))
def test_a_change_of_a_table_changes_nothing_used_before_its_day(
    found: Catalogue, day: date, payer: Payer, rate: FeeRateEntry, sooner: int
) -> None:
    changed = replace(rate, valid_from=day + timedelta(days=sooner))
    listed = found.fee_rates["gym", "full"]
    after = replace(found, fee_rates={("gym", "full"): (*listed, changed)})
    for window in windows_of(found, day):
        assert priced(after, window, payer) == priced(found, window, payer)


@settings(deadline=None)
@given(towns(around_the_clock=True), days, payers)
def test_a_window_over_midnight_costs_no_less_than_its_part_before(
    found: Catalogue, day: date, payer: Payer
) -> None:
    last = found.bands(FULL, day)[-1].window
    following = found.bands(FULL, day + timedelta(days=1))[0].window
    assert following.starts_at == last.ends_at == start_of_day(day + timedelta(days=1))
    over = Window(last.starts_at, following.ends_at)
    assert priced(found, over, payer).amount_yen >= priced(found, last, payer).amount_yen
