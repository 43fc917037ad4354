"""The money desk hears of new and overdue cases: gathered, not by the hundred, and nothing of a resident."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from booking.money_desk.case_words import WORDS
from booking.notices import case_mails
from booking.people.models import Account, Role
from core.database import Database
from core.ids import new_id
from core.owed import Owed
from payments import cases
from payments.case_models import Case
from payments.cases import About, CaseKind
from tests.integration.manage.town import StoppedClock
from tests.integration.notices.conftest import Evening, Post

Payload = dict[str, Any]


def opened(
    database: Database, evening: Evening, clock: StoppedClock, kind: CaseKind, subject: str = "1"
) -> None:
    with database.transaction() as session:
        cases.open_case(
            session,
            municipality_id=evening.manager.municipality_id,
            kind=kind,
            about=About(subject=subject, reference=evening.reservation.id, amount_yen=1500),
            now=clock.now(),
        )


def run(database: Database, clock: StoppedClock) -> int:
    with database.transaction() as session:
        return case_mails.tell_due(session, now=clock.now())


def mails(database: Database) -> list[Payload]:
    with database.reading() as session:
        rows = session.scalars(sa.select(Owed).where(Owed.kind == "mail").order_by(Owed.created_at, Owed.id))
        return [row.payload for row in rows if row.payload["template"] == "money_case"]


def test_a_burst_of_cases_is_one_mail(database: Database, evening: Evening, clock: StoppedClock) -> None:
    for number in range(300):
        opened(database, evening, clock, CaseKind.REFUND_FAILED, str(number))
    assert run(database, clock) == 0
    clock.advance(timedelta(minutes=6))
    assert run(database, clock) == 300
    (mail,) = mails(database)
    assert (mail["params"]["count"], mail["params"]["new"], mail["params"]["more"]) == (300, 300, 280)
    assert run(database, clock) == 0


def test_control_told_one_by_one_it_would_be_thirty(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    for number in range(30):
        opened(database, evening, clock, CaseKind.REFUND_FAILED, str(number))
        clock.advance(timedelta(minutes=61))
        run(database, clock)
    assert len(mails(database)) == 30


def test_the_most_urgent_is_in_the_subject(
    database: Database, evening: Evening, clock: StoppedClock, post: Post
) -> None:
    opened(database, evening, clock, CaseKind.REFUND_FAILED)
    opened(database, evening, clock, CaseKind.DISPUTE, "dp_1")
    clock.advance(timedelta(minutes=6))
    run(database, clock)
    (mail,) = mails(database)
    assert mail["params"]["first"] == WORDS[CaseKind.DISPUTE].title
    assert post.run() == 1


def test_an_hour_passes_between_two_mails(database: Database, evening: Evening, clock: StoppedClock) -> None:
    opened(database, evening, clock, CaseKind.STUCK, "a")
    clock.advance(timedelta(minutes=6))
    run(database, clock)
    opened(database, evening, clock, CaseKind.STUCK, "b")
    clock.advance(timedelta(minutes=30))
    assert run(database, clock) == 0
    clock.advance(timedelta(minutes=31))
    assert run(database, clock) == 1


def test_what_nobody_has_done_in_time_is_told_again_every_day(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    opened(database, evening, clock, CaseKind.STUCK)
    clock.advance(timedelta(minutes=6))
    run(database, clock)
    clock.advance(timedelta(hours=23))
    assert run(database, clock) == 0
    clock.advance(timedelta(hours=1))
    assert run(database, clock) == 1
    assert mails(database)[-1]["params"]["overdue"] == 1
    clock.advance(timedelta(hours=23))
    assert run(database, clock) == 0
    clock.advance(timedelta(hours=2))
    assert run(database, clock) == 1


def test_what_somebody_has_put_off_is_quiet_until_then(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    opened(database, evening, clock, CaseKind.STUCK)
    clock.advance(timedelta(minutes=6))
    run(database, clock)
    with database.transaction() as session:
        case_id = session.scalars(sa.select(Case.id)).one()
        cases.put_off(
            session,
            municipality_id=evening.manager.municipality_id,
            case_id=case_id,
            actor=evening.manager.account_id,
            until=clock.now().replace(day=25),
            note="障害の復旧を待つ",
            now=clock.now(),
        )
    clock.advance(timedelta(days=2))
    assert run(database, clock) == 0
    clock.advance(timedelta(days=3))
    assert run(database, clock) == 1


def test_what_is_closed_before_the_mail_leaves_is_not_told(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    opened(database, evening, clock, CaseKind.STUCK)
    with database.transaction() as session:
        assert cases.settle_case(
            session,
            municipality_id=evening.manager.municipality_id,
            kind=CaseKind.STUCK,
            subject="1",
            note="Stripe has answered",
            now=clock.now(),
        )
    clock.advance(timedelta(hours=1))
    assert run(database, clock) == 0


def test_every_manager_is_told_and_the_mail_names_no_resident(
    database: Database, evening: Evening, clock: StoppedClock
) -> None:
    with database.transaction() as session:
        first = session.get_one(Account, evening.manager.account_id)
        values = {
            column.name: getattr(first, column.name)
            for column in Account.__table__.columns
            if column.name not in ("id", "mail_address")
        }
        session.add(Account(id=new_id(clock.now()), mail_address="second@example.jp", **values))
    opened(database, evening, clock, CaseKind.DISPUTE)
    clock.advance(timedelta(minutes=6))
    run(database, clock)
    assert sorted(mail["to"] for mail in mails(database)) == ["manager@example.jp", "second@example.jp"]
    assert first.role == Role.MANAGER
    words = str(mails(database)[0]["params"])
    assert "花子" not in words
    assert "見本団体" not in words
    assert str(evening.reservation.id) not in words
