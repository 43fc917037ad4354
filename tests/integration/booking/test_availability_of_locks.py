"""What a lock could not honour is not offered: the pages say of each band what a hold of it would be told."""

from datetime import date, datetime, timedelta

import pytest

from booking.availability.day import of_day
from booking.availability.month import of_month
from booking.availability.status import BandLine, BandStatus
from booking.places.models import TimeBand
from booking.reservations.refusals import NotSellableNow
from core.errors import Refused
from locks import desired_state
from locks.errors import WhyNot
from tests.integration.booking.locked_doors import fit, publish, speak, spoken
from tests.integration.booking.test_holding import counted
from tests.integration.booking.town import DAY, NOW, Town, window


def month(town: Town, offering: int, *, now: datetime = NOW, days: int = 20) -> list[BandLine]:
    """Every band of an offering from today on."""
    with town.database.reading() as session:
        found = of_month(
            session,
            municipality_id=town.municipality_id,
            offering_id=offering,
            first=now.date(),
            days=days,
            now=now,
        )
        for line in found.days:
            of_that_day = of_day(session, municipality_id=town.municipality_id, day=line.day, now=now)
            same = [o for f in of_that_day.facilities for o in f.offerings if o.offering.id == offering]
            assert same[0].bands == line.bands
    return [band for line in found.days for band in line.bands]


def told_by_holding(town: Town, offering: int, band: BandLine, *, now: datetime) -> WhyNot | None:
    """What somebody who takes the band hears; nothing is kept of it."""

    class Undone(Exception):
        pass

    try:
        with town.database.transaction() as session:
            town.hold(session, offering=offering, wanted=band.window, now=now)
            raise Undone
    except Undone:
        return None
    except NotSellableNow as refused:
        return refused.why


def agree(town: Town, bands: list[BandLine], *, now: datetime = NOW) -> None:
    for band in bands:
        if band.status in (BandStatus.FREE, BandStatus.PAUSED):
            assert told_by_holding(town, town.full, band, now=now) is band.why
            assert (band.why is None) is (band.status is BandStatus.FREE)


def lengthen(town: Town, hour: int) -> None:
    """A band more in the evening, from today on, that no lock has heard of."""
    with town.database.transaction() as session:
        for kind in ("weekday", "saturday", "holiday"):
            session.add(
                TimeBand(
                    municipality_id=town.municipality_id,
                    day_kind=kind,
                    starts_minute=hour * 60,
                    ends_minute=hour * 60 + 60,
                    valid_from=date(2020, 4, 1),
                )
            )


def test_what_a_lock_in_touch_lists_is_free(town: Town) -> None:
    spoken(town)
    bands = month(town, town.full)
    assert {band.status for band in bands} == {BandStatus.FREE}
    agree(town, bands[:12])


def test_a_band_that_the_lock_has_not_confirmed_waits_and_says_so(town: Town) -> None:
    door = spoken(town)
    lengthen(town, 16)
    bands = month(town, town.full)
    new = [band for band in bands if band.window.starts_at.astimezone(NOW.tzinfo).hour == 16]
    assert {band.why for band in new[:14]} == {WhyNot.NOT_LISTED}
    assert new[-1].status is BandStatus.FREE, "beyond the horizon it is sold as pending"
    agree(town, bands[:18])
    with town.database.transaction() as session:
        desired_state.mark_changed(session, access_point_ids=[town.access_point_id], now=NOW)
    speak(town, door)
    assert not [band for band in month(town, town.full) if band.status is BandStatus.PAUSED]


def test_after_a_fortnight_of_silence_the_page_says_that_there_is_no_contact(town: Town) -> None:
    door = spoken(town)
    later = NOW + timedelta(days=9)
    publish(town, door, now=later)
    bands = month(town, town.full, now=later)
    statuses = [band.status for band in bands]
    # What it lists is sold on; what lies behind its own horizon, and before today's, is not.
    assert statuses.index(BandStatus.PAUSED) > 20
    assert {band.why for band in bands if band.status is BandStatus.PAUSED} == {WhyNot.NO_CONTACT}
    agree(town, bands[20:34], now=later)


def test_a_hold_that_is_refused_for_the_lock_says_why_and_what_to_do(town: Town) -> None:
    spoken(town)
    lengthen(town, 16)
    with pytest.raises(Refused) as refused:
        town.held(wanted=window(16, 17))
    assert refused.value.code == "not_sellable"
    assert "登録を待っています" in refused.value.sentence
    assert "お試しください" in refused.value.sentence


def test_a_lock_that_has_never_spoken_pauses_nothing(town: Town) -> None:
    fit(town)
    assert not [band for band in month(town, town.full) if band.why]


def test_views_take_two_statements_more_for_any_number_of_locks(town: Town) -> None:
    spoken(town)
    m = town.municipality_id
    with town.database.reading() as session, counted(town) as statements:
        of_day(session, municipality_id=m, day=DAY, now=NOW)
    assert len([text for text in statements if not text.startswith("BEGIN")]) <= 4
    with town.database.reading() as session, counted(town) as statements:
        of_month(session, municipality_id=m, offering_id=town.full, first=DAY, days=31, now=NOW)
    assert len([text for text in statements if not text.startswith("BEGIN")]) <= 4
