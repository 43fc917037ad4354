"""Utilisation: used / openable, a half court is half a gym, closures leave the denominator."""

from datetime import date

from booking.places.models import SpaceKind
from booking.utilisation.month import Slots, heatmap
from tests.integration.booking.test_closing_places import close
from tests.integration.booking.test_holding import counted
from tests.integration.booking.test_life_of_a_reservation import open_door
from tests.integration.booking.town import DAY, NOW, Town, at, window

GYM_BANDS = 5.0
"""Five bands of two half courts."""


def cell(town: Town, day: date = DAY) -> Slots:
    """The gym's facility on a day."""
    with town.database.reading() as session:
        found = heatmap(session, municipality_id=town.municipality_id, first=day, now=at(23))
    row = next(row for row in found.rows if row.facility_id == town.gym)
    return next(entry.slots for entry in row.cells if entry.day == day)


def test_what_was_used_counts_and_what_was_only_booked_counts_as_booked(town: Town) -> None:
    open_door(town, town.confirmed(wanted=window(8, 10)), at(8))
    open_door(town, town.confirmed(offering=town.half_a, wanted=window(10, 12)), at(10))
    town.confirmed(offering=town.half_b, wanted=window(13, 15))
    town.held(wanted=window(18, 20))
    found = cell(town)
    assert found == Slots(openable=GYM_BANDS, closed=0, booked=2.0, used=1.5)
    assert found.used_rate == 0.3
    assert found.booked_rate == 0.4


def test_closures_leave_the_denominator_and_are_reported(town: Town) -> None:
    close(town, window(11, 14))
    assert cell(town) == Slots(openable=3.0, closed=2.0, booked=0, used=0)


def test_a_day_without_bands_has_nothing_openable(town: Town) -> None:
    assert cell(town, date(2026, 12, 31)) == Slots()


def test_totals_are_sums_and_kinds_of_space_can_be_chosen(town: Town) -> None:
    open_door(town, town.confirmed(), at(10))
    with town.database.reading() as session, counted(town) as statements:
        found = heatmap(session, municipality_id=town.municipality_id, first=DAY, now=NOW)
    assert len([text for text in statements if not text.startswith("BEGIN")]) <= 3
    assert len(found.days) == 30
    assert found.first == date(2026, 11, 1)
    assert found.total.openable == 2 * 30 * GYM_BANDS
    assert found.total.used == 1.0
    assert [entry.is_over for entry in found.rows[0].cells].count(True) == 20
    with town.database.reading() as session:
        gyms = heatmap(
            session,
            municipality_id=town.municipality_id,
            first=DAY,
            now=NOW,
            space_kinds=frozenset({SpaceKind.GYM}),
        )
    assert gyms.total.openable == 30 * GYM_BANDS
