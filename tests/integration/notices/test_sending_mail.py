"""From the transaction that owes a mail to the mail server that has it."""

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa

from booking.notices.mail import owe_mail, tell
from booking.notices.sender import Mailer, send_due
from booking.notices.smtp import SmtpTransport
from booking.reservations.models import Reservation
from core.database import Database
from core.errors import ContractBroken, RejectedOutside, Unavailable
from core.owed import MAX_ATTEMPTS, Owed
from tests.integration.manage.town import NOW, StoppedClock
from tests.integration.notices.conftest import BASE_URL, Evening, Post
from tests.servers.loopback import free_port
from tests.servers.mail import SmtpSink


def owe_to(database: Database, address: str, *, key: str) -> None:
    with database.transaction() as session:
        owe_mail(
            session,
            municipality_id=1,
            to=address,
            template="bulk",
            params={"subject": "件名", "body": "本文", "facility": "見本小学校", "day": NOW.date()},
            key=key,
            now=NOW,
        )


def owed_rows(database: Database) -> list[Owed]:
    with database.reading() as session:
        return list(session.scalars(sa.select(Owed).order_by(Owed.key)))


class Refusing:
    """A mail server that never takes mail for one address."""

    def __init__(self, inner: SmtpTransport, address: str, answer: Exception | None = None) -> None:
        self._inner = inner
        self._address = address
        self._answer = answer or RejectedOutside("mail server: [550]")

    def send(self, message: EmailMessage) -> None:
        if message["To"].addresses[0].addr_spec == self._address:
            raise self._answer
        self._inner.send(message)

    def close(self) -> None:
        self._inner.close()


