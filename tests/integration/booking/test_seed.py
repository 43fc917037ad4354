"""The sample town: whole, repeatable, and bookable."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from booking.availability.day import of_day
from booking.people.models import Account, Group
from booking.people.passwords import is_password
from booking.places.catalogue import catalogue
from booking.places.models import OfferingAccessPoint, SpaceKind
from booking.reservations.models import Claim, Reservation
from booking.seed.run import seed
from booking.seed.year import plant_year
from core.database import Base, Database
from core.secrets import Keyring
from locks.keys import give_keyring
from locks.models import AccessPoint
from tests.integration.booking.test_races import require_claims_follow_reservations

NOW = datetime.fromisoformat("2026-11-21T09:00:00+09:00")
KEYRING = Keyring(bytes(range(32)))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database."""
    made = Database(database_url)
    give_keyring(made, KEYRING)
    yield made
    made.dispose()


def plant(database: Database, *, now: datetime = NOW) -> int:
    """Seed; the municipality's id."""
    with database.transaction() as session:
        return seed(session, KEYRING, sample_password="mihon", now=now)


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with database.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(sa.select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def test_seeding_again_changes_nothing(database: Database) -> None:
    plant(database)
    before = everything(database)
    plant(database, now=NOW + timedelta(days=1))
    assert everything(database) == before


def test_the_town_has_its_schools_and_samples(database: Database) -> None:
    town = plant(database)
    with database.reading() as session:
        places = catalogue(session, town)
        facilities = places.facilities(NOW.date())
        assert [f.name for f in facilities[:3]] == ["見本体育館", "見本小学校", "見本武道館"]
        assert len(facilities) == 3 + 34
        spaces = [space for facility in facilities for space in facility.spaces if facility.stage != "sample"]
        counts = {kind: sum(space.kind == kind for space in spaces) for kind in SpaceKind}
        assert counts == {SpaceKind.GYM: 34, SpaceKind.GROUND: 34, SpaceKind.MARTIAL_ARTS_ROOM: 11}
        assert all(o.access_points for f in facilities[:3] for o in f.offerings)
        assert not any(o.access_points for f in facilities[3:] for o in f.offerings)
        assert [f.name for f in facilities if f.approval_required] == ["見本武道館"]


def test_the_sample_school_has_a_door_a_gate_and_a_key_box_of_one_code(database: Database) -> None:
    town = plant(database)
    with database.reading() as session:
        (school,) = [f for f in catalogue(session, town).facilities(NOW.date()) if f.name == "見本小学校"]
        assert len({offering.access_points for offering in school.offerings}) == 1
        points = session.scalars(
            sa.select(AccessPoint).where(AccessPoint.id.in_(school.offerings[0].access_points))
        ).all()
    assert {point.kind for point in points} == {"door_lock", "gate", "key_box"}
    assert len({point.code_group_id for point in points}) == 1


def test_a_door_that_an_older_town_lacks_is_put_up_by_seeding_again(database: Database) -> None:
    plant(database)
    with database.transaction() as session:
        box = session.scalars(sa.select(AccessPoint).where(AccessPoint.kind == "key_box")).one()
        session.execute(sa.delete(OfferingAccessPoint).where(OfferingAccessPoint.access_point_id == box.id))
        session.delete(box)
    plant(database)
    with database.reading() as session:
        again = session.scalars(sa.select(AccessPoint).where(AccessPoint.kind == "key_box")).one()
        door = session.scalars(sa.select(AccessPoint).where(AccessPoint.name == "見本小学校 入口")).one()
    assert again.code_group_id == door.code_group_id


def test_the_sample_gym_is_open_around_the_clock_on_every_kind_of_day(database: Database) -> None:
    town = plant(database)
    with database.reading() as session:
        places = catalogue(session, town)
        gym = places.facilities(NOW.date())[0]
        for day in (date(2026, 11, 24), date(2026, 11, 28), date(2026, 12, 28), date(2027, 1, 1)):
            bands = places.bands(gym.offerings[0].id, day)
            assert [band.length for band in bands] == [2] * 24
        school = places.facilities(NOW.date())[3]
        assert places.bands(school.offerings[0].id, date(2027, 1, 1)) == ()
        assert len(places.bands(school.offerings[0].id, date(2026, 11, 24))) == 2
        today = of_day(session, municipality_id=town, day=NOW.date(), now=NOW)
        assert today.facilities[0].offerings[0].free_count == 15


def test_sample_people_sign_in_and_only_some_groups_may_book(database: Database) -> None:
    plant(database)
    with database.reading() as session:
        accounts = session.scalars(sa.select(Account)).all()
        assert len({account.password_hash for account in accounts}) == 1
        assert is_password(accounts[0].password_hash, "mihon")
        approved = session.scalars(
            sa.select(Group.name).where(Group.approved_from_year == 2026).order_by(Group.name)
        )
        names = ["見本団体01", "見本団体02（少年）", "見本団体03", "見本団体05（後納）", "見本団体06（市外）"]
        assert list(approved) == names
        assert session.scalars(sa.select(Group.name).where(Group.is_postpaid)).all() == [names[3]]
        assert session.scalars(sa.select(Group.name).where(Group.is_out_of_town)).all() == [names[4]]


def test_a_planted_year_keeps_every_promise_about_claims(database: Database) -> None:
    town = plant(database)
    with database.transaction() as session:
        made = plant_year(
            session, municipality_id=town, first=date(2026, 11, 1), days=30, reservations=300, now=NOW
        )
    assert made.reservations == 300
    assert made.closures > 0
    require_claims_follow_reservations(database)
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Reservation)) == 300
        of_reservations = sa.select(sa.func.count()).where(Claim.reservation_id.is_not(None))
        assert session.scalar(of_reservations) == made.claims
        states = set(session.scalars(sa.select(Reservation.state)))
        assert states == {"used", "no_show", "confirmed"}
