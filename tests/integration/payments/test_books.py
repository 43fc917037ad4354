"""The books balance, an event is booked once, and a line written is never changed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from payments import ledger
from payments.book_models import MonthClose
from payments.ledger import Account, Line
from payments.models import LedgerEntry
from tests.integration.payments.conftest import START, TOWN, Till
from tests.servers.books import take_triggers_off

GOOD = [Line(Account.STRIPE_BALANCE, 300), Line(Account.USAGE_FEES, -100), Line(Account.USAGE_FEES, -200)]


def _post(till: Till, lines: list[Line], key: str = "capture:1") -> None:
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN, set_key=key, lines=lines, now=START)


def test_a_balanced_set_is_booked(till: Till) -> None:
    _post(till, GOOD)
    assert till.balances() == {"stripe_balance": 300, "usage_fees": -300}


@pytest.mark.parametrize("lines", [[], GOOD[:2], [Line(Account.UNALLOCATED, 0)]])
def test_a_set_that_does_not_balance_is_refused(till: Till, lines: list[Line]) -> None:
    with pytest.raises(ContractBroken, match="ledger set capture:1 does not balance"):
        _post(till, lines)
    assert till.balances() == {}


def test_every_line_names_the_payment_and_the_refund_it_is_of(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    [refund_id] = till.owe(reservation)
    with till.database.transaction() as session:
        ledger.post(
            session,
            municipality_id=TOWN,
            set_key="back",
            lines=GOOD,
            now=START,
            payment_id=payment_id,
            refund_id=refund_id,
        )
    with till.database.reading() as session:
        rows = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.id)).all()
    of_each = [(row.set_key, row.payment_id, row.refund_id) for row in rows]
    assert of_each == [
        *[(f"capture:{payment_id}", payment_id, None)] * 2,
        *[(f"owe:{refund_id}", payment_id, refund_id)] * 2,
        *[("back", payment_id, refund_id)] * 3,
    ]


def test_an_event_is_booked_once(till: Till) -> None:
    _post(till, GOOD)
    with pytest.raises(IntegrityError):
        _post(till, GOOD)
    assert till.balances()["stripe_balance"] == 300


def _change(entry: LedgerEntry, session: Session) -> None:
    entry.amount_yen = 1
    session.flush()


def _delete(entry: LedgerEntry, session: Session) -> None:
    session.delete(entry)
    session.flush()


@pytest.mark.parametrize("tamper", [_change, _delete])
def test_a_line_is_neither_changed_nor_deleted(
    till: Till, tamper: Callable[[LedgerEntry, Session], None]
) -> None:
    _post(till, GOOD)

    def attempt() -> None:
        with till.database.transaction() as session:
            tamper(session.scalars(sa.select(LedgerEntry).limit(1)).one(), session)

    with pytest.raises(ContractBroken):
        attempt()
    assert till.balances()["stripe_balance"] == 300


BY_HAND = {
    "update": "UPDATE ledger_entry SET amount_yen = 1 WHERE line = 1",
    "update of nothing new": "UPDATE ledger_entry SET amount_yen = amount_yen",
    "delete": "DELETE FROM ledger_entry WHERE line = 1",
    "update of a month": "UPDATE month_close SET digest = '0'",
    "delete of a month": "DELETE FROM month_close",
}
ON_ONE_DATABASE = {
    "sqlite": {
        "replace": "INSERT OR REPLACE INTO ledger_entry "
        "(municipality_id, set_key, line, account, amount_yen, at) "
        "VALUES (312029, 'capture:1', 1, 'bank', 1, '2026-11-21 00:00:00')",
        "replace by id": "INSERT OR REPLACE INTO ledger_entry "
        "(id, municipality_id, set_key, line, account, amount_yen, at) "
        "VALUES (1, 312029, 'other', 1, 'bank', 1, '2026-11-21 00:00:00')",
    },
    "postgresql": {"truncate": "TRUNCATE ledger_entry, month_close"},
}


def _filled(till: Till) -> dict[str, str]:
    """Books with a set and a closed month; every way to change them by hand on this database."""
    _post(till, GOOD)
    with till.database.transaction() as session:
        session.add(
            MonthClose(
                municipality_id=TOWN,
                month=date(2026, 10, 1),
                closed_at=START,
                closed_by="system",
                totals={},
                last_entry_id=0,
                digest="",
            )
        )
    return BY_HAND | ON_ONE_DATABASE["sqlite" if till.database.is_sqlite else "postgresql"]


def _by_hand(till: Till, statement: str) -> None:
    with till.database.transaction() as session:
        session.execute(sa.text(statement))


def test_not_even_sql_by_hand_changes_the_books(till: Till) -> None:
    for what, statement in _filled(till).items():
        with pytest.raises(IntegrityError, match="append only"):
            _by_hand(till, statement)
        assert till.balances() == {"stripe_balance": 300, "usage_fees": -300}, what


def test_control_without_the_triggers_sql_by_hand_goes_through(till: Till) -> None:
    statements = _filled(till)
    take_triggers_off(till.database)
    for what, statement in statements.items():
        _by_hand(till, statement)
        assert what, "nothing refused it"
    with till.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(MonthClose)) == 0
        assert ledger.balances(session, municipality_id=TOWN)[Account.STRIPE_BALANCE] != 300


ONE_SIDED = (
    "INSERT INTO ledger_entry (municipality_id, set_key, line, account, amount_yen, at) "
    "VALUES (312029, 'by hand', 1, 'bank', 500, '2026-11-21 00:00:00+00:00')"
)
OTHER_SIDE = ONE_SIDED.replace("1, 'bank', 500", "2, 'cash', -500")


def test_a_set_by_hand_is_refused_at_commit_or_found(till: Till) -> None:
    if till.database.is_sqlite:
        _by_hand(till, ONE_SIDED)
        with till.database.reading() as session:
            assert ledger.unbalanced_sets(session) == ["by hand"]
        return
    with pytest.raises(IntegrityError, match="does not balance"):
        _by_hand(till, ONE_SIDED)
    with till.database.transaction() as session:
        for statement in (ONE_SIDED, OTHER_SIDE):
            session.execute(sa.text(statement))
    assert till.balances() == {"bank": 500, "cash": -500}
    take_triggers_off(till.database)
    _by_hand(till, ONE_SIDED.replace("by hand", "unseen"))
    with till.database.reading() as session:
        assert ledger.unbalanced_sets(session) == ["unseen"], "the control: nothing refused it"


def test_nothing_is_booked_into_a_closed_month(till: Till) -> None:
    _filled(till)
    last_instant = datetime(2026, 10, 31, 14, 59, 59, tzinfo=UTC)
    first_instant = datetime(2026, 9, 30, 15, tzinfo=UTC)
    for at in (first_instant, last_instant):
        with pytest.raises(ContractBroken, match="closed"), till.database.transaction() as session:
            ledger.post(session, municipality_id=TOWN, set_key="late", lines=GOOD, now=at)
    for number, at in enumerate((first_instant - timedelta(seconds=1), last_instant + timedelta(seconds=1))):
        with till.database.transaction() as session:
            ledger.post(session, municipality_id=TOWN, set_key=f"open:{number}", lines=GOOD, now=at)
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN + 1, set_key="elsewhere", lines=GOOD, now=last_instant)
    assert till.balances()["stripe_balance"] == 900


def test_control_a_line_changed_by_hand_is_found(till: Till) -> None:
    _post(till, GOOD)
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.update(LedgerEntry).where(LedgerEntry.line == 1).values(amount_yen=299))
    with till.database.reading() as session:
        assert ledger.unbalanced_sets(session) == ["capture:1"]
