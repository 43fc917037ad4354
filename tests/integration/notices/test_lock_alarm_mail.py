"""Managers hear of alarms soon, once, and not by the hundred."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.wiring import LOCK_CALLBACKS
from booking.notices import lock_alarms
from booking.reservations.cancel import quote_cancel
from booking.reservations.models import Reservation
from core.database import Database
from core.owed import Owed
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.alarms.raising import acknowledge, end_alarm, raise_alarm
from locks.models import AccessPoint, CodeGroup, Grant
from tests.integration.manage.town import StoppedClock
from tests.integration.notices.conftest import Evening

Payload = dict[str, Any]


def points(session: Session, town: int, many: int) -> list[int]:
    """So many doors."""
    group = CodeGroup(municipality_id=town, wrapped_code_root=b"")
    session.add(group)
    session.flush()
    doors = [
        AccessPoint(municipality_id=town, code_group_id=group.id, kind="door_lock", name=f"見本体育館{n:03}")
        for n in range(many)
    ]
    session.add_all(doors)
    session.flush()
    return [door.id for door in doors]


def rise(session: Session, point: int, kind: AlarmKind, now: datetime) -> None:
    raise_alarm(session, LOCK_CALLBACKS, access_point_id=point, lock_id=None, kind=kind, detail={}, now=now)


def run(database: Database, clock: StoppedClock) -> int:
    with database.transaction() as session:
        return lock_alarms.tell_due(session, now=clock.now())


def mails(database: Database) -> list[Payload]:
    with database.reading() as session:
        rows = session.scalars(sa.select(Owed).where(Owed.kind == "mail").order_by(Owed.created_at)).all()
        return [row.payload for row in rows if row.payload["template"] == "lock_alarm"]


def an_outage(database: Database, evening: Evening, clock: StoppedClock) -> None:
    """500 locks are lost within five minutes; the job runs every half minute, for half an hour."""
    town = evening.manager.municipality_id
    with database.transaction() as session:
        doors = points(session, town, 500)
    for number in range(60):
        if number < 10:
            with database.transaction() as session:
                for door in doors[number * 50 : number * 50 + 50]:
                    rise(session, door, AlarmKind.LOST, clock.now())
        run(database, clock)
        clock.advance(timedelta(seconds=30))


def test_an_outage_of_everything_is_one_mail(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    an_outage(database, evening, clock)
    written = mails(database)
    assert sum(mail["params"]["count"] for mail in written) == 500
    assert len(written) == 1
    assert written[0]["to"] == "manager@example.jp"


def test_without_gathering_it_would_be_hundreds(
    database: Database, evening: Evening, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_by_itself(session: Session, town: int, kind: AlarmKind, rows: Any, *, now: datetime) -> int:
        for row in rows:
            lasting = lock_alarms._lasting(session, [row.payload["alarm_id"]])
            lock_alarms._owe_mails(session, town, kind, list(lasting.values()), now=now)
            row.done_at, row.due_at = now, None
        return len(rows)

    monkeypatch.setattr(lock_alarms, "_tell", each_by_itself)
    an_outage(database, evening, clock)
    assert len(mails(database)) == 500


def test_what_is_over_or_seen_before_the_mail_leaves_is_not_told(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    town = evening.manager.municipality_id
    with database.transaction() as session:
        over, seen = points(session, town, 2)
        for door in (over, seen):
            rise(session, door, AlarmKind.LOST, clock.now())
        end_alarm(session, access_point_id=over, kind=AlarmKind.LOST, now=clock.now())
        alarm_id = session.scalars(sa.select(Alarm.id).where(Alarm.access_point_id == seen)).one()
        acknowledge(
            session, alarm_id=alarm_id, municipality_id=town, actor="system", note="", now=clock.now()
        )
    clock.advance(timedelta(hours=2))
    assert run(database, clock) == 2
    assert mails(database) == []


def near(session: Session, town: int, point: int, starts_at: datetime) -> None:
    """A reservation at a door."""
    door = session.get_one(AccessPoint, point)
    session.add(
        Grant(
            municipality_id=town,
            code_group_id=door.code_group_id,
            access_point_id=point,
            holder=session.scalars(sa.select(Reservation.id)).one(),
            granule=int(starts_at.timestamp()) // 1800,
            length=2,
            lane=0,
            rev=0,
            issued_at=starts_at - timedelta(days=1),
        )
    )


def test_a_late_lock_is_worth_a_mail_only_where_somebody_comes_soon(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    town = evening.manager.municipality_id
    with database.transaction() as session:
        awaited, idle = points(session, town, 2)
        near(session, town, awaited, clock.now() + timedelta(hours=8))
        for door in (awaited, idle):
            rise(session, door, AlarmKind.LATE, clock.now())
    began = clock.now()
    for _ in range(8 * 12):
        run(database, clock)
        clock.advance(timedelta(minutes=5))
        if clock.now() < began + timedelta(hours=4):
            assert mails(database) == []
    (mail,) = mails(database)
    assert (mail["params"]["count"], mail["params"]["first"]) == (1, "見本体育館000")


def test_something_urgent_is_told_at_once(database: Database, evening: Evening, clock: StoppedClock) -> None:
    with database.transaction() as session:
        (door,) = points(session, evening.manager.municipality_id, 1)
        rise(session, door, AlarmKind.DOOR_FORCED_OPEN, clock.now())
    run(database, clock)
    run(database, clock)
    (mail,) = mails(database)
    assert mail["params"]["title"] == "こじ開けの疑い"


def test_who_may_find_the_door_shut_is_told_once_and_gets_everything_back(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    reservation_id = evening.reservation.id
    late = evening.reservation.starts_at - timedelta(hours=1)
    for _ in range(2):
        with database.transaction() as session:
            before = session.get_one(Reservation, reservation_id)
            before.amount_yen = before.amount_yen or 500
            if before.door_unreached_at is None:
                assert not quote_cancel(before, now=late).is_free
            LOCK_CALLBACKS.start_unreached(session, holder=reservation_id, access_point_id=1, now=clock.now())
    with database.reading() as session:
        after = session.get_one(Reservation, reservation_id)
        quote = quote_cancel(after, now=late)
        told = session.scalars(sa.select(Owed).where(Owed.kind == "mail")).all()
    assert (quote.is_free, quote.refund_yen) == (True, after.amount_yen)
    assert [row.payload["template"] for row in told] == ["door_unreached"]


@pytest.mark.parametrize(("hours_before", "is_told"), [(1, True), (12, False)])
def test_who_may_have_seen_a_code_is_told_that_it_changed(
    database: Database, evening: Evening, hours_before: int, is_told: bool
) -> None:
    now = evening.reservation.starts_at - timedelta(hours=hours_before)
    with database.transaction() as session:
        LOCK_CALLBACKS.codes_changed(session, holders=[evening.reservation.id], now=now)
    with database.reading() as session:
        told = session.scalars(sa.select(Owed).where(Owed.kind == "mail")).all()
    assert [row.payload["template"] for row in told] == (["codes_changed"] if is_told else [])
