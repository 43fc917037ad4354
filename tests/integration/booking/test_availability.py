"""What is free: by day, by month, as masks. Few statements, however many rows; agrees with what is held."""

from datetime import date, datetime, timedelta

import pytest

from booking.availability.day import of_day
from booking.availability.grid import grid, masks
from booking.availability.month import of_month
from booking.availability.status import BandStatus
from core.errors import NotThere
from core.window import Window, granule_of
from tests.integration.booking.test_closing_places import close
from tests.integration.booking.test_holding import counted
from tests.integration.booking.town import DAY, NOW, Town, at, window


def statuses(town: Town, offering: int, *, day: date = DAY, now: datetime = NOW) -> list[str]:
    """Status of each band of an offering, through both views."""
    with town.database.reading() as session:
        found = of_day(session, municipality_id=town.municipality_id, day=day, now=now)
        by_day = [
            band.status
            for facility in found.facilities
            for entry in facility.offerings
            if entry.offering.id == offering
            for band in entry.bands
        ]
        month = of_month(
            session, municipality_id=town.municipality_id, offering_id=offering, first=day, days=1, now=now
        )
        assert [band.status for band in month.days[0].bands] == by_day
        return [str(status) for status in by_day]


def test_a_half_taken_takes_the_whole_but_not_the_other_half(town: Town) -> None:
    town.held(offering=town.half_a)
    assert statuses(town, town.full) == ["free", "taken", "free", "free", "free"]
    assert statuses(town, town.half_a) == ["free", "taken", "free", "free", "free"]
    assert statuses(town, town.half_b) == ["free"] * 5


def test_a_closure_reads_closed_even_beside_a_reservation(town: Town) -> None:
    town.held(offering=town.half_a, wanted=window(8, 10))
    close(town, window(10, 14))
    assert statuses(town, town.full) == ["taken", "closed", "closed", "free", "free"]


def test_over_and_not_yet(town: Town) -> None:
    today = NOW.date()
    assert statuses(town, town.full, day=today, now=at(9.5, today)) == ["free"] * 5
    assert statuses(town, town.full, day=today, now=at(9.6, today)) == [
        "over",
        "free",
        "free",
        "free",
        "free",
    ]
    assert statuses(town, town.full, day=today + timedelta(days=61)) == ["not_yet"] * 5


def test_free_is_what_can_be_held(town: Town) -> None:
    town.held(offering=town.half_a)
    close(town, window(18, 20))
    with town.database.reading() as session:
        found = of_day(session, municipality_id=town.municipality_id, day=DAY, now=NOW)
    entries = [entry for facility in found.facilities for entry in facility.offerings]
    free = [
        (entry.offering.id, band.window)
        for entry in entries
        for band in entry.bands
        if band.status is BandStatus.FREE and entry.offering.id in (town.full, town.hall_whole)
    ]
    for offering, wanted in free:
        town.held(offering=offering, wanted=wanted)
    assert len(free) == 3 + 5
    assert statuses(town, town.hall_whole) == ["taken"] * 5


def test_one_facility_alone_and_unknown_ones(town: Town) -> None:
    town.held(offering=town.hall_whole)
    with town.database.reading() as session:
        m = town.municipality_id
        only = of_day(session, municipality_id=m, day=DAY, now=NOW, facility_id=town.gym)
        assert [entry.facility.name for entry in only.facilities] == ["見本小学校"]
        assert only.facilities[0].free_count == 15
        with pytest.raises(NotThere):
            of_day(session, municipality_id=m, day=DAY, now=NOW, facility_id=10**6)
        with pytest.raises(NotThere):
            of_month(session, municipality_id=m, offering_id=10**6, first=DAY, days=1, now=NOW)


def test_views_take_at_most_three_statements_without_locks_and_any_number_of_rows(town: Town) -> None:
    for wanted in (window(8, 10), window(10, 12), window(13, 15)):
        town.held(wanted=wanted, offering=town.half_a)
    m = town.municipality_id
    with town.database.reading() as session, counted(town) as statements:
        of_day(session, municipality_id=m, day=DAY, now=NOW)
    assert len([text for text in statements if not text.startswith("BEGIN")]) <= 3
    with town.database.reading() as session, counted(town) as statements:
        of_month(session, municipality_id=m, offering_id=town.full, first=DAY, days=31, now=NOW)
    assert len([text for text in statements if not text.startswith("BEGIN")]) <= 3
    with town.database.reading() as session, counted(town) as statements:
        masks(session, municipality_id=m, court_ids=town.courts, first_day=DAY, days=31)
    assert len([text for text in statements if not text.startswith("BEGIN")]) == 1


def test_masks_have_a_bit_for_each_claimed_half_hour(town: Town) -> None:
    town.held(offering=town.half_a, wanted=window(8, 10))
    next_day = DAY + timedelta(days=1)
    close(town, Window(at(23.5), at(0.5, next_day)))
    with town.database.reading() as session:
        found = grid(
            session,
            municipality_id=town.municipality_id,
            court_ids=[*town.courts, 10**6],
            first_day=DAY,
            days=3,
        )
    first, second = town.courts
    assert found.taken == {first: [0b1111 << 16 | 1 << 47, 1, 0], second: [1 << 47, 1, 0], 10**6: [0, 0, 0]}
    assert found.closed == {first: [1 << 47, 1, 0], second: [1 << 47, 1, 0], 10**6: [0, 0, 0]}
    claimed = {
        (court, granule_of(at(0)) + day * 48 + bit)
        for court, days in found.taken.items()
        for day, mask in enumerate(days)
        for bit in range(48)
        if mask >> bit & 1
    }
    assert claimed == town.claims()
