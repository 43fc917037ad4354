"""Whatever is changed of the timetable, every lock concerned gets a new version, without anybody's doing."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.models import FeeRate
from booking.places import lock_marks
from booking.places.catalogue import bump
from booking.places.models import (
    CalendarDay,
    Closure,
    Court,
    FacilityName,
    Municipality,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    TimeBand,
)
from locks.installation import add_access_point
from locks.models import Lock
from tests.integration.booking.locked_doors import fit, speak, spoken
from tests.integration.booking.test_closing_places import close
from tests.integration.booking.town import NOW, Town, window

Change = Callable[[Session, Town], None]


def band(town: Town, **where: int | None) -> TimeBand:
    return TimeBand(
        municipality_id=town.municipality_id,
        day_kind="weekday",
        starts_minute=900,
        ends_minute=960,
        valid_from=date(2026, 4, 1),
        **where,
    )


def mat(town: Town, **values: Any) -> Closure:
    return Closure(
        municipality_id=town.municipality_id,
        facility_id=town.gym,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        reason="見本",
        **values,
    )


def a_day(session: Session, town: Town) -> None:
    session.add(
        CalendarDay(municipality_id=town.municipality_id, day=date(2026, 12, 1), kind="closed", name="休館日")
    )


def withdrawn_offering(session: Session, town: Town) -> None:
    session.get_one(Offering, town.half_a).withdrawn_on = date(2026, 12, 1)


def fewer_courts(session: Session, town: Town) -> None:
    session.delete(session.get_one(OfferingCourt, (town.full, town.courts[0])))


def no_door(session: Session, town: Town) -> None:
    session.delete(session.get_one(OfferingAccessPoint, (town.half_b, town.access_point_id)))


def no_bands(session: Session, town: Town) -> None:
    of_saturdays = sa.select(TimeBand).where(
        TimeBand.municipality_id == town.municipality_id, TimeBand.day_kind == "saturday"
    )
    for row in session.scalars(of_saturdays):
        session.delete(row)


def a_fee(session: Session, town: Town) -> None:
    of_town = sa.select(FeeRate).where(FeeRate.municipality_id == town.municipality_id).limit(1)
    session.scalars(of_town).one().yen_per_hour = 1


def longer(session: Session, town: Town) -> None:
    session.get_one(Municipality, town.municipality_id).max_bands = 3


GYM_ONLY: dict[str, Change] = {
    "a band of the facility": lambda session, town: session.add(band(town, facility_id=town.gym)),
    "a closure": lambda session, town: session.add(mat(town)),
    "an offering withdrawn": withdrawn_offering,
    "an offering of fewer courts": fewer_courts,
    "an offering that opens a door less": no_door,
}
WHOLE_TOWN: dict[str, Change] = {
    "a band of the town": lambda session, town: session.add(band(town)),
    "bands taken away": no_bands,
    "a day of another kind": a_day,
    "longer reservations": longer,
    "rows written past the ORM": lambda session, town: bump(session, town.municipality_id),
}
NOBODY: dict[str, Change] = {
    "a name": lambda session, town: session.add(
        FacilityName(facility_id=town.gym, valid_from=date(2027, 4, 1), name="見本第二小学校")
    ),
    "a fee": a_fee,
    "how long a hold lasts": lambda session, town: setattr(
        session.get_one(Municipality, town.municipality_id), "hold_for_s", 300
    ),
    "a court's name": lambda session, town: setattr(session.get_one(Court, town.courts[0]), "name", "半面い"),
}


def hall_door(town: Town) -> int:
    """An access point on the hall, which has none in the small town."""
    with town.database.transaction() as session:
        court = session.scalars(
            sa.select(OfferingCourt.court_id).where(OfferingCourt.offering_id == town.hall_whole)
        ).one()
        point = add_access_point(
            session,
            municipality_id=town.municipality_id,
            name="武道館 入口",
            kind="door_lock",
            courts=[court],
            now=NOW,
        )
        session.add(OfferingAccessPoint(offering_id=town.hall_whole, access_point_id=point))
    return point


def versions(town: Town) -> tuple[int, int]:
    """Of the gym's and of the hall's lock."""
    with town.database.reading() as session:
        rows = session.execute(sa.select(Lock.desired_version).order_by(Lock.access_point_id))
        gym, hall = rows.scalars()
    return gym, hall


def two_locks(town: Town) -> None:
    spoken(town)
    spoken(town, hall_door(town))
    with town.database.transaction() as session:
        session.execute(sa.update(Lock).values(publish_due_at=None, desired_version=1))


@pytest.mark.parametrize(
    "name, change, moved",
    [(name, change, (2, 1)) for name, change in GYM_ONLY.items()]
    + [(name, change, (2, 2)) for name, change in WHOLE_TOWN.items()]
    + [(name, change, (1, 1)) for name, change in NOBODY.items()],
)
def test_a_change_reaches_the_locks_it_concerns_and_no_others(
    town: Town, name: str, change: Change, moved: tuple[int, int]
) -> None:
    two_locks(town)
    with town.database.transaction() as session:
        change(session, town)
    assert versions(town) == moved, name
    with town.database.reading() as session:
        due = session.scalars(sa.select(Lock).where(Lock.publish_due_at <= NOW)).all()
    assert len(due) == sum(moved) - 2


def test_several_changes_of_one_transaction_are_one_version(town: Town) -> None:
    two_locks(town)
    with town.database.transaction() as session:
        session.add(band(town))
        session.flush()
        longer(session, town)
        session.flush()
        a_day(session, town)
    assert versions(town) == (2, 2)


def test_what_is_rolled_back_has_told_nobody(town: Town) -> None:
    two_locks(town)
    with town.database.transaction() as session:
        session.add(band(town))
        session.flush()
        session.rollback()
    with town.database.transaction() as session:
        assert not session.info
    assert versions(town) == (1, 1)


def test_closing_and_lifting_reach_the_lock(town: Town) -> None:
    door = spoken(town)
    listed = len(door.desired["sellable"])
    close(town, window(8, 22))
    speak(town, door)
    assert len(door.desired["sellable"]) < listed


def test_without_the_listener_a_lock_would_go_on_opening_for_a_band_that_is_gone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    door = fit(town)
    speak(town, door)
    monkeypatch.setattr(lock_marks, "_scopes", lambda _row: set())
    with town.database.transaction() as session:
        no_bands(session, town)
    before = door.desired
    speak(town, door)
    assert door.desired == before
    monkeypatch.undo()
    with town.database.transaction() as session:
        session.add(band(town))
    speak(town, door)
    assert door.desired != before
