"""Which windows can be sold, before anything is asked of the database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from booking.fees.payer import Payer
from booking.fees.quote import quote
from booking.places.models import DayKind
from booking.reservations import refusals
from booking.reservations.rules import (
    is_over,
    is_too_far,
    require_offered,
    run_length,
    runs,
)
from core.clock import start_of_day
from core.errors import KaihoError, NotThere, Refused
from core.window import Window
from tests.unit.booking.places import FULL, RULES, catalogue, rows

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SATURDAY = date(2026, 11, 28)


def hours(first: float, last: float, day: date = SATURDAY) -> Window:
    midnight = start_of_day(day)
    return Window(midnight + timedelta(hours=first), midnight + timedelta(hours=last))


@pytest.mark.parametrize(
    "wanted, count",
    [
        (hours(8, 10), 1),
        (hours(8, 12), 2),
        (hours(10, 12), 1),
        (hours(8, 15), 0),
        (hours(8, 11), 0),
        (hours(9, 10), 0),
        (hours(12, 13), 0),
        (hours(10, 15), 0),
    ],
)
def test_a_window_is_a_run_of_bands_or_nothing(wanted: Window, count: int) -> None:
    assert run_length(catalogue().bands(FULL, SATURDAY), wanted) == count


def test_runs_are_what_run_length_accepts() -> None:
    bands = catalogue().bands(FULL, SATURDAY)
    assert runs(bands, 2) == [hours(8, 10), hours(8, 12), hours(10, 12), hours(13, 15)]
    assert runs(bands, 1) == [hours(8, 10), hours(10, 12), hours(13, 15)]
    assert all(0 < run_length(bands, window) <= 2 for window in runs(bands, 2))


def test_a_window_on_sale_passes() -> None:
    require_offered(catalogue(), FULL, hours(8, 12), now=NOW)
    with pytest.raises(NotThere):
        require_offered(catalogue(), 99, hours(8, 12), now=NOW)


def test_a_facility_that_closes_at_night_sells_nothing_over_midnight() -> None:
    with pytest.raises(refusals.NotOffered):
        require_offered(catalogue(), FULL, hours(13, 32), now=NOW)


def test_a_facility_open_around_the_clock_sells_over_midnight() -> None:
    all_day = rows(*((hour, hour + 1) for hour in range(24)))
    open_always = catalogue(bands={("facility", 1, kind): all_day for kind in DayKind})
    require_offered(open_always, FULL, hours(23, 25), now=NOW)
    price = quote(open_always, offering_id=FULL, window=hours(23, 25), payer=Payer("general"))
    assert price.amount_yen == 600
    with pytest.raises(refusals.TooLong):
        require_offered(open_always, FULL, hours(23, 26), now=NOW)


def test_a_last_band_to_midnight_does_not_reach_a_day_that_begins_later() -> None:
    bands = {("facility", 1, str(kind)): rows((1, 2), (22, 24)) for kind in DayKind}
    with pytest.raises(refusals.NotOffered):
        require_offered(catalogue(bands=bands), FULL, hours(22, 25), now=NOW)


def test_half_an_hour_before_its_end_a_window_is_over() -> None:
    window = hours(8, 10)
    last = window.ends_at - timedelta(minutes=30)
    assert not is_over(RULES, window, now=last)
    assert is_over(RULES, window, now=last + timedelta(microseconds=1))


def test_the_last_day_on_sale_counts_from_today_in_tokyo() -> None:
    evening = datetime(2026, 11, 21, 14, 59, tzinfo=UTC)
    last = date(2027, 1, 20)
    assert not is_too_far(RULES, hours(8, 10, last), now=evening)
    assert is_too_far(RULES, hours(8, 10, last + timedelta(days=1)), now=evening)
    midnight = evening + timedelta(minutes=1)
    assert not is_too_far(RULES, hours(8, 10, last + timedelta(days=1)), now=midnight)


def test_every_refusal_has_a_code_and_a_sentence_of_its_own() -> None:
    classes = [
        found
        for found in vars(refusals).values()
        if isinstance(found, type) and issubclass(found, KaihoError) and found.__module__ == refusals.__name__
    ]
    assert len(classes) >= 15
    assert all(issubclass(found, Refused) for found in classes)
    assert (
        len({found.code for found in classes}) == len({found.sentence for found in classes}) == len(classes)
    )
