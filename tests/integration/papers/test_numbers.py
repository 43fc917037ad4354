"""Numbers of papers have no gaps: the counter is locked, last in the transaction that uses the number."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers import register
from booking.papers.issuing import issue
from booking.papers.kinds import Kind, subject_of
from booking.papers.models import Paper, PaperCounter
from core.database import Database, insert_into, retrying
from tests.integration.booking.town import at, window
from tests.integration.pages.conftest import Site
from tests.integration.papers.conftest import issued, paid


class GivenUp(Exception):
    """The request dies after the number was taken."""


def number_of(site: Site, payment_id: object, *, dies: bool = False) -> int:
    with site.town.database.transaction() as session:
        paper = issue(
            session,
            municipality_id=site.town.municipality_id,
            kind=Kind.RECEIPT,
            subject=f"payment:{payment_id}",
            now=site.clock.now(),
        )
        if dies:
            raise GivenUp
        return paper.number


def sequence_like(site: Site) -> int:
    """A counter as a sequence is one: its step is committed by itself, whatever becomes of who asked."""
    with site.town.database.transaction() as session:
        upsert = insert_into(session, PaperCounter).values(
            municipality_id=site.town.municipality_id, kind="receipt", fiscal_year=2026, last_number=1
        )
        step = upsert.on_conflict_do_update(
            index_elements=["municipality_id", "kind", "fiscal_year"],
            set_={"last_number": PaperCounter.last_number + 1},
        )
        return int(session.scalar(step.returning(PaperCounter.last_number)) or 0)


def test_an_issue_that_is_rolled_back_leaves_no_gap(site: Site) -> None:
    payments = [paid(site, wanted=window(first, first + 2))[1] for first in (10, 13, 18)]
    assert number_of(site, payments[0]) == 1
    with pytest.raises(GivenUp):
        number_of(site, payments[1], dies=True)
    assert number_of(site, payments[2]) == 2
    assert number_of(site, payments[1]) == 3
    with site.town.database.reading() as session:
        (_, receipts) = register.series(session, municipality_id=site.town.municipality_id)
    assert (receipts.last_number, receipts.missing) == (3, ())


def test_a_counter_in_a_transaction_of_its_own_would_leave_one_and_the_register_shows_it(site: Site) -> None:
    paper = issued(site, Kind.RECEIPT, paid(site)[1])
    assert paper.number == 1
    assert sequence_like(site) == 2
    # Whoever took 2 dies here; the next one goes on from it.
    assert issued(site, Kind.RECEIPT, paid(site, wanted=window(13, 15))[1]).number == 3
    with site.town.database.reading() as session:
        (_, receipts) = register.series(session, municipality_id=site.town.municipality_id)
    assert receipts.missing == (2,)


def at_once(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)


def test_two_at_once_for_two_payments_have_two_numbers_in_a_row(site: Site) -> None:
    payments = [paid(site, wanted=window(first, first + 2))[1] for first in (10, 13, 18, 20)]
    found: list[int] = []
    at_once(*(lambda one=one: found.append(retrying(lambda: number_of(site, one))) for one in payments))
    assert sorted(found) == [1, 2, 3, 4]


def test_two_taps_at_once_for_one_payment_are_one_paper(site: Site) -> None:
    _, payment_id = paid(site)
    found: list[int] = []
    at_once(*(lambda: found.append(retrying(lambda: number_of(site, payment_id))) for _ in range(4)))
    assert found == [1, 1, 1, 1]
    with site.town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Paper)) == 1
        assert session.scalar(sa.select(PaperCounter.last_number)) == 1


def test_two_taps_at_once_for_one_permit_are_one_paper(site: Site) -> None:
    reservation_id, _ = paid(site)
    found: list[object] = []

    def tap() -> None:
        found.append(retrying(lambda: issued(site, Kind.PERMIT, reservation_id)).id)

    at_once(tap, tap, tap)
    assert len(found) == 3
    assert len(set(found)) == 1


def test_without_the_lock_two_at_once_meet_at_the_same_number(postgres_database_url: str) -> None:
    """The control: read the counter, add one, write it, without waiting for who does the same."""
    database = Database(postgres_database_url)
    with database.transaction() as session:
        session.add(PaperCounter(municipality_id=1, kind="receipt", fiscal_year=2026, last_number=0))
    both_have_read = threading.Barrier(2)
    taken: list[int] = []

    def careless() -> None:
        with database.transaction() as session:
            last = session.scalar(sa.select(PaperCounter.last_number)) or 0
            both_have_read.wait(timeout=10)
            session.execute(sa.update(PaperCounter).values(last_number=last + 1))
            taken.append(last + 1)

    at_once(careless, careless)
    assert taken == [1, 1]
    database.dispose()


def test_kinds_and_fiscal_years_count_for_themselves(site: Site) -> None:
    payments = [
        paid(site, wanted=window(10, 12))[1],
        paid(site, wanted=window(13, 15))[1],
        paid(site, wanted=window(18, 20))[1],
    ]
    site.clock.instant = at(23.9, date(2027, 3, 31))
    assert (issued(site, Kind.RECEIPT, payments[0]).fiscal_year, number_of(site, payments[0])) == (2026, 1)
    assert number_of(site, payments[1]) == 2
    site.clock.instant = at(0, date(2027, 4, 1))
    paper = issued(site, Kind.RECEIPT, payments[2])
    assert (paper.fiscal_year, paper.number) == (2027, 1)


def test_a_number_cannot_be_given_twice(site: Site) -> None:
    paper = issued(site, Kind.RECEIPT, paid(site)[1])

    def copy(session: Session) -> None:
        kept = {c.name: getattr(paper, c.name) for c in Paper.__table__.columns}
        other = subject_of(Kind.RECEIPT, paper.id)
        session.add(Paper(**{**kept, "id": paper.group_id, "subject": other}))

    with pytest.raises(sa.exc.IntegrityError), site.town.database.transaction() as session:
        copy(session)