def test_a_confirmation_reaches_its_maker_with_the_link_and_without_the_code(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    with database.transaction() as session:
        tell(session, evening.reservation, "confirmed", now=NOW)
    assert post.run() == 1
    (message,) = smtp_sink.messages
    assert smtp_sink.recipients == [["hanako@example.jp"]]
    assert message["Subject"] == "予約が確定しました 2026年11月21日(土)"
    assert message["From"].addresses[0].display_name == "見本市1 学校施設予約"
    assert message["Auto-Submitted"] == "auto-generated"
    assert f"{BASE_URL}/reservations/{evening.reservation.id}/code" in message.get_content()


def test_a_confirmation_names_the_stages_as_sold_that_had_not_passed_when_it_was_made(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    before_s = [30 * 86400, 3600, 0]
    stages = [{"before_s": one, "percent": 100 - 40 * number} for number, one in enumerate(before_s)]
    with database.transaction() as session:
        row = session.get_one(Reservation, evening.reservation.id)
        row.created_at, row.amount_yen = NOW, 1000
        row.policy = {"version": 2, "stages": stages, "kept_yen": 0, "free_cancel_until": NOW.isoformat()}
        tell(session, row, "confirmed", now=NOW)
    assert post.run() == 1
    text = smtp_sink.messages[0].get_content().replace("\r\n", "\n")
    assert (
        "戻ります。\n・2026年11月21日(土) 18:00まで: 600円\n・2026年11月21日(土) 19:00まで: 200円\n" in text
    )
    assert "全額" not in text


def test_owing_the_same_twice_sends_once(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    for _ in range(2):
        with database.transaction() as session:
            tell(session, evening.reservation, "confirmed", now=NOW)
    assert post.run() == 1
    assert post.run() == 0
    assert len(smtp_sink.messages) == 1


def test_two_refunds_of_one_reservation_are_two_mails(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink
) -> None:
    with database.transaction() as session:
        for cause in ("first", "second"):
            tell(session, evening.reservation, "refunded", now=NOW, cause=cause, refund_yen=400)
    assert post.run() == 2
    assert len({message["Message-ID"] for message in smtp_sink.messages}) == 2


def test_a_transaction_that_is_rolled_back_owes_nothing(
    database: Database, evening: Evening, post: Post
) -> None:
    def confirm_and_fail() -> None:
        with database.transaction() as session:
            tell(session, evening.reservation, "confirmed", now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        confirm_and_fail()
    assert owed_rows(database) == []
    assert post.run() == 0


def test_a_row_holds_no_name_no_place_and_no_link(database: Database, evening: Evening) -> None:
    with database.transaction() as session:
        tell(session, evening.reservation, "confirmed", now=NOW)
    (row,) = owed_rows(database)
    assert row.payload == {
        "municipality_id": 1,
        "template": "confirmed",
        "to": None,
        "params": {"reservation_id": str(evening.reservation.id)},
    }


def test_a_refused_mail_is_sent_again_later_under_the_same_message_id(
    database: Database, evening: Evening, post: Post, smtp_sink: SmtpSink, clock: StoppedClock
) -> None:
    with database.transaction() as session:
        tell(session, evening.reservation, "confirmed", now=NOW)
    smtp_sink.refuse_next = 1
    assert post.run() == 0
    (row,) = owed_rows(database)
    assert row.last_error == "mail server: [451]"
    assert post.run() == 0, "not before its time"
    clock.advance(timedelta(minutes=2))
    assert post.run() == 1
    assert smtp_sink.messages[0]["Message-ID"] == f"<{row.id}@example.jp>"


@pytest.mark.usefixtures("evening")
def test_one_bad_address_is_parked_in_the_end_and_holds_up_nobody(
    database: Database, mailer: Mailer, smtp_sink: SmtpSink, clock: StoppedClock
) -> None:
    assert isinstance(mailer.transport, SmtpTransport)
    refusing = replace(mailer, transport=Refusing(mailer.transport, "bad@example.jp"))
    for number, address in enumerate(("a@example.jp", "bad@example.jp", "c@example.jp")):
        owe_to(database, address, key=f"{number}")
    assert send_due(database, refusing, clock) == 2
    assert sorted(to for [to] in smtp_sink.recipients) == ["a@example.jp", "c@example.jp"]
    for _ in range(MAX_ATTEMPTS):
        clock.advance(timedelta(hours=10))
        assert send_due(database, refusing, clock) == 0
    parked = owed_rows(database)[1]
    assert parked.parked_at is not None
    assert parked.due_at is None
    assert parked.attempts == MAX_ATTEMPTS


@pytest.mark.usefixtures("evening")
def test_a_mail_that_fails_in_a_way_nobody_foresaw_fails_alone(
    database: Database, mailer: Mailer, smtp_sink: SmtpSink, clock: StoppedClock
) -> None:
    assert isinstance(mailer.transport, SmtpTransport)
    failing = replace(
        mailer, transport=Refusing(mailer.transport, "bad@example.jp", RuntimeError("bad@example.jp"))
    )
    for number, address in enumerate(("bad@example.jp", "b@example.jp", "c@example.jp")):
        owe_to(database, address, key=f"{number}")
    assert send_due(database, failing, clock) == 2
    assert sorted(to for [to] in smtp_sink.recipients) == ["b@example.jp", "c@example.jp"]
    row = owed_rows(database)[0]
    assert (row.done_at, row.last_error) == (None, "RuntimeError")


@pytest.mark.usefixtures("evening")
def test_an_address_that_cannot_be_one_fails_alone(
    database: Database, post: Post, smtp_sink: SmtpSink
) -> None:
    for number, address in enumerate(("x@example.jp\nBcc: evil@example.jp", "c@example.jp")):
        owe_to(database, address, key=f"{number}")
    assert post.run() == 1
    assert smtp_sink.recipients == [["c@example.jp"]]
    assert owed_rows(database)[0].done_at is None


@pytest.mark.usefixtures("evening")
def test_no_mail_server_is_unavailable_and_leaves_the_row_due(
    database: Database, clock: StoppedClock
) -> None:
    owe_to(database, "a@example.jp", key="1")
    nobody = SmtpTransport("127.0.0.1", free_port(), timeout_s=2)
    assert send_due(database, Mailer(nobody, "kaiho@example.jp", BASE_URL), clock) == 0
    (row,) = owed_rows(database)
    assert row.due_at is not None
    assert row.last_error == "mail server: ConnectionRefusedError"
    message = EmailMessage()
    message["From"] = message["To"] = "a@example.jp"
    with pytest.raises(Unavailable):
        nobody.send(message)


@pytest.mark.usefixtures("evening")
def test_a_sender_that_dies_after_taking_rows_leaves_them_to_the_next(
    database: Database, post: Post, smtp_sink: SmtpSink, clock: StoppedClock
) -> None:
    class Killed(BaseException):
        pass

    class Dying(Refusing):
        def send(self, _message: EmailMessage) -> None:
            raise Killed

    owe_to(database, "a@example.jp", key="1")
    assert isinstance(post.mailer.transport, SmtpTransport)
    with pytest.raises(Killed):
        send_due(database, replace(post.mailer, transport=Dying(post.mailer.transport, "")), clock)
    assert post.run() == 0, "the lease of the dead one still runs"
    clock.advance(timedelta(minutes=3))
    assert post.run() == 1
    assert len(smtp_sink.messages) == 1


def test_mail_never_leaves_while_a_transaction_is_open(database: Database, mailer: Mailer) -> None:
    message = EmailMessage()
    message["From"] = message["To"] = "a@example.jp"
    with database.transaction(), pytest.raises(ContractBroken, match="SMTP inside a transaction"):
        mailer.transport.send(message)


@pytest.mark.usefixtures("evening")
def test_a_batch_stops_before_its_lease_ends(database: Database, mailer: Mailer, clock: StoppedClock) -> None:
    class Slow(Refusing):
        def send(self, _message: EmailMessage) -> None:
            clock.seconds += 45

    for number in range(4):
        owe_to(database, f"a{number}@example.jp", key=f"{number}")
    assert isinstance(mailer.transport, SmtpTransport)
    assert send_due(database, replace(mailer, transport=Slow(mailer.transport, "")), clock) == 2
    assert sum(row.done_at is None for row in owed_rows(database)) == 2


def test_statements_of_a_batch_do_not_grow_with_what_the_mails_say(
    database: Database, evening: Evening, mailer: Mailer, clock: StoppedClock
) -> None:
    def statements_of_sending(mails: int) -> int:
        with database.transaction() as session:
            for number in range(mails):
                tell(
                    session, evening.reservation, "refunded", now=NOW, cause=f"{mails}-{number}", refund_yen=1
                )
        counted: list[str] = []

        def count(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
            counted.append(statement)

        sa.event.listen(database.engine, "before_cursor_execute", count)
        assert send_due(database, mailer, clock) == mails
        sa.event.remove(database.engine, "before_cursor_execute", count)
        return sum(statement.lstrip().upper().startswith("SELECT") for statement in counted)

    assert statements_of_sending(2) == statements_of_sending(9)


def test_unknown_templates_and_parameters_fail_where_they_are_owed(
    database: Database, evening: Evening
) -> None:
    with database.transaction() as session:
        with pytest.raises(ContractBroken, match="no mail template"):
            tell(session, evening.reservation, "birthday", now=NOW)
        with pytest.raises(ContractBroken, match="takes"):
            tell(session, evening.reservation, "rejected", now=NOW)
        with pytest.raises(ContractBroken, match="takes"):
            tell(session, evening.reservation, "confirmed", now=NOW, code="12345678")
