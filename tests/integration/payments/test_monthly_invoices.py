"""請求, rule by rule: whose month a charge is in, what an invoice comes to, how far it is followed."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.ids import new_id
from payments import invoices
from payments.cases import About, CaseKind, open_case
from payments.invoice_models import Invoice
from tests.integration.payments.conftest import START, TOWN, Till
from tests.integration.payments.postpaid import (
    DECEMBER,
    ELSEWHERE,
    GROUP,
    IN_DECEMBER,
    NEIGHBOUR,
    NOVEMBER,
    books,
    cases,
    charged,
    charges,
    invoice,
    issued,
    let_off,
    within,
)


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-11-30T23:59:59+09:00", date(2026, 10, 1)),
        ("2026-12-01T00:00:00+09:00", date(2026, 11, 1)),
        ("2026-12-31T23:59:59+09:00", date(2026, 11, 1)),
        ("2027-01-01T00:00:00+09:00", date(2026, 12, 1)),
        ("2027-03-31T12:00:00+09:00", date(2027, 2, 1)),
        ("2026-11-30T15:00:00+00:00", date(2026, 11, 1)),
    ],
)
def test_last_month_is_the_one_before_todays_in_tokyo(now: str, month: date) -> None:
    assert invoices.last_month(datetime.fromisoformat(now)) == month


@pytest.mark.parametrize(
    ("month", "last_day"),
    [
        ("2027-01-01T00:00:00+09:00", date(2026, 12, 31)),
        ("2027-02-01T00:00:00+09:00", date(2027, 1, 31)),
        ("2027-03-01T00:00:00+09:00", date(2027, 2, 28)),
        ("2028-03-01T00:00:00+09:00", date(2028, 2, 29)),
        ("2027-05-01T00:00:00+09:00", date(2027, 4, 30)),
    ],
)
def test_months_of_every_length_end_with_their_last_day(till: Till, month: str, last_day: date) -> None:
    charged(till, new_id(START), 100, used_on=last_day)
    charged(till, new_id(START), 7, used_on=last_day + timedelta(days=1))
    assert issued(till, datetime.fromisoformat(month))
    assert invoice(till).amount_yen == 100


def to_invoice(till: Till, now: datetime = IN_DECEMBER) -> list[UUID]:
    with till.database.reading() as session:
        return invoices.payers_to_invoice(session, municipality_id=TOWN, now=now)


def test_who_has_open_charges_up_to_last_month_gets_an_invoice(till: Till) -> None:
    third = max(new_id(START), new_id(START))
    charged(till, new_id(START), 1, payer=third, used_on=date(2026, 11, 30))
    charged(till, new_id(START), 1, payer=NEIGHBOUR, used_on=date(2026, 9, 1))
    for _ in range(2):
        charged(till, new_id(START), 1)
    charged(till, new_id(START), 1, payer=new_id(START), used_on=DECEMBER)
    charged(till, new_id(START), 1, payer=new_id(START), municipality_id=ELSEWHERE)
    assert to_invoice(till) == sorted([GROUP, NEIGHBOUR, third])
    assert to_invoice(till, IN_DECEMBER - timedelta(seconds=1)) == [NEIGHBOUR]


def test_who_has_its_invoice_of_the_month_waits_for_the_next(till: Till) -> None:
    charged(till, new_id(START), 500)
    charged(till, new_id(START), 500, payer=NEIGHBOUR)
    assert issued(till)
    assert to_invoice(till) == [NEIGHBOUR], "another payer's invoice is none of its own"
    charged(till, new_id(START), 30)
    assert to_invoice(till) == [NEIGHBOUR], "a latecomer is on the next one"
    assert not issued(till)
    january = IN_DECEMBER + timedelta(days=31)
    assert to_invoice(till, january) == [GROUP, NEIGHBOUR]
    assert issued(till, january)
    assert invoice(till).amount_yen == 30
    assert to_invoice(till, january + timedelta(days=31)) == [NEIGHBOUR], "what is on an invoice is not open"


def test_an_invoice_of_another_town_is_another_one(till: Till) -> None:
    charged(till, new_id(START), 500)
    charged(till, new_id(START), 70, municipality_id=ELSEWHERE)
    assert issued(till, town=ELSEWHERE)
    assert invoice(till).amount_yen == 70
    assert to_invoice(till) == [GROUP]


def test_an_invoice_has_all_that_is_open_up_to_its_month_and_nothing_else(till: Till) -> None:
    mine = [new_id(START), new_id(START)]
    charged(till, mine[0], 600)
    charged(till, mine[1], 50, used_on=date(2026, 10, 31))
    charged(till, new_id(START), 3, used_on=DECEMBER)
    charged(till, new_id(START), 5, payer=NEIGHBOUR)
    charged(till, new_id(START), 7, municipality_id=ELSEWHERE)
    let_off(till, mine[0], 100)
    assert issued(till)
    made = invoice(till)
    assert (made.municipality_id, made.payer, made.month) == (TOWN, GROUP, NOVEMBER)
    assert (made.amount_yen, made.state, made.issued_at) == (550, "issued", IN_DECEMBER)
    assert (made.due_on, made.paid_at, made.paid_by) == (date(2026, 12, 31), None, None)
    assert made.next_due_at == datetime.fromisoformat("2027-01-01T00:00:00+09:00")
    assert made.reminded_at is None
    assert made.id.version == 7
    on_it = [row.amount_yen for row in charges(till) if row.invoice_id == made.id]
    assert on_it == [600, 50, -100]
    assert not issued(till)


def test_an_invoice_of_nothing_is_not_made(till: Till) -> None:
    charged(till, new_id(START), 600, used_on=DECEMBER)
    assert not issued(till)
    with till.database.reading() as session:
        assert session.scalars(sa.select(Invoice)).all() == []


def test_an_invoice_of_a_yen_is_to_be_paid(till: Till) -> None:
    charged(till, new_id(START), 1)
    assert issued(till)
    assert (invoice(till).state, invoice(till).amount_yen) == ("issued", 1)


def test_an_invoice_of_no_yen_is_paid(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    let_off(till, reservation, 600)
    assert issued(till)
    made = invoice(till)
    assert (made.amount_yen, made.state, made.paid_at) == (0, "paid", IN_DECEMBER)
    assert (made.next_due_at, made.paid_by) == (None, None)
    assert len(charges(till)) == 2


def test_below_zero_is_carried_as_a_charge_of_the_next_month(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600, used_on=date(2026, 10, 20))
    assert issued(till, IN_DECEMBER - timedelta(days=30))
    let_off(till, reservation, 600)
    before = books(till)
    assert issued(till)
    made = invoice(till)
    assert (made.amount_yen, made.state) == (-600, "carried")
    assert (made.paid_at, made.next_due_at) == (None, None)
    carried = charges(till)[-1]
    assert (carried.municipality_id, carried.payer, carried.reference) == (TOWN, GROUP, made.id)
    assert (carried.cause, carried.label) == ("carried", "2026年11月分からの繰越し")
    assert (carried.amount_yen, carried.used_on) == (-600, DECEMBER)
    assert (carried.charged_at, carried.invoice_id) == (IN_DECEMBER, None)
    assert books(till) == before, "it is owed to the payer already"
    with till.database.reading() as session:
        assert not invoices.is_charged(session, reference=made.id)
        assert invoices.left_of(session, references=[made.id]) == {}


def test_a_credit_that_nothing_uses_up_is_listed_until_an_invoice_has_used_it(
    till: Till, reservation: UUID
) -> None:
    charged(till, reservation, 600, used_on=date(2026, 10, 20))
    issued(till, IN_DECEMBER - timedelta(days=30))
    let_off(till, reservation, 600)
    issued(till)
    assert cases(till) == [], "its first month: the next use may want it"
    in_january = IN_DECEMBER + timedelta(days=31)
    issued(till, in_january)
    (found,) = cases(till)
    assert (found.kind, found.subject, found.amount_yen) == (CaseKind.CREDIT, str(GROUP), 600)
    assert (found.detail["month"], set(found.detail)) == ("2026-12", {"month", "invoice_id"})
    charged(till, new_id(in_january), 900, used_on=in_january.date())
    issued(till, in_january + timedelta(days=31))
    assert found.id not in [case.id for case in cases(till) if case.closed_at is None]


def test_a_row_is_read_anew_when_it_is_locked(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    issued(till)
    with till.database.transaction() as session:
        stale = session.scalars(sa.select(Invoice)).one()
        session.execute(sa.update(Invoice).values(amount_yen=5).execution_options(synchronize_session=False))
        assert stale.amount_yen == 600
        found = invoices.locked(session, stale.id)
        assert found is stale
        assert found.amount_yen == 5
        assert invoices.locked(session, reservation) is None


def paid(till: Till, amount_yen: int, now: datetime) -> bool:
    """The newest invoice's money is here."""
    invoice_id = invoice(till).id
    payment_id = till.paid(new_id(START))

    def settle(session: Session) -> bool:
        found = invoices.locked(session, invoice_id)
        assert found is not None
        return invoices.settle(session, found, payment_id=payment_id, amount_yen=amount_yen, now=now)

    return within(till, settle)


