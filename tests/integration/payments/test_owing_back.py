"""What is owed back, rule by rule: of which payment, from which account, once for each cause."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.errors import ContractBroken
from payments import refunds
from payments.case_models import Case
from payments.models import LedgerEntry, Payment, PaymentItem, Refund
from tests.integration.payments.conftest import START, TOWN, Till
from tests.integration.payments.postpaid import charged, charges


def rest(till: Till, reference: UUID, cause: str) -> int:
    with till.database.transaction() as session:
        return refunds.owe_rest(session, reference=reference, cause=cause, now=till.clock.now())


def left(till: Till, *references: UUID) -> dict[UUID, int]:
    with till.database.reading() as session:
        return refunds.left_of(session, references=references)


def owed(till: Till) -> list[Refund]:
    with till.database.reading() as session:
        return list(session.scalars(sa.select(Refund).order_by(Refund.amount_yen)))


def change(till: Till, statement: sa.Update) -> None:
    with till.database.transaction() as session:
        session.execute(statement)


def paid_again(till: Till, reference: UUID, amount_yen: int) -> UUID:
    """Settled a second time: it had been paid for something else and is counted for this one by hand."""
    other = till.paid(TWIN, amount_yen=amount_yen)
    change(till, sa.update(PaymentItem).where(PaymentItem.payment_id == other).values(reference=reference))
    return other


TWIN = UUID("01a1fb67-1800-70dd-93fc-564f54860001")


def test_what_is_owed_is_a_row_that_is_due_now_and_a_set(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    till.clock.advance(hours=2)
    [refund_id] = till.owe(reservation, 400, "part")
    [row] = owed(till)
    now = START + timedelta(hours=2)
    assert (row.id, row.municipality_id, row.payment_id) == (refund_id, TOWN, payment_id)
    assert (row.reference, row.amount_yen, row.cause) == (reservation, 400, "part")
    assert (row.state, row.method, row.id.version) == ("owed", "stripe", 7)
    assert row.created_at == row.state_changed_at == row.next_due_at == now
    with till.database.reading() as session:
        lines = session.scalars(
            sa.select(LedgerEntry).where(LedgerEntry.refund_id == refund_id).order_by(LedgerEntry.line)
        ).all()
        assert session.scalars(sa.select(Case)).all() == [], "it goes back by itself"
    assert [(line.account, line.amount_yen) for line in lines] == [
        ("usage_fees", 400),
        ("refunds_payable", -400),
    ]
    assert {(line.set_key, line.municipality_id, line.at) for line in lines} == {
        (f"owe:{refund_id}", TOWN, now)
    }
    assert {(line.reference, line.payment_id) for line in lines} == {(reservation, payment_id)}


def test_it_comes_from_the_account_that_its_own_money_was_booked_against(
    till: Till, reservation: UUID, another: UUID
) -> None:
    till.paid(reservation, another)
    change(
        till,
        sa.update(PaymentItem).where(PaymentItem.reference == another).values(account="receivables"),
    )
    till.owe(another, 300)
    till.owe(reservation, 200)
    balances = till.balances()
    assert (balances["receivables"], balances["usage_fees"]) == (300, -2800)


def test_money_that_came_by_hand_is_a_case_as_soon_as_it_is_owed(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    change(till, sa.update(Payment).values(method="cash"))
    till.owe(reservation, 400)
    assert [row.method for row in owed(till)] == ["cash"]
    with till.database.reading() as session:
        [case] = session.scalars(sa.select(Case)).all()
    assert (case.kind, case.payment_id, case.opened_at) == ("pay_out", payment_id, START)


def test_two_payments_of_one_reservation_give_back_the_newest_first(till: Till, reservation: UUID) -> None:
    older = till.paid(reservation, amount_yen=1000)
    till.clock.advance(minutes=1)
    newer = paid_again(till, reservation, 600)
    assert left(till, reservation) == {reservation: 1600}
    till.owe(reservation, 500, "first")
    assert [(row.payment_id, row.amount_yen) for row in owed(till)] == [(newer, 500)]
    till.owe(reservation, 300, "second")
    assert {(row.cause, row.payment_id): row.amount_yen for row in owed(till)} == {
        ("first", newer): 500,
        ("second", newer): 100,
        ("second", older): 200,
    }
    assert left(till, reservation) == {reservation: 800}
    with pytest.raises(ContractBroken, match=f"801 yen to refund for {reservation}, 1 more than is there"):
        till.owe(reservation, 801, "third")
    assert len(till.owe(reservation, 300, "second")) == 2
    assert rest(till, reservation, "second") == 300
    assert rest(till, reservation, "last") == 800
    assert left(till, reservation) == {reservation: 0}


def test_of_two_settled_in_one_instant_the_one_begun_last_gives_first(till: Till, reservation: UUID) -> None:
    till.paid(reservation, amount_yen=1000)
    till.clock.advance(seconds=1)
    later = paid_again(till, reservation, 600)
    change(till, sa.update(Payment).values(settled_at=START))
    till.owe(reservation, 10)
    assert [row.payment_id for row in owed(till)] == [later]


def test_the_same_cause_gives_its_rows_in_the_order_in_which_they_were_written(
    till: Till, reservation: UUID
) -> None:
    till.paid(reservation, amount_yen=1000)
    till.clock.advance(minutes=1)
    paid_again(till, reservation, 600)
    written = till.owe(reservation, 1600)
    assert till.owe(reservation, 1600) == sorted(written)
    change(till, sa.update(Refund).where(Refund.id == max(written)).values(created_at=START))
    assert till.owe(reservation, 1600) == [max(written), min(written)]


def test_a_refund_is_not_below_zero(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    with pytest.raises(ContractBroken, match=r"^a refund is not negative$"):
        till.owe(reservation, -1)
    assert len(till.owe(reservation, 1)) == 1


def test_only_money_that_is_here_goes_back(till: Till, reservation: UUID, another: UUID) -> None:
    paid = till.paid(reservation)
    till.owe(reservation, 400, "part")
    till.paid(another, amount_yen=70)
    change(till, sa.update(Payment).where(Payment.id == paid).values(state="mismatched"))
    assert left(till, reservation, another, TWIN) == {reservation: 0, another: 70, TWIN: 0}
    assert till.owe(reservation, 0, "part") == []
    assert rest(till, reservation, "part") == 0
    with pytest.raises(ContractBroken):
        till.owe(reservation, 1, "more")


def test_what_is_owed_for_one_is_not_counted_for_another(
    till: Till, reservation: UUID, another: UUID
) -> None:
    till.paid(reservation, another)
    till.owe(another, 1500)
    assert left(till, reservation, another) == {reservation: 1500, another: 0}
    assert rest(till, reservation, "cancelled") == 1500
    assert till.balances() == {"stripe_balance": 3000, "refunds_payable": -3000}


def test_what_is_paid_by_invoice_is_let_off_instead(till: Till, reservation: UUID, another: UUID) -> None:
    charged(till, reservation, 600)
    charged(till, another, 50)
    till.clock.advance(hours=1)
    assert till.owe(reservation, 250, "part") == []
    assert left(till, reservation, another) == {reservation: 350, another: 50}
    assert rest(till, reservation, "revoked") == 350
    assert rest(till, reservation, "revoked") == 350
    assert rest(till, reservation, "again") == 0
    assert owed(till) == []
    assert [(row.cause, row.amount_yen, row.charged_at) for row in charges(till)[2:]] == [
        ("part", -250, START + timedelta(hours=1)),
        ("revoked", -350, START + timedelta(hours=1)),
    ]
    assert till.balances() == {"receivables": 50, "usage_fees": -50}
