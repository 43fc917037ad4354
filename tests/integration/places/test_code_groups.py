"""Several doors, one code: a key box beside a door opens for whom the door opens, and for nobody else."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.places.doors import NameTaken, add_door
from booking.places.models import OfferingAccessPoint, TimeBand
from booking.reservations.cancel import cancel
from booking.reservations.models import Reservation
from core.audit import AuditEntry
from core.database import Database
from core.errors import NotThere
from locks import standing
from locks.codes import code_of
from locks.fits import TooRich
from locks.joining import copy_rights
from locks.keys import group_binding, subkey
from locks.models import AccessPoint, AccessPointKind, CodeGroup, Grant
from tests.integration.booking.locked_doors import KEYRING, spoken
from tests.integration.booking.town import NOW, Town, build_town, window
from tests.integration.locks.door import Door

DOOR = "入口"
SCHOOL = "見本小学校"


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The small town, whose gym has a door."""
    database = Database(database_url)
    yield build_town(database)
    database.dispose()


def put(town: Town, kind: AccessPointKind = AccessPointKind.KEY_BOX, beside: str | None = DOOR) -> int:
    """One access point more on the school."""
    with town.database.transaction() as session:
        return add_door(
            session,
            municipality_id=town.municipality_id,
            facility_name=SCHOOL,
            kind=kind,
            beside=beside,
            now=NOW,
        )


def codes(town: Town, holder: UUID) -> dict[str, str]:
    """The digits by the name of what they open."""
    with town.database.reading() as session:
        shown = standing.codes_of(session, KEYRING, holder=holder, now=NOW)
    return {code.access_point_name: code.code for code in shown}


def give_up(town: Town, reservation_id: UUID) -> None:
    with town.database.transaction() as session:
        cancel(session, actor=town.actor(session=session), reservation_id=reservation_id, now=NOW)


def opens_offline(town: Town, door: Door, grant: Grant) -> bool:
    """Whether a lock that hears nothing more opens for the grant's code (protocol 6, rules 3 and 4)."""
    with town.database.reading() as session:
        group = session.get_one(CodeGroup, grant.code_group_id)
        root = KEYRING.unwrap(group.wrapped_code_root, bound_to=group_binding(group.id))
    key = subkey(root, "code", 0)
    wanted = code_of(key, grant.granule, grant.length, grant.lane, grant.rev)
    floors = {(granule, lane): floor for granule, lane, floor in door.desired["floors"]}
    known = {code_of(key, *listed) for listed in door.desired["grants"]}
    known |= {
        code_of(key, granule, length, lane, floors.get((granule, lane), 0) + ahead)
        for granule, lengths, lanes in door.desired["sellable"]
        for length in lengths
        for lane in range(2)
        if lanes >> lane & 1
        for ahead in range(3)
    }
    return wanted in known


def test_what_was_sold_opens_the_key_box_with_the_code_that_people_may_have_seen(town: Town) -> None:
    whole, half = town.confirmed(), town.confirmed(offering=town.half_b, wanted=window(13, 15))
    before = codes(town, whole) | codes(town, half)
    put(town)
    for sold in (whole, half):
        assert set(codes(town, sold)) == {DOOR, f"{SCHOOL} キーボックス"}
        assert len(set(codes(town, sold).values())) == 1
    assert codes(town, whole)[DOOR] == before[DOOR] or codes(town, half)[DOOR] == before[DOOR]
    new = town.confirmed(wanted=window(18, 20))
    assert len(codes(town, new)) == 2
    assert len(set(codes(town, new).values())) == 1


def test_alone_it_has_a_code_of_its_own(town: Town) -> None:
    sold = town.confirmed()
    put(town, AccessPointKind.GATE, beside=None)
    assert len(set(codes(town, sold).values())) == 2


def test_a_third_door_joins_the_same_code(town: Town) -> None:
    sold = town.confirmed()
    put(town, AccessPointKind.GATE)
    put(town, AccessPointKind.KEY_BOX)
    put(town, AccessPointKind.PADLOCK)
    assert set(codes(town, sold)) == {
        DOOR,
        *(f"{SCHOOL} {word}" for word in ("校門", "キーボックス", "南京錠")),
    }
    assert len(set(codes(town, sold).values())) == 1
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CodeGroup)) == 1