@pytest.mark.parametrize("amount_yen", [600, 601])
def test_enough_money_pays_an_invoice_and_closes_its_case(
    till: Till, reservation: UUID, another: UUID, amount_yen: int
) -> None:
    charged(till, reservation, 600)
    issued(till)
    for subject in (str(invoice(till).id), str(another)):
        for town in (TOWN, ELSEWHERE):
            with till.database.transaction() as session:
                open_case(
                    session,
                    municipality_id=town,
                    kind=CaseKind.UNPAID_INVOICE,
                    about=About(subject),
                    now=IN_DECEMBER,
                )
    later = IN_DECEMBER + timedelta(days=3)
    assert paid(till, amount_yen, later)
    made = invoice(till)
    assert (made.state, made.paid_at, made.paid_by, made.next_due_at) == ("paid", later, "stripe", None)
    [closed] = [case for case in cases(till) if case.closed_at]
    assert (closed.subject, closed.municipality_id) == (str(made.id), TOWN)
    assert (closed.closed_at, closed.closed_by, closed.closing_note) == (later, "system", "paid")
    assert not paid(till, amount_yen, later + timedelta(days=1)), "paid before"
    assert invoice(till).paid_at == later


def test_too_little_money_pays_nothing(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    issued(till)
    assert not paid(till, 599, IN_DECEMBER)
    made = invoice(till)
    assert (made.state, made.paid_at, made.paid_by) == ("issued", None, None)
    assert made.next_due_at is not None


def test_overdue_are_those_whose_time_has_come_the_longest_waiting_first(till: Till) -> None:
    payers = sorted(new_id(START) for _ in range(4))
    for payer in payers:
        charged(till, new_id(START), 600, payer=payer)
        issued(till, payer=payer)
    due = invoice(till).next_due_at
    assert due is not None

    def found(now: datetime, limit: int = 10) -> list[UUID]:
        with till.database.transaction() as session:
            return [one.payer for one in invoices.overdue(session, now=now, limit=limit)]

    with till.database.transaction() as session:
        rows = list(session.scalars(sa.select(Invoice).order_by(Invoice.id)))
        by_id = [row.payer for row in rows]
        rows[3].next_due_at = due - timedelta(days=1)
        rows[1].state = "paid"
    assert found(due) == [by_id[3], by_id[0], by_id[2]]
    assert found(due, 2) == [by_id[3], by_id[0]]
    assert found(due - timedelta(seconds=1)) == [by_id[3]]


def test_it_is_reminded_of_once_and_a_case_each_week_after(till: Till, reservation: UUID) -> None:
    charged(till, reservation, 600)
    issued(till)
    first = IN_DECEMBER + timedelta(days=31)

    def chased(now: datetime) -> bool:
        return within(
            till, lambda session: invoices.chase(session, session.get_one(Invoice, made.id), now=now)
        )

    made = invoice(till)
    assert chased(first)
    seen = invoice(till)
    assert (seen.reminded_at, seen.next_due_at) == (first, first + timedelta(days=7))
    assert cases(till) == []
    second = first + timedelta(days=7)
    assert not chased(second)
    seen = invoice(till)
    assert (seen.reminded_at, seen.next_due_at) == (first, second + timedelta(days=7))
    [case] = cases(till)
    assert (case.municipality_id, case.kind, case.subject) == (TOWN, "unpaid_invoice", str(made.id))
    assert (case.reference, case.amount_yen, case.opened_at) == (made.id, 600, second)
    assert case.detail == {"month": "2026-11", "due_on": "2026-12-31"}
    assert not chased(second + timedelta(days=7))
    assert [case.times_seen for case in cases(till)] == [2]
