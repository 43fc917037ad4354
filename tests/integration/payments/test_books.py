"""The books balance, an event is booked once, and a line written is never changed."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from payments import ledger
from payments.ledger import Account, Line
from payments.models import LedgerEntry
from tests.integration.payments.conftest import START, TOWN, Till

GOOD = [Line(Account.STRIPE_BALANCE, 300), Line(Account.USAGE_FEES, -100), Line(Account.USAGE_FEES, -200)]


def _post(till: Till, lines: list[Line], key: str = "capture:1") -> None:
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN, set_key=key, lines=lines, now=START)


def test_a_balanced_set_is_booked(till: Till) -> None:
    _post(till, GOOD)
    assert till.balances() == {"stripe_balance": 300, "usage_fees": -300}


@pytest.mark.parametrize("lines", [[], GOOD[:2], [Line(Account.UNALLOCATED, 0)]])
def test_a_set_that_does_not_balance_is_refused(till: Till, lines: list[Line]) -> None:
    with pytest.raises(ContractBroken):
        _post(till, lines)
    assert till.balances() == {}


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


def test_control_a_line_changed_by_hand_is_found(till: Till) -> None:
    _post(till, GOOD)
    with till.database.transaction() as session:
        session.execute(sa.update(LedgerEntry).where(LedgerEntry.line == 1).values(amount_yen=299))
    with till.database.reading() as session:
        assert ledger.unbalanced_sets(session) == ["capture:1"]
