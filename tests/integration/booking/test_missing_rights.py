"""Every confirmed reservation opens every door of its offering, whoever put which up when."""

from uuid import UUID

import sqlalchemy as sa

from booking.app.wiring import LOCK_CALLBACKS
from booking.places.doors import add_door
from booking.places.models import OfferingAccessPoint
from booking.reservations.cancel import cancel
from booking.reservations.missing_rights import complete, missing
from locks import life, standing
from locks.installation import add_access_point
from locks.models import AccessPoint, AccessPointKind, Grant
from locks.standing import Standing
from tests.integration.booking.locked_doors import KEYRING, speak, spoken
from tests.integration.booking.town import NOW, Town, window
from tests.integration.locks.door import Door


def lacking(town: Town) -> list[UUID]:
    with town.database.reading() as session:
        return missing(session, now=NOW, limit=10)


def unseen_door(town: Town, *, beside: bool) -> int:
    """A door put up by somebody who did not see what was being confirmed."""
    with town.database.transaction() as session:
        group = session.scalars(sa.select(AccessPoint.code_group_id)).one()
        point = add_access_point(
            session,
            municipality_id=town.municipality_id,
            name="通用口",
            kind="door_lock",
            courts=town.courts,
            code_group_id=group if beside else None,
            now=NOW,
        )
        session.add(OfferingAccessPoint(offering_id=town.full, access_point_id=point))
    return point


def standings(town: Town, holder: UUID) -> list[Standing]:
    with town.database.reading() as session:
        return [door.standing for door in standing.standings_by_access_point(session, holder=holder, now=NOW)]


def codes(town: Town, holder: UUID) -> list[str]:
    with town.database.reading() as session:
        return [code.code for code in standing.codes_of(session, KEYRING, holder=holder, now=NOW)]


def caught_up(town: Town) -> int:
    """What the worker does."""
    doors = 0
    for one in lacking(town):
        with town.database.transaction() as session:
            doors += complete(session, one, now=NOW)
    return doors


def test_a_door_that_nobody_gave_rights_for_is_caught_up_with_the_same_digits(town: Town) -> None:
    sold = town.confirmed()
    (before,) = codes(town, sold)
    assert lacking(town) == []
    unseen_door(town, beside=True)
    assert lacking(town) == [sold]
    assert caught_up(town) == 1
    assert codes(town, sold) == [before, before]
    assert (lacking(town), caught_up(town)) == ([], 0)


def test_a_door_with_a_code_of_its_own_gets_one(town: Town) -> None:
    sold = town.confirmed()
    unseen_door(town, beside=False)
    assert caught_up(town) == 1
    assert len(set(codes(town, sold))) == 2


def test_only_what_is_confirmed_and_not_over_is_caught_up(town: Town) -> None:
    town.held(wanted=window(8, 10))
    over = town.confirmed(wanted=window(10, 12, NOW.date()))
    unseen_door(town, beside=True)
    assert lacking(town) == [over]
    with town.database.transaction() as session:
        assert missing(session, now=window(10, 12, NOW.date()).ends_at, limit=10) == []
        assert complete(session, over, now=window(10, 12, NOW.date()).ends_at) == 0


def test_what_was_cancelled_meanwhile_gets_nothing(town: Town) -> None:
    sold = town.confirmed()
    unseen_door(town, beside=True)
    assert lacking(town) == [sold]
    with town.database.transaction() as session:
        cancel(session, actor=town.actor(session=session), reservation_id=sold, now=NOW)
    with town.database.transaction() as session:
        assert complete(session, sold, now=NOW) == 0
    assert codes(town, sold) == []


def test_locks_put_up_later_or_in_place_of_others_have_what_was_sold_before(town: Town) -> None:
    early = town.confirmed()
    with town.database.transaction() as session:
        box = add_door(
            session,
            municipality_id=town.municipality_id,
            facility_name="見本小学校",
            kind=AccessPointKind.KEY_BOX,
            beside="入口",
            now=NOW,
        )
    assert standings(town, early) == [Standing.CALL_US] * 2
    first = spoken(town)
    assert standings(town, early) == [Standing.ON_THE_LOCK, Standing.CALL_US]
    spoken(town, box)
    later = town.confirmed(wanted=window(13, 15))
    digits = codes(town, early) + codes(town, later)
    with town.database.transaction() as session:
        made = life.replace(session, KEYRING, LOCK_CALLBACKS, lock_id=first.id, actor="system", now=NOW)
    assert standings(town, early) == [Standing.CALL_US, Standing.ON_THE_LOCK]
    second = Door(made)
    speak(town, second)
    assert standings(town, early)[0] is standings(town, later)[0] is Standing.ON_THE_LOCK
    assert {tuple(row) for row in second.desired["grants"]} == grants_at(town, town.access_point_id)
    assert codes(town, early) + codes(town, later) == digits


def grants_at(town: Town, access_point_id: int) -> set[tuple[int, ...]]:
    with town.database.reading() as session:
        rows = session.execute(
            sa.select(Grant.granule, Grant.length, Grant.lane, Grant.rev).where(
                Grant.access_point_id == access_point_id
            )
        )
        return {tuple(row) for row in rows}
