"""Whatever the timetable: what is offered is on sale, and what is priced adds up."""

from datetime import date
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from booking.fees.payer import Payer
from booking.fees.quote import quote
from booking.places.entries import Band, BandRow, FeeRateEntry
from booking.reservations.rules import run_length, runs
from core.clock import start_of_day
from core.window import Window, granule_of
from tests.unit.booking.places import FULL, LONG_AGO, catalogue

DAY = date(2026, 11, 24)
MIDNIGHT = granule_of(start_of_day(DAY))


@st.composite
def timetables(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Bands of a day that do not overlap, as (first half hour, half hours)."""
    edges = sorted(draw(st.sets(st.integers(0, 48), min_size=2, max_size=14)))
    spans = [(first, last - first) for first, last in pairwise(edges)]
    kept = draw(st.lists(st.booleans(), min_size=len(spans), max_size=len(spans)))
    return [span for span, keep in zip(spans, kept, strict=True) if keep]


def bands_of(timetable: list[tuple[int, int]]) -> list[Band]:
    return [Band.of_granules(MIDNIGHT + first, length) for first, length in timetable]


@settings(deadline=None)
@given(timetables(), st.integers(1, 4))
def test_runs_are_exactly_the_windows_that_pass(timetable: list[tuple[int, int]], most: int) -> None:
    bands = bands_of(timetable)
    every = [
        Window.of_granules(MIDNIGHT + first, length)
        for first in range(48)
        for length in range(1, 49 - first)
        if 0 < run_length(bands, Window.of_granules(MIDNIGHT + first, length)) <= most
    ]
    assert runs(bands, most) == sorted(every)


@settings(deadline=None)
@given(
    timetables(),
    st.lists(
        st.tuples(st.sampled_from(["base", "lighting", "hvac"]), st.integers(0, 5000), st.integers(0, 1440)),
        max_size=3,
        unique_by=lambda rate: rate[0],
    ),
    st.dictionaries(st.sampled_from(["base", "lighting"]), st.integers(0, 100)),
)
def test_lines_add_up_and_nobody_is_paid_for_coming(
    timetable: list[tuple[int, int]], rates: list[tuple[str, int, int]], relief: dict[str, int]
) -> None:
    rows = tuple(BandRow(f * 30, (f + n) * 30, LONG_AGO, None) for f, n in timetable)
    found = catalogue(
        bands={("municipality", 1, "weekday"): rows},
        rates=tuple(FeeRateEntry(item, yen, minute, LONG_AGO) for item, yen, minute in rates),
        relief={("youth", item): percent for item, percent in relief.items()},
    )
    for window in runs(bands_of(timetable), 2):
        full, relieved = (
            quote(found, offering_id=FULL, window=window, payer=Payer(category))
            for category in ("general", "youth")
        )
        assert sum(line.amount_yen for line in relieved.lines) == relieved.amount_yen
        assert 0 <= relieved.amount_yen <= full.amount_yen
        assert all(line.amount_yen > 0 for line in full.lines)
