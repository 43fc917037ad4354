"""A month is closed once, when nothing stands against it; whatever changes later is found."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core import audit
from core.errors import ContractBroken
from core.ids import new_id
from payments import ledger, month_close
from payments.book_models import MonthClose
from payments.cases import About, CaseKind, open_case, settle_case
from payments.comparing import GRACE
from payments.errors import MonthNotReady
from payments.ledger import Account, Line
from payments.month_close import Obstacle, Summary
from payments.settlement import settle
from tests.integration.payments.conftest import START, TOWN, Till
from tests.servers.books import take_triggers_off

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
END = datetime(2026, 11, 30, 15, tzinfo=UTC)
ACCOUNTANT = new_id(START)


def post(till: Till, key: str, yen: int, at: datetime) -> None:
    with till.database.transaction() as session:
        lines = [Line(Account.CASH, yen), Line(Account.USAGE_FEES, -yen)]
        ledger.post(session, municipality_id=TOWN, set_key=key, lines=lines, now=at)


def run(till: Till) -> None:
    settle(till.database, till.stripe, till.clock, municipality_id=TOWN)


def obstacles(till: Till, month: date = NOVEMBER) -> list[Obstacle]:
    with till.database.reading() as session:
        return month_close.obstacles(session, municipality_id=TOWN, month=month, now=till.clock.now())


def seen(till: Till, month: date = NOVEMBER) -> Summary:
    with till.database.reading() as session:
        return month_close.summarise(session, municipality_id=TOWN, month=month)


def close(till: Till, month: date = NOVEMBER, check: str | None = None) -> MonthClose:
    shown = seen(till, month).check_digits
    with till.database.transaction() as session:
        return month_close.close(
            session,
            municipality_id=TOWN,
            month=month,
            check=check or shown,
            actor=ACCOUNTANT,
            now=till.clock.now(),
        )


def ready(till: Till) -> Till:
    """November has two entries, is over, and everything of it was compared."""
    post(till, "cash:1", 500, START)
    till.clock.at = END + GRACE
    run(till)
    return till


def changed(till: Till) -> list[date]:
    with till.database.reading() as session:
        return month_close.changed_since_closed(session, municipality_id=TOWN)


def test_a_month_is_closed_with_its_totals_and_written_into_the_chain(till: Till) -> None:
    closed = close(ready(till))
    assert closed.totals == {"cash": 500, "usage_fees": -500}
    assert (closed.month, closed.closed_by, closed.closed_at) == (NOVEMBER, str(ACCOUNTANT), till.clock.now())
    assert closed.digest == seen(till).digest
    assert changed(till) == []
    with till.database.reading() as session:
        [act] = audit.acts_on(session, municipality_id=TOWN, subjects=["month:2026-11"], limit=9)
        assert audit.first_broken(session, TOWN) is None
    assert (act.act, act.actor, act.detail["totals"]) == ("month.close", str(ACCOUNTANT), closed.totals)


def test_a_second_tap_leaves_the_first_closing_as_it_is(till: Till) -> None:
    first = close(ready(till))
    till.clock.advance(days=1)
    assert close(till, check="wrong").closed_at == first.closed_at
    with till.database.reading() as session:
        assert len(audit.acts_on(session, municipality_id=TOWN, subjects=["month:2026-11"], limit=9)) == 1


def test_months_are_of_tokyo_and_half_open(till: Till) -> None:
    post(till, "before", 1, datetime(2026, 10, 31, 14, 59, 59, 999_999, tzinfo=UTC))
    post(till, "first", 10, datetime(2026, 10, 31, 15, tzinfo=UTC))
    post(till, "last", 100, END - timedelta(microseconds=1))
    post(till, "next", 1000, END)
    assert (seen(till).entries, seen(till).totals) == (4, {"cash": 110, "usage_fees": -110})
    assert month_close.bounds(date(2026, 12, 31)) == (END, datetime(2026, 12, 31, 15, tzinfo=UTC))
    assert month_close.after(date(2026, 12, 31)) == date(2027, 1, 1)


def test_another_towns_entries_are_in_no_sum(till: Till) -> None:
    post(till, "cash:1", 500, START)
    digest = seen(till).digest
    with till.database.transaction() as session:
        lines = [Line(Account.CASH, 1), Line(Account.USAGE_FEES, -1)]
        ledger.post(session, municipality_id=TOWN + 1, set_key="else", lines=lines, now=START)
    assert seen(till).digest == digest


def test_a_month_that_is_not_over_is_not_closed(till: Till) -> None:
    post(till, "cash:1", 500, START)
    till.clock.at = END - timedelta(seconds=1)
    assert obstacles(till) == [Obstacle.NOT_OVER, Obstacle.NOT_SETTLED]
    till.clock.at = END
    assert obstacles(till) == [Obstacle.NOT_SETTLED]
    with pytest.raises(MonthNotReady):
        close(till)


def test_a_settlement_that_could_not_yet_tell_all_is_not_enough(till: Till) -> None:
    till.clock.at = END + GRACE - timedelta(seconds=1)
    run(till)
    assert obstacles(till) == [Obstacle.NOT_SETTLED]
    till.clock.advance(seconds=1)
    run(till)
    assert obstacles(till) == []


@pytest.mark.parametrize("kind", [CaseKind.SETTLEMENT, CaseKind.BOOKS])
def test_a_difference_of_its_time_stands_against_it(till: Till, kind: CaseKind) -> None:
    ready(till)

    def told(since: datetime, subject: str) -> None:
        with till.database.transaction() as session:
            about = About(subject, detail={"since": since.isoformat()})
            open_case(session, municipality_id=TOWN, kind=kind, about=about, now=till.clock.now())

    told(END, "later")
    assert obstacles(till) == [], "it began in the next month"
    told(END - timedelta(seconds=1), "of its time")
    assert obstacles(till) == [Obstacle.CASES_OPEN]
    with pytest.raises(MonthNotReady, match="cases_open"):
        close(till)
    with till.database.transaction() as session:
        settle_case(
            session, municipality_id=TOWN, kind=kind, subject="of its time", note="", now=till.clock.now()
        )
    assert obstacles(till) == []


def test_a_case_without_a_date_of_its_own_counts_from_when_it_was_opened(till: Till) -> None:
    ready(till)
    with till.database.transaction() as session:
        open_case(session, municipality_id=TOWN, kind=CaseKind.BOOKS, about=About("x"), now=START)
    assert obstacles(till) == [Obstacle.CASES_OPEN]


def test_months_are_closed_in_their_order(till: Till) -> None:
    post(till, "october", 1, START - timedelta(days=40))
    ready(till)
    assert obstacles(till) == [Obstacle.EARLIER_OPEN]
    close(till, date(2026, 10, 1))
    assert obstacles(till) == []


def test_other_digits_than_those_shown_close_nothing(till: Till) -> None:
    ready(till)
    shown = seen(till).check_digits
    post(till, "cash:2", 1, START)
    assert shown != seen(till).check_digits
    with pytest.raises(MonthNotReady, match="check digits"):
        close(till, check=shown)
    assert month_close.check_digits("f" * 64) == f"{0xFFFFFFFFFFFF % 10000:04d}"
    assert month_close.check_digits("0" * 64) == "0000"


TAMPERING = {
    "a yen moved": "UPDATE ledger_entry SET amount_yen = amount_yen * 2",
    "another account": "UPDATE ledger_entry SET account = 'bank' WHERE account = 'cash'",
    "another day": "UPDATE ledger_entry SET at = '2026-11-22 00:00:00+00:00'",
    "another event": "UPDATE ledger_entry SET set_key = 'cash:9'",
    "lines swapped": "UPDATE ledger_entry SET line = 3 - line + 10",
    "gone": "DELETE FROM ledger_entry",
    "the closing itself": "UPDATE month_close SET digest = 'x'",
    "its totals": """UPDATE month_close SET totals = '{"cash": 1}'""",
    "one more": "INSERT INTO ledger_entry (municipality_id, set_key, line, account, amount_yen, at) "
    "VALUES (312029, 'late', 1, 'cash', 5, '2026-11-22 00:00:00+00:00')",
}


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING.keys())
def test_what_somebody_changes_by_hand_in_a_closed_month_is_found(till: Till, statement: str) -> None:
    close(ready(till))
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.text(statement.replace("+00:00", "") if till.database.is_sqlite else statement))
    assert changed(till) == [NOVEMBER]


def test_control_a_change_in_an_open_month_is_nobodys_business_here(till: Till) -> None:
    close(ready(till))
    post(till, "december", 7, END)
    assert changed(till) == []
    with pytest.raises(ContractBroken):
        post(till, "november", 7, END - timedelta(seconds=1))


def test_the_list_of_months_begins_with_the_first_entry(till: Till) -> None:
    close(ready(till))
    till.clock.at = datetime(2027, 1, 15, tzinfo=UTC)
    with till.database.reading() as session:
        found = month_close.months(session, municipality_id=TOWN, now=till.clock.now())
        nowhere = month_close.months(session, municipality_id=1, now=till.clock.now())
    assert [month for month, _ in found] == [date(2027, 1, 1), DECEMBER, NOVEMBER]
    assert [closed is not None for _, closed in found] == [False, False, True]
    assert nowhere == [(date(2027, 1, 1), None)]


def test_totals_name_every_account() -> None:
    totals = month_close.account_totals({"cash": 5})
    assert list(totals) == list(Account)
    assert sum(totals.values()) == totals[Account.CASH] == 5


def test_unused_references_and_ids_are_part_of_the_digest(till: Till, reservation: UUID) -> None:
    lines = [Line(Account.CASH, 5, reservation), Line(Account.USAGE_FEES, -5)]
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN, set_key="x", lines=lines, now=START)
    before = seen(till).digest
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.text("UPDATE ledger_entry SET reference = NULL"))
    assert seen(till).digest != before
