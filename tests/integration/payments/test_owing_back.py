"""What is owed back is booked where the money had gone, goes the way it came, never more than is left."""

from datetime import date
from threading import Barrier, Thread
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.errors import ContractBroken
from core.ids import new_id
from payments import invoices, refunds
from payments.case_models import Case
from payments.invoice_models import Charge
from payments.models import LedgerEntry, Payment, PaymentItem, Refund
from payments.states import Method, PaymentState
from tests.integration.payments.conftest import START, TOWN, Till

PAYER = new_id(START)


def charge(till: Till, reference: UUID, amount_yen: int = 900) -> None:
    with till.database.transaction() as session:
        invoices.charge(
            session,
            municipality_id=TOWN,
            payer=PAYER,
            reference=reference,
            label="見本体育館",
            amount_yen=amount_yen,
            used_on=date(2026, 11, 28),
            now=till.clock.now(),
        )


def charges(till: Till) -> list[tuple[UUID, str, int]]:
    with till.database.reading() as session:
        rows = session.scalars(sa.select(Charge).order_by(Charge.id))
        return [(row.reference, row.cause, row.amount_yen) for row in rows]


def rest(till: Till, reference: UUID, cause: str = "revoked") -> int:
    with till.database.transaction() as session:
        return refunds.owe_rest(session, reference=reference, cause=cause, now=till.clock.now())


def left(till: Till, *references: UUID) -> list[int]:
    with till.database.reading() as session:
        found = refunds.left_of(session, references=references)
    assert list(found) == list(references)
    return list(found.values())


def test_wrong_money_that_went_back_takes_nothing_off_what_was_paid_afterwards(
    till: Till, reservation: UUID
) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=900)
    assert till.settle_one(payment_id) == PaymentState.MISMATCHED
    till.clock.advance(minutes=1)
    till.paid(reservation)
    assert left(till, reservation) == [1500]
    till.owe(reservation, 1500)
    assert left(till, reservation) == [0]


def test_a_refund_says_what_of_whom_and_is_due_at_once(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    till.clock.advance(minutes=5)
    (refund_id,) = till.owe(reservation, 700, "part")
    row = till.refund(refund_id)
    now = till.clock.now()
    assert (row.municipality_id, row.payment_id, row.reference) == (TOWN, payment_id, reservation)
    assert (row.amount_yen, row.cause, row.state, row.method) == (700, "part", "owed", "stripe")
    assert (row.created_at, row.state_changed_at, row.next_due_at) == (now, now, now)
    with till.database.reading() as session:
        lines = session.scalars(
            sa.select(LedgerEntry).where(LedgerEntry.set_key == f"owe:{refund_id}").order_by(LedgerEntry.line)
        ).all()
        assert session.scalars(sa.select(Case)).all() == []
    assert [(line.account, line.amount_yen) for line in lines] == [
        ("usage_fees", 700),
        ("refunds_payable", -700),
    ]
    assert {line.reference for line in lines} == {reservation}
    assert {line.payment_id for line in lines} == {payment_id}
    assert {line.refund_id for line in lines} == {refund_id}
    assert {line.municipality_id for line in lines} == {TOWN}
    assert {line.at for line in lines} == {now}


def test_what_was_paid_by_hand_goes_back_by_hand_and_somebody_is_told(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    with till.database.transaction() as session:
        session.get_one(Payment, payment_id).method = Method.CASH
    (refund_id,) = till.owe(reservation, 700, "part")
    assert till.refund(refund_id).method == "cash"
    with till.database.reading() as session:
        (case,) = session.scalars(sa.select(Case)).all()
    assert (case.kind, case.refund_id, case.amount_yen) == ("pay_out", refund_id, 700)
    assert case.opened_at == till.clock.now()


def test_it_is_booked_against_what_the_money_had_been_booked_against(
    till: Till, reservation: UUID, another: UUID
) -> None:
    payment_id = till.paid(reservation, another)
    with till.database.transaction() as session:
        item = session.get_one(PaymentItem, (payment_id, another))
        item.account = "receivables"
    till.owe(another, 100, "late")
    till.owe(reservation, 10, "late")
    with till.database.reading() as session:
        rows = session.scalars(sa.select(LedgerEntry).where(LedgerEntry.set_key.startswith("owe:")))
        assert sorted((row.account, row.amount_yen) for row in rows if row.amount_yen > 0) == [
            ("receivables", 100),
            ("usage_fees", 10),
        ]


def test_what_is_charged_is_let_off_once_by_cause_and_no_money_goes(
    till: Till, reservation: UUID, another: UUID
) -> None:
    charge(till, another, 50)
    charge(till, reservation)
    for _ in range(2):
        assert till.owe(reservation, 300, "cancelled") == []
    assert charges(till)[2:] == [(reservation, "cancelled", -300)]
    assert left(till, reservation, another) == [600, 50]
    with pytest.raises(ContractBroken):
        till.owe(reservation, 601, "batch:1")
    assert rest(till, reservation) == 600
    assert rest(till, reservation) == 600
    assert charges(till)[3:] == [(reservation, "revoked", -600)]
    assert left(till, reservation, another) == [0, 50]
    assert till.count(Refund) == 0
    assert till.balances() == {"receivables": 50, "usage_fees": -50}
    with till.database.reading() as session:
        assert {row.charged_at for row in session.scalars(sa.select(Charge))} == {till.clock.now()}


def test_what_is_left_counts_settled_money_alone_and_each_reference_by_itself(
    till: Till, reservation: UUID, another: UUID
) -> None:
    unpaid, wrong, elsewhere = (new_id(START) for _ in range(3))
    till.paid(reservation, another)
    till.paid(elsewhere, amount_yen=50)
    till.opened(unpaid)
    _, session_id = till.opened(wrong)
    till.stripe.pay(session_id, amount=5)
    till.clock.advance(seconds=20)
    till.settle()
    till.owe(reservation, 300, "part")
    till.owe(reservation, 10, "more")
    till.owe(another, 1, "part")
    till.owe(elsewhere, 2, "part")
    assert left(till, reservation, another, unpaid, wrong) == [1190, 1499, 0, 0]
    assert left(till) == []
    charge(till, another, 7)
    assert left(till, another) == [1506]


def test_many_causes_at_once_owe_the_rest_once(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    barrier, sums = Barrier(6), []

    def give(cause: str) -> None:
        barrier.wait()
        sums.append(rest(till, reservation, cause))

    threads = [Thread(target=give, args=(f"cause {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sums) == [0, 0, 0, 0, 0, 1500]
    assert till.count(Refund) == 1


def test_what_cannot_be_owed_says_why(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    with pytest.raises(ContractBroken, match=r"^a refund is not negative$"):
        till.owe(reservation, -1)
    with pytest.raises(
        ContractBroken, match=rf"^1501 yen to refund for {reservation}, 1 more than is there$"
    ):
        till.owe(reservation, 1501)
    assert till.count(Refund) == 0
