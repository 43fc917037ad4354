"""The catalogue: a constant number of queries, kept by version, never older than the transaction."""

from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa

from booking.fees.models import FeeRate, ReliefRate
from booking.places.catalogue import bump, catalogue
from booking.places.models import (
    CalendarDay,
    Court,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingCourt,
    Space,
    TimeBand,
)
from core.errors import NotThere
from tests.integration.booking.test_holding import counted
from tests.integration.booking.town import DAY, Town


def version(town: Town) -> int:
    """The catalogue version in the database."""
    with town.database.reading() as session:
        return session.get_one(Municipality, town.municipality_id).catalogue_version


def test_a_kept_catalogue_costs_one_statement_or_none(town: Town) -> None:
    with town.database.reading() as session:
        first = catalogue(session, town.municipality_id)
    with town.database.reading() as session, counted(town) as statements:
        assert catalogue(session, town.municipality_id) is first
        assert catalogue(session, town.municipality_id, version=first.version) is first
    assert len([text for text in statements if not text.startswith("BEGIN")]) == 1


def test_loading_takes_as_many_statements_for_many_schools_as_for_two(town: Town) -> None:
    def load() -> int:
        with town.database.transaction() as session:
            bump(session, town.municipality_id)
            with counted(town) as statements:
                catalogue(session, town.municipality_id)
            return len(statements)

    few = load()
    with town.database.transaction() as session:
        for number in range(20):
            facility = Facility(municipality_id=town.municipality_id, slug=f"x{number}", stage="sample")
            session.add(facility)
            session.flush()
            session.add(
                Space(
                    municipality_id=town.municipality_id, facility_id=facility.id, kind="gym", name="体育館"
                )
            )
    assert load() == few


def change_name(town: Town) -> FacilityName:
    return FacilityName(facility_id=town.gym, valid_from=date(2028, 4, 1), name="新しい名前")


def test_every_change_of_the_catalogue_raises_its_version(town: Town) -> None:
    m = town.municipality_id
    new: list[Callable[[], object]] = [
        lambda: CalendarDay(municipality_id=m, day=date(2030, 1, 1), kind="closed", name="x"),
        lambda: Facility(municipality_id=m, slug="y", stage="sample"),
        lambda: change_name(town),
        lambda: Space(municipality_id=m, facility_id=town.gym, kind="gym", name="x"),
        lambda: Court(municipality_id=m, space_id=1, name="x"),
        lambda: Offering(municipality_id=m, space_id=1, name="x", size="full", sports=[]),
        lambda: OfferingCourt(offering_id=town.hall_whole, court_id=town.courts[0]),
        lambda: TimeBand(
            municipality_id=m, day_kind="weekday", starts_minute=0, ends_minute=30, valid_from=DAY
        ),
        lambda: FeeRate(
            municipality_id=m, space_kind="gym", size="full", item="x", yen_per_hour=1, valid_from=DAY
        ),
        lambda: ReliefRate(municipality_id=m, category="general", item="base", percent=1, valid_from=DAY),
    ]
    for make in new:
        before = version(town)
        with town.database.transaction() as session:
            session.add(make())
        assert version(town) > before, make()
    before = version(town)
    with town.database.transaction() as session:
        session.get_one(Municipality, m).hold_for_s = 60
    assert version(town) == before + 1
    with town.database.transaction() as session:
        session.delete(session.get_one(FacilityName, (town.gym, date(2028, 4, 1))))
    assert version(town) == before + 2


def test_what_is_no_catalogue_leaves_the_version_alone(town: Town) -> None:
    before = version(town)
    town.confirmed()
    assert version(town) == before


def test_a_change_is_seen_in_its_own_transaction_and_by_everybody_after_it(town: Town) -> None:
    with town.database.reading() as session:
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 600
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).hold_for_s = 60
        session.flush()
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 60
    with town.database.reading() as session:
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 60


def test_a_change_that_is_rolled_back_is_not_kept(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).hold_for_s = 60
        session.flush()
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 60
        session.rollback()
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).hold_for_s = 90
    with town.database.reading() as session:
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 90


def test_a_change_behind_our_back_is_not_seen_without_a_bump(town: Town) -> None:
    """The negative control: what the listener and `bump` are for."""
    with town.database.reading() as session:
        catalogue(session, town.municipality_id)
    with town.database.transaction() as session:
        session.execute(sa.text("UPDATE municipality SET hold_for_s = 60"))
    with town.database.reading() as session:
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 600
    with town.database.transaction() as session:
        bump(session, town.municipality_id)
    with town.database.reading() as session:
        assert catalogue(session, town.municipality_id).rules.hold_for_s == 60


def test_an_unknown_municipality_is_not_there(town: Town) -> None:
    with pytest.raises(NotThere), town.database.reading() as session:
        catalogue(session, 10**6)