def test_a_cancelled_code_does_not_open_the_new_door_even_without_a_network(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = town.confirmed()
    give_up(town, given_up)
    with town.database.reading() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.holder == given_up)).one()
    box = spoken(town, put(town))
    assert not opens_offline(town, box, grant)
    # The control: a door that joins without the dead rights would open for them by itself.
    monkeypatch.setattr("booking.places.doors.copy_rights", lambda *_args, **_named: 0)
    gate = spoken(town, put(town, AccessPointKind.GATE))
    assert opens_offline(town, gate, grant)


def test_a_reservation_that_has_begun_and_was_opened_gets_the_new_door_too(town: Town) -> None:
    running = town.confirmed(wanted=window(10, 12, NOW.date()))
    with town.database.transaction() as session:
        reservation = session.get_one(Reservation, running)
        reservation.state = "used"
    put(town, AccessPointKind.GATE, beside=None)
    assert len(codes(town, running)) == 2


def test_joining_twice_gives_no_right_twice(town: Town) -> None:
    sold = town.confirmed()
    box = put(town)
    with town.database.transaction() as session:
        door = session.scalars(sa.select(AccessPoint.id).where(AccessPoint.name == DOOR)).one()
        assert copy_rights(session, access_point_id=box, beside=door, now=NOW) == 0
    with town.database.reading() as session:
        assert len(session.scalars(sa.select(Grant).where(Grant.holder == sold)).all()) == 2


def test_a_lock_that_is_there_already_hears_of_the_rights_it_joins(town: Town) -> None:
    sold = town.confirmed()
    with town.database.transaction() as session:
        session.execute(sa.delete(OfferingAccessPoint))
    box = spoken(town, put(town, AccessPointKind.KEY_BOX, beside=None))
    assert box.desired["grants"], "sold before it came"
    assert set(codes(town, sold)) == {DOOR, f"{SCHOOL} キーボックス"}


@pytest.mark.parametrize("beside", ["どこにもない", "武道館 入口"])
def test_only_a_door_of_the_same_school_can_share_its_code(town: Town, beside: str) -> None:
    with town.database.transaction() as session:
        add_door(
            session,
            municipality_id=town.municipality_id,
            facility_name="見本武道館",
            kind=AccessPointKind.DOOR_LOCK,
            name="武道館 入口",
            now=NOW,
        )
    with pytest.raises(NotThere):
        put(town, beside=beside)


def test_a_name_is_given_once_and_the_act_is_on_record(town: Town) -> None:
    made = put(town)
    with pytest.raises(NameTaken):
        put(town)
    with town.database.reading() as session:
        entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "access_point.add")).one()
    assert entry.subject == f"access_point:{made}"


def crowd(town: Town, minutes: int) -> None:
    """Bands of so many minutes all day long, of which one reservation may take many."""
    with town.database.transaction() as session:
        session.execute(sa.delete(TimeBand))
        for starts in range(0, 1440 - minutes, minutes):
            for kind in ("weekday", "saturday", "holiday"):
                session.add(
                    TimeBand(
                        municipality_id=town.municipality_id,
                        day_kind=kind,
                        starts_minute=starts,
                        ends_minute=starts + minutes,
                        valid_from=date(2020, 4, 1),
                    )
                )


def test_a_timetable_that_no_lock_can_hold_is_refused_and_its_bands_are_named(town: Town) -> None:
    crowd(town, 30)
    with pytest.raises(TooRich) as refused:
        put(town)
    assert "減らしてください" in refused.value.sentence
    assert "(11月21日 09:00-09:30、09:30-10:00、10:00-10:30、10:30-11:00 ほか)" in refused.value.sentence
    with town.database.reading() as session:
        assert len(session.scalars(sa.select(AccessPoint)).all()) == 1
    crowd(town, 120)
    assert put(town)


def test_an_hour_each_round_the_clock_in_two_halves_is_not_too_rich(town: Town) -> None:
    crowd(town, 60)
    assert put(town)


def test_the_hall_has_no_gym_and_gets_its_door_all_the_same(town: Town) -> None:
    with town.database.transaction() as session:
        point = add_door(
            session,
            municipality_id=town.municipality_id,
            facility_name="見本武道館",
            kind=AccessPointKind.DOOR_LOCK,
            now=NOW,
        )
        opened = session.scalars(
            sa.select(OfferingAccessPoint.offering_id).where(OfferingAccessPoint.access_point_id == point)
        )
        assert list(opened) == [town.hall_whole]
