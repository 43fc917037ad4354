"""後納, rule by rule: what is owed and what is let off, once and never too much."""

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.errors import ContractBroken
from core.ids import new_id
from payments import invoices
from payments.models import LedgerEntry
from tests.integration.payments.conftest import START, TOWN, Till
from tests.integration.payments.postpaid import GROUP, NEIGHBOUR, books, charged, charges, let_off, within


def test_a_charge_is_a_row_and_a_set(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    [row] = charges(till)
    assert (row.municipality_id, row.payer, row.reference, row.cause) == (TOWN, GROUP, reservation, "use")
    assert (row.label, row.amount_yen, row.used_on) == ("見本体育館", 600, date(2026, 11, 28))
    assert (row.charged_at, row.invoice_id) == (START, None)
    key = f"charge:{reservation}:use"
    assert books(till) == [
        (key, "receivables", 600, reservation),
        (key, "usage_fees", -600, reservation),
    ]
    with till.database.reading() as session:
        lines = session.execute(sa.select(LedgerEntry.municipality_id, LedgerEntry.at)).all()
    assert set(lines) == {(TOWN, START)}


def test_a_reference_is_charged_once_and_never_below_zero(
    till: Till, reservation: UUID, another: UUID
) -> None:
    charged(till, reservation, 0)
    assert (charges(till), books(till)) == ([], [])
    charged(till, reservation, 1)
    charged(till, reservation, 600)
    assert [row.amount_yen for row in charges(till)] == [1]
    assert len(books(till)) == 2
    with pytest.raises(ContractBroken, match=r"^a charge is not negative$"):
        charged(till, another, -1)
    with till.database.reading() as session:
        assert invoices.is_charged(session, reference=reservation)
        assert not invoices.is_charged(session, reference=another)


def test_what_is_let_off_is_a_row_of_the_same_day_and_a_set_the_other_way(
    till: Till, reservation: UUID, another: UUID
) -> None:
    charged(till, another, 5000, payer=NEIGHBOUR, label="見本公民館")
    charged(till, reservation, 600)
    till.clock.advance(hours=1)
    assert let_off(till, reservation, 400) == 400
    assert let_off(till, reservation, 50, "relief:1", "減免決定") == 50
    assert let_off(till, reservation, 150, "rest") == 150
    first, second, third = charges(till)[2:]
    for row in (first, second, third):
        assert (row.municipality_id, row.payer, row.reference) == (TOWN, GROUP, reservation)
        assert (row.used_on, row.charged_at) == (date(2026, 11, 28), START + timedelta(hours=1))
    assert (first.cause, first.label, first.amount_yen) == ("cancelled", "取消し 見本体育館", -400)
    assert (second.cause, second.label, second.amount_yen) == ("relief:1", "減免決定", -50)
    assert (third.cause, third.label, third.amount_yen) == ("rest", "取消し 見本体育館", -150)
    key = f"charge:{reservation}:cancelled"
    assert books(till)[4:6] == [
        (key, "usage_fees", 400, reservation),
        (key, "receivables", -400, reservation),
    ]
    with till.database.reading() as session:
        lines = session.execute(
            sa.select(LedgerEntry.municipality_id, LedgerEntry.at).where(LedgerEntry.set_key == key)
        ).all()
    assert set(lines) == {(TOWN, START + timedelta(hours=1))}


def test_the_same_cause_says_again_what_it_let_off(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    assert let_off(till, reservation, 400) == let_off(till, reservation, 7) == 400
    assert let_off(till, reservation, -1) == 400
    assert [row.amount_yen for row in charges(till)] == [600, -400]


def test_nobody_is_let_off_more_than_is_charged_or_less_than_nothing(
    till: Till, reservation: UUID, another: UUID
) -> None:
    charged(till, reservation, 600)
    for yen in (-1, 601):
        with pytest.raises(ContractBroken, match=f"{yen} yen to let off for {reservation}, more than is"):
            let_off(till, reservation, yen)
    assert let_off(till, reservation, 0) == 0
    assert len(charges(till)) == 1
    assert let_off(till, reservation, 1, "a yen") == 1
    with pytest.raises(ContractBroken):
        let_off(till, another, 1)
    assert let_off(till, another, 0) == 0


def test_words_longer_than_their_column_are_cut(till: Till, reservation: UUID, another: UUID) -> None:
    charged(till, reservation, 600, label="館" * 201)
    charged(till, another, 600, label="館" * 200)
    assert [row.label for row in charges(till)] == ["館" * 200, "館" * 200]


def test_the_rest_is_let_off_whole_and_said_again(till: Till, reservation: UUID, another: UUID) -> None:
    charged(till, another, 5000)
    charged(till, reservation, 600)
    let_off(till, reservation, 100)

    def rest(cause: str) -> int:
        return within(
            till,
            lambda session: invoices.credit_rest(
                session, reference=reservation, cause=cause, now=till.clock.now()
            ),
        )

    with till.database.reading() as session:
        left = invoices.left_of(session, references=[reservation, another, GROUP])
    assert left == {reservation: 500, another: 5000}
    assert rest("revoked") == 500
    assert charges(till)[-1].charged_at == START
    assert charges(till)[-1].cause == "revoked"
    assert rest("again") == 0
    with till.database.transaction() as session:
        never = invoices.credit_rest(session, reference=new_id(START), cause="revoked", now=START)
    assert never == 0
    assert till.balances() == {"receivables": 5000, "usage_fees": -5000}
    with till.database.reading() as session:
        assert invoices.left_of(session, references=[reservation]) == {reservation: 0}
