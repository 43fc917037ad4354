"""A gym that gets a lock: what was sold with a key from staff opens with a code from then on."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.wiring import LOCK_CALLBACKS
from booking.places.catalogue import catalogue
from booking.places.doors import fit_gym
from booking.places.models import FacilityName, OfferingAccessPoint
from booking.reservations.cancel import cancel
from core.database import Database
from core.errors import NotThere
from core.secrets import Keyring
from core.window import Window
from locks import standing
from locks.desired_state import build
from locks.installation import add_lock
from locks.models import Grant
from tests.integration.booking.town import NOW, Town, build_town, window

KEYRING = Keyring(bytes(range(32)))
SCHOOL = "見本小学校"


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The small town before anybody put a lock on its gym."""
    database = Database(database_url)
    built = build_town(database)
    with database.transaction() as session:
        for fitted in session.scalars(sa.select(OfferingAccessPoint)):
            session.delete(fitted)
    yield built
    database.dispose()


def fit(town: Town) -> int:
    with town.database.transaction() as session:
        return fit_gym(session, municipality_id=town.municipality_id, facility_name=SCHOOL, now=NOW)


def grants_of(session: Session, holder: UUID) -> list[Grant]:
    return list(session.scalars(sa.select(Grant).where(Grant.holder == holder)))


def test_what_was_sold_with_a_key_from_staff_gets_its_code(town: Town) -> None:
    sold = town.confirmed()
    with town.database.reading() as session:
        assert standing.codes_of(session, KEYRING, holder=sold, now=NOW) == []
    point = fit(town)
    with town.database.transaction() as session:
        lock = add_lock(session, KEYRING, access_point_id=point, now=NOW).lock
        desired = build(session, KEYRING, LOCK_CALLBACKS, lock_id=lock, now=NOW)
    with town.database.reading() as session:
        (shown,) = standing.codes_of(session, KEYRING, holder=sold, now=NOW)
        (grant,) = grants_of(session, sold)
    assert shown.access_point_id == point
    assert shown.access_point_name == f"{SCHOOL} 体育館 入口"
    assert len(shown.code) == 8
    assert (grant.lock_id, grant.granule, grant.length) == (lock, window(10, 12).granules.start, 4)
    assert json.loads(desired.payload)["grants"] == [[grant.granule, grant.length, grant.lane, grant.rev]]


def test_a_gym_that_nobody_fits_gives_nobody_a_code(town: Town) -> None:
    sold = town.confirmed()
    with town.database.reading() as session:
        assert grants_of(session, sold) == []


def test_two_halves_sold_at_the_same_hour_get_two_codes(town: Town) -> None:
    first, second = town.confirmed(offering=town.half_a), town.confirmed(offering=town.half_b)
    point = fit(town)
    with town.database.transaction() as session:
        add_lock(session, KEYRING, access_point_id=point, now=NOW)
    with town.database.reading() as session:
        codes = {standing.codes_of(session, KEYRING, holder=one, now=NOW)[0].code for one in (first, second)}
    assert len(codes) == 2


def test_only_what_is_confirmed_and_not_over_gets_a_code(town: Town) -> None:
    held = town.held(wanted=window(10, 12))
    given_up = town.confirmed(wanted=window(13, 15))
    with town.database.transaction() as session:
        cancel(session, actor=town.actor(session=session), reservation_id=given_up, now=NOW)
    over = town.confirmed(wanted=window(18, 20))
    with town.database.transaction() as session:
        later = window(18, 20).ends_at + timedelta(seconds=1)
        fit_gym(session, municipality_id=town.municipality_id, facility_name=SCHOOL, now=later)
        assert [grants_of(session, one) for one in (held, given_up, over)] == [[], [], []]


def test_a_hold_from_before_gets_its_code_when_it_is_paid(town: Town) -> None:
    held = town.held()
    with town.database.reading() as session:
        places = catalogue(session, town.municipality_id)
        assert list(places.offering(town.full).access_points) == []
    point = fit(town)
    town.pay(held)
    with town.database.reading() as session:
        # The kept catalogue is older than the door: its version says so.
        places = catalogue(session, town.municipality_id)
        assert list(places.offering(town.full).access_points) == [point]
        assert [grant.access_point_id for grant in grants_of(session, held)] == [point]


def test_fitting_a_gym_again_changes_nothing(town: Town) -> None:
    sold = town.confirmed()
    assert fit(town) == fit(town)
    with town.database.reading() as session:
        assert len(grants_of(session, sold)) == 1


def test_a_gym_is_found_by_its_present_name_alone(town: Town) -> None:
    with town.database.transaction() as session:
        for day, name in ((date(2026, 4, 1), "見本義務教育学校"), (date(2027, 4, 1), "見本学園")):
            session.add(FacilityName(facility_id=town.gym, valid_from=day, name=name))
    for name in (SCHOOL, "見本学園", "どこにもない", "見本武道館"):
        with pytest.raises(NotThere, match=name), town.database.transaction() as session:
            fit_gym(session, municipality_id=town.municipality_id, facility_name=name, now=NOW)
    with town.database.transaction() as session:
        assert fit_gym(
            session, municipality_id=town.municipality_id, facility_name="見本義務教育学校", now=NOW
        )


def test_a_gym_of_another_municipality_is_not_there(town: Town) -> None:
    with pytest.raises(NotThere), town.database.transaction() as session:
        fit_gym(session, municipality_id=town.municipality_id + 1, facility_name=SCHOOL, now=NOW)


def test_the_window_of_a_code_is_the_one_that_was_sold(town: Town) -> None:
    sold = town.confirmed(wanted=Window(window(10, 12).starts_at, window(10, 12).ends_at))
    fit(town)
    with town.database.reading() as session:
        (grant,) = grants_of(session, sold)
        reservation = town.reservation(sold)
    assert Window(reservation.starts_at, reservation.ends_at).granules == range(
        grant.granule, grant.granule + grant.length
    )
