"""kill -9 at every commit and call of invoices, nightly audit and case mails: once each, and nothing lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.clock import SystemClock
from core.database import Database
from core.ids import new_id
from core.owed import Owed
from payments import cases, invoices, ledger
from payments.book_models import AuditNight
from payments.case_models import Case
from payments.cases import About, CaseKind
from payments.invoice_models import Charge, Invoice, MoneyCounter
from payments.ledger import Account
from payments.month_close import after
from tests.integration.booking.town import NOW, Town, build_town
from tests.integration.money_desk import mortal_jobs
from tests.integration.payments.dying import Job, Killed, Outside, remembered
from tests.integration.payments.stripe_double import StripeDouble
from tests.integration.payments.test_with_the_sandbox import SkippingClock
from tests.servers.mail import SmtpSink

pytestmark = pytest.mark.timeout(120)

NOBODY = "http://127.0.0.1:1"


@dataclass
class Desk:
    """A town whose jobs can be killed."""

    town: Town
    clock: SkippingClock
    killed: Killed

    def at(self, instant: datetime) -> None:
        """It is this time now."""
        self.clock.skipped = instant - SystemClock().now()

    def runs(self, job: Job, about: object) -> None:
        """The worker is back."""
        stripe = StripeDouble(self.clock)
        job(Outside(self.town.database, stripe, remembered(), self.clock, lambda port: port), about)

    def points(self, job: Job, about: object) -> list[str]:
        """Run to the end by a process of its own."""
        return self.killed.points(job, about, self.clock)

    def kill(self, job: Job, about: object, at: int) -> None:
        """Run by a process of its own until it is killed."""
        self.killed.kill(job, about, self.clock, at)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A fresh town, on SQLite and on PostgreSQL."""
    database = Database(database_url)
    made = Desk(build_town(database), SkippingClock(), Killed(database_url, NOBODY))
    made.at(NOW)
    yield made
    database.dispose()


def test_invoices_of_a_month_go_out_once(desk: Desk) -> None:
    month = date(2026, 11, 1)

    def begin() -> None:
        for payer, yen in ((desk.town.general, 600), (desk.town.youth, 500)):
            with desk.town.database.transaction() as session:
                invoices.charge(
                    session,
                    municipality_id=desk.town.municipality_id,
                    payer=payer,
                    reference=new_id(desk.clock.now()),
                    label="見本",
                    amount_yen=yen,
                    used_on=month.replace(day=3),
                    now=desk.clock.now(),
                )
        desk.at(datetime.fromisoformat(f"{after(month)}T00:10:00+09:00"))

    begin()
    points = desk.points(mortal_jobs.issue_invoices, None)
    assert points.count("commit 3 is made") == 1, "one commit a payer, and one for what is overdue"
    for number in range(len(points)):
        month = after(month)
        begin()
        desk.kill(mortal_jobs.issue_invoices, None, number)
        desk.runs(mortal_jobs.issue_invoices, None)
        with desk.town.database.reading() as session:
            yen = session.scalars(sa.select(Invoice.amount_yen).where(Invoice.month == month)).all()
            assert sorted(yen) == [500, 600]
            assert session.scalar(sa.select(Charge.id).where(Charge.invoice_id.is_(None))) is None
    told = _mails(desk)
    assert told["invoice_issued"] == 2 * (1 + len(points))
    with desk.town.database.reading() as session:
        books = ledger.balances(session, municipality_id=desk.town.municipality_id)
    assert books[Account.RECEIVABLES] == -books[Account.USAGE_FEES] == 1100 * (1 + len(points))


def test_what_the_night_found_is_one_case(desk: Desk) -> None:
    town = desk.town.municipality_id
    with desk.town.database.transaction() as session:
        session.merge(MoneyCounter(municipality_id=town, kind="slip", last_number=3))
    points = desk.points(mortal_jobs.audit_the_night, town)
    assert points == ["commit 1 is about to be", "commit 1 is made"]
    for number in range(len(points)):
        desk.clock.skipped += timedelta(days=1)
        nights = _count(desk, AuditNight)
        desk.kill(mortal_jobs.audit_the_night, town, number)
        assert _count(desk, AuditNight) == nights + number, "the night is written down with its cases"
        desk.runs(mortal_jobs.audit_the_night, town)
        with desk.town.database.reading() as session:
            found = session.scalars(sa.select(Case).where(Case.subject.startswith("night:slips"))).all()
        assert len(found) == 1
        assert found[0].closed_at is None


def test_a_mail_about_a_case_leaves_and_a_repeat_says_that_it_is_one(desk: Desk, smtp_sink: SmtpSink) -> None:
    job = mortal_jobs.mail_the_cases

    def begin(subject: str) -> None:
        desk.clock.skipped += timedelta(hours=2)
        with desk.town.database.transaction() as session:
            cases.open_case(
                session,
                municipality_id=desk.town.municipality_id,
                kind=CaseKind.DISPUTE,
                about=About(subject),
                now=desk.clock.now(),
            )
        desk.clock.skipped += timedelta(minutes=6)

    begin("first")
    points = desk.points(job, smtp_sink.port)
    managers = points.count("send is answered")
    assert managers >= 1
    for number, point in enumerate(points):
        before = len(smtp_sink.messages)
        begin(point)
        desk.kill(job, smtp_sink.port, number)
        desk.clock.skipped += timedelta(minutes=3)
        desk.runs(job, smtp_sink.port)
        arrived = Counter(message["Message-ID"] for message in smtp_sink.messages[before:])
        assert len(arrived) == managers, point
        # Between the server's yes and our note there is a repeat, which bears the same name.
        assert arrived.total() - len(arrived) == (point == "send is answered")
    with desk.town.database.reading() as session:
        assert session.scalar(sa.select(Owed.id).where(Owed.done_at.is_(None))) is None


def _mails(desk: Desk) -> Counter[str]:
    with desk.town.database.reading() as session:
        return Counter(row["template"] for row in session.scalars(sa.select(Owed.payload)))


def _count(desk: Desk, kind: type[AuditNight]) -> int:
    with desk.town.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(kind)) or 0
