"""One mail to everybody who has a place at a facility on a day."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from booking.notices.bulk import NobodyThere, Progress, batch_of, progress_of, recipients_of, to_users_of
from booking.people.models import Account
from booking.reservations.models import State
from core.audit import AuditEntry
from core.database import Database
from core.errors import BadInput, NotThere
from tests.integration.manage.town import NOW, TODAY, Town, window
from tests.integration.notices.conftest import Evening, Post
from tests.servers.mail import SmtpSink


def write_to(database: Database, evening: Evening, *, subject: str = "暖房", body: str = "動きません") -> int:
    with database.transaction() as session:
        return to_users_of(
            session,
            actor=evening.manager,
            facility_id=evening.place.facility_id,
            day=TODAY,
            subject=subject,
            body=body,
            now=NOW,
        )


def test_each_address_gets_it_once_however_many_places_it_has(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    with database.transaction() as session:
        town = Town(session, places=[evening.place])
        hanako = session.get_one(Account, evening.resident.id)
        taro = town.account("taro@example.jp", name="見本 太郎")
        group = town.group("見本団体02", taro)
        town.reservation(evening.place.halves[0], window(TODAY, 9, 12), account=taro, group=group)
        town.reservation(evening.place.full, window(TODAY, 13, 17), account=hanako, group=group)
    assert write_to(database, evening) == 2
    assert post.run() == 2
    assert sorted(to for [to] in smtp_sink.recipients) == ["hanako@example.jp", "taro@example.jp"]
    assert all(len(message["To"].addresses) == 1 for message in smtp_sink.messages)


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED, State.REJECTED, State.REVOKED])
def test_who_no_longer_has_a_place_gets_nothing(database: Database, evening: Evening, state: State) -> None:
    with database.transaction() as session:
        town = Town(session, places=[evening.place])
        gone = town.account("gone@example.jp")
        group = town.group("見本団体03", gone)
        town.reservation(evening.place.full, window(TODAY, 9, 12), account=gone, group=group, state=state)
    with database.reading() as session:
        found = recipients_of(
            session, actor=evening.manager, facility_id=evening.place.facility_id, day=TODAY
        )
    assert found.mail_addresses == ("hanako@example.jp",)
    assert found.reservations == 1


def test_other_days_and_other_schools_are_left_alone(database: Database, evening: Evening) -> None:
    with database.transaction() as session:
        town = Town(session, places=[evening.place])
        other = town.account("other@example.jp")
        group = town.group("見本団体04", other)
        school = town.school("となり小学校")
        town.reservation(school.full, window(TODAY, 9, 12), account=other, group=group)
        tomorrow = TODAY + timedelta(days=1)
        town.reservation(evening.place.full, window(tomorrow, 9, 12), account=other, group=group)
    assert write_to(database, evening) == 1


def test_sending_the_same_words_again_reaches_only_newcomers(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    assert write_to(database, evening) == 1
    assert post.run() == 1
    with database.transaction() as session:
        town = Town(session, places=[evening.place])
        late = town.account("late@example.jp")
        group = town.group("見本団体05", late)
        town.reservation(evening.place.full, window(TODAY, 9, 12), account=late, group=group)
    assert write_to(database, evening) == 2
    assert post.run() == 1
    assert smtp_sink.recipients[-1] == ["late@example.jp"]


def test_progress_counts_what_is_sent_and_what_waits(
    database: Database, evening: Evening, post: Post
) -> None:
    batch = batch_of(evening.place.facility_id, TODAY, "暖房", "動きません")
    write_to(database, evening)
    with database.reading() as session:
        assert progress_of(session, actor=evening.manager, batch=batch) == Progress(0, 1, 0)
    post.run()
    with database.reading() as session:
        assert progress_of(session, actor=evening.manager, batch=batch) == Progress(1, 0, 0)
        assert progress_of(session, actor=evening.manager, batch="%").total == 0


def test_it_is_in_the_audit_without_anyones_address(database: Database, evening: Evening) -> None:
    write_to(database, evening)
    with database.reading() as session:
        (entry,) = session.scalars(sa.select(AuditEntry))
    assert entry.act == "bulk_mail"
    assert entry.detail["addresses"] == 1
    assert "example.jp" not in str(entry.detail)


@pytest.mark.parametrize(
    "subject,body",
    [
        ("", "本文"),
        ("件名", "  \n"),
        ("件名\r\nBcc: x@example.jp", "本文"),
        ("件" * 61, "本文"),
        ("件名", "本" * 2001),
    ],
)
def test_what_cannot_be_sent_is_refused_and_nothing_is_owed(
    database: Database, evening: Evening, post: Post, subject: str, body: str
) -> None:
    with pytest.raises(BadInput):
        write_to(database, evening, subject=subject, body=body)
    assert post.run() == 0


def test_a_day_without_users_is_refused_and_leaves_no_trace(database: Database, evening: Evening) -> None:
    with database.transaction() as session, pytest.raises(NobodyThere):
        to_users_of(
            session,
            actor=evening.manager,
            facility_id=evening.place.facility_id,
            day=TODAY + timedelta(days=30),
            subject="件名",
            body="本文",
            now=NOW,
        )
    with database.reading() as session:
        assert session.scalars(sa.select(AuditEntry)).all() == []


def test_a_facility_of_another_municipality_is_not_there(database: Database, evening: Evening) -> None:
    with database.transaction() as session:
        foreign = Town(session, number=2).found().school("よその小学校")
    with database.transaction() as session, pytest.raises(NotThere):
        to_users_of(
            session,
            actor=evening.manager,
            facility_id=foreign.facility_id,
            day=TODAY,
            subject="件名",
            body="本文",
            now=NOW,
        )
