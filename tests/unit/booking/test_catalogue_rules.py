"""Which bands a day has, under which name a facility goes."""

from datetime import date

import pytest

from booking.places.entries import Catalogue, NameEntry
from booking.places.models import DayKind
from core.clock import start_of_day
from core.errors import NotThere
from tests.unit.booking.places import FULL, LONG_AGO, catalogue, rows

WEEKDAY, SATURDAY, SUNDAY = date(2026, 11, 24), date(2026, 11, 28), date(2026, 11, 29)


def hours(found: Catalogue, day: date) -> list[tuple[float, float]]:
    midnight = start_of_day(day)
    return [
        (
            (band.window.starts_at - midnight).total_seconds() / 3600,
            (band.window.ends_at - midnight).total_seconds() / 3600,
        )
        for band in found.bands(FULL, day)
    ]


@pytest.mark.parametrize(
    "day, kind",
    [(WEEKDAY, DayKind.WEEKDAY), (SATURDAY, DayKind.SATURDAY), (SUNDAY, DayKind.HOLIDAY)],
)
def test_a_day_is_what_its_weekday_says(day: date, kind: DayKind) -> None:
    assert catalogue().day_kind(day) is kind
    assert catalogue().day_name(day) is None


def test_the_calendar_goes_before_the_weekday() -> None:
    found = catalogue(calendar={WEEKDAY: (DayKind.VACATION, "冬休み")})
    assert found.day_kind(WEEKDAY) is DayKind.VACATION
    assert found.day_name(WEEKDAY) == "冬休み"


def test_bands_follow_the_kind_of_day() -> None:
    found = catalogue()
    assert hours(found, WEEKDAY) == [(18, 20), (20, 22)]
    assert hours(found, SATURDAY) == [(8, 10), (10, 12), (13, 15)]
    assert hours(found, SUNDAY) == []


def test_a_space_goes_before_its_facility_and_that_before_the_municipality() -> None:
    bands = {
        ("municipality", 1, "weekday"): rows((18, 20)),
        ("facility", 1, "weekday"): rows((17, 19)),
        ("space", 1, "weekday"): rows((16, 18)),
    }
    assert hours(catalogue(bands=bands), WEEKDAY) == [(16, 18)]
    del bands["space", 1, "weekday"]
    assert hours(catalogue(bands=bands), WEEKDAY) == [(17, 19)]
    del bands["facility", 1, "weekday"]
    assert hours(catalogue(bands=bands), WEEKDAY) == [(18, 20)]


def test_a_scope_without_bands_of_the_kind_leaves_the_day_to_the_next() -> None:
    bands = {
        ("municipality", 1, "weekday"): rows((18, 20)),
        ("space", 1, "saturday"): rows((9, 11)),
    }
    assert hours(catalogue(bands=bands), WEEKDAY) == [(18, 20)]


def test_the_newest_timetable_in_force_counts_alone() -> None:
    bands = {("municipality", 1, "weekday"): rows((18, 20), (20, 22)) + rows((19, 21), since=WEEKDAY)}
    found = catalogue(bands=bands)
    assert hours(found, date(2026, 11, 20)) == [(18, 20), (20, 22)]
    assert hours(found, WEEKDAY) == [(19, 21)]


def test_a_timetable_ends_on_its_last_day() -> None:
    bands = {("municipality", 1, "weekday"): rows((18, 20), until=WEEKDAY)}
    found = catalogue(bands=bands)
    assert hours(found, date(2026, 11, 20)) == [(18, 20)]
    assert hours(found, WEEKDAY) == []


def test_closed_days_are_open_only_where_a_scope_has_bands_for_them() -> None:
    calendar = {WEEKDAY: (DayKind.CLOSED, "年末年始")}
    assert hours(catalogue(calendar=calendar), WEEKDAY) == []
    bands = {("facility", 1, "closed"): rows((0, 24))}
    assert hours(catalogue(calendar=calendar, bands=bands), WEEKDAY) == [(0, 24)]


def test_a_withdrawn_offering_has_no_bands_from_its_day_on() -> None:
    found = catalogue(withdrawn_on=WEEKDAY)
    assert hours(found, date(2026, 11, 20)) == [(18, 20), (20, 22)]
    assert hours(found, WEEKDAY) == []
    assert [entry.id for entry in found.facility(1, on=WEEKDAY).offerings] == [2, 3]
    assert found.offering(FULL).courts == (1, 2)


def test_a_school_bears_the_name_of_the_day() -> None:
    names = (NameEntry(LONG_AGO, "旧小学校", None), NameEntry(date(2028, 4, 1), "新義務教育学校", None))
    found = catalogue(names=names)
    assert found.facility_name(1, on=date(2028, 3, 31)) == "旧小学校"
    assert found.facility_name(1, on=date(2028, 4, 1)) == "新義務教育学校"
    assert found.facility_name(1, on=date(1999, 1, 1)) == "旧小学校"
    assert [entry.name for entry in found.facilities(date(2028, 4, 1))] == ["新義務教育学校"]


def test_what_is_unknown_is_not_there() -> None:
    with pytest.raises(NotThere):
        catalogue().offering(99)
    with pytest.raises(NotThere):
        catalogue().facility(99, on=WEEKDAY)


def test_offerings_are_found_by_what_they_open() -> None:
    assert [entry.id for entry in catalogue().offerings_opening(7)] == [1, 2, 3]
    assert list(catalogue().offerings_opening(8)) == []
    assert catalogue().access_points(FULL) == (7,)
