"""減免 in the books: what was waived beside what it would have been, once, and taken back whole."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.ids import new_id
from payments import relief
from payments.models import LedgerEntry
from tests.integration.payments.conftest import START, TOWN, Till


def waive(till: Till, reference: UUID, yen: int, decision: UUID | None = None) -> None:
    with till.database.transaction() as session:
        relief.post_relief(
            session,
            municipality_id=TOWN,
            reference=reference,
            relief_yen=yen,
            decision=decision,
            now=till.clock.now(),
        )


def undo(till: Till, reference: UUID) -> None:
    with till.database.transaction() as session:
        relief.undo_relief(session, municipality_id=TOWN, reference=reference, now=till.clock.now())


def rows(till: Till) -> list[tuple[str, str, int]]:
    with till.database.reading() as session:
        found = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.id)).all()
        return [(row.set_key, row.account, row.amount_yen) for row in found]


def test_what_is_waived_stands_against_what_would_have_been_earned(till: Till, reservation: UUID) -> None:
    waive(till, reservation, 300)
    key = f"relief:{reservation}"
    assert rows(till) == [(key, "relief", 300), (key, "usage_fees", -300)]
    with till.database.reading() as session:
        found = session.scalars(sa.select(LedgerEntry)).all()
    assert {(row.municipality_id, row.reference, row.at) for row in found} == {(TOWN, reservation, START)}


def test_the_same_again_books_nothing_more(till: Till, reservation: UUID, another: UUID) -> None:
    decision = new_id(START)
    for _ in range(2):
        waive(till, reservation, 300)
        waive(till, reservation, 100, decision)
        waive(till, another, 50)
    assert [row for row in rows(till) if row[1] == "relief"] == [
        (f"relief:{reservation}", "relief", 300),
        (f"relief:{reservation}:{decision}", "relief", 100),
        (f"relief:{another}", "relief", 50),
    ]
    assert till.balances() == {"relief": 450, "usage_fees": -450}


def test_a_yen_is_booked_and_nothing_is_not(till: Till, reservation: UUID, another: UUID) -> None:
    waive(till, reservation, 0)
    assert rows(till) == []
    waive(till, another, 1)
    assert till.balances() == {"relief": 1, "usage_fees": -1}


@pytest.mark.parametrize("decided", [False, True])
def test_all_that_was_waived_of_one_reference_is_taken_back_once(
    till: Till, reservation: UUID, another: UUID, decided: bool
) -> None:
    waive(till, reservation, 300)
    waive(till, another, 50)
    if decided:
        waive(till, reservation, 100, new_id(START))
    till.clock.advance(hours=1)
    for _ in range(2):
        undo(till, reservation)
    assert till.balances() == {"relief": 50, "usage_fees": -50}
    with till.database.reading() as session:
        back = session.scalars(
            sa.select(LedgerEntry)
            .where(LedgerEntry.set_key == f"relief_undone:{reservation}")
            .order_by(LedgerEntry.id)
        ).all()
    total = 400 if decided else 300
    assert [(row.account, row.amount_yen) for row in back] == [("relief", -total), ("usage_fees", total)]
    assert {(row.municipality_id, row.reference, row.at) for row in back} == {
        (TOWN, reservation, START + timedelta(hours=1))
    }


def test_taking_back_what_was_never_waived_does_nothing(till: Till, reservation: UUID, another: UUID) -> None:
    waive(till, another, 50)
    till.paid(reservation)
    undo(till, reservation)
    assert till.balances() == {"stripe_balance": 1500, "usage_fees": -1550, "relief": 50}
