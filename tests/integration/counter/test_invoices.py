"""後納: charged once, invoiced once a month in Tokyo, paid once, followed when it is not."""

import threading
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.counter import desk, monthly
from booking.notices.mail import KIND
from booking.papers.models import Paper
from booking.reservations.approve import approve
from booking.reservations.cancel import cancel
from booking.reservations.models import State
from booking.reservations.refusals import NotPayable, PostpaidNotAllowed, ZeroFeeLimit
from booking.seed.issuer import plant_issuer
from core.database import Database, retrying
from core.errors import ContractBroken
from core.ids import new_id
from core.owed import Owed
from payments import invoices, paying_out
from payments.case_models import Case
from payments.cases import CaseKind
from payments.invoice_models import Charge, Invoice
from payments.ledger import Account
from payments.states import Method
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import book, build_site, send
from tests.integration.payments.stripe_double import Killed

FIRST_OF_DECEMBER = datetime.fromisoformat("2026-12-01T00:00:00+09:00")
FIRST_OF_JANUARY = datetime.fromisoformat("2027-01-01T00:00:00+09:00")


def at(office: Counter, instant: datetime) -> None:
    office.site.clock.instant = instant


def run(office: Counter) -> int:
    return monthly.run(office.database, office.site.clock)


def all_invoices(office: Counter) -> list[Invoice]:
    with office.database.reading() as session:
        return list(session.scalars(sa.select(Invoice).order_by(Invoice.month)))


def templates(office: Counter) -> list[str]:
    with office.database.reading() as session:
        rows = session.scalars(sa.select(Owed.payload).where(Owed.kind == KIND).order_by(Owed.id)).all()
    return [row["template"] for row in rows]


def give_up(office: Counter, reservation_id: UUID) -> None:
    actor = office.site.town.actor()
    with office.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=office.now)


def carried(office: Counter) -> Invoice:
    """December's invoice of -600 yen: a paid use was given up after its invoice."""
    first = office.postpaid(window(10, 12, date(2026, 12, 5)))
    with office.database.transaction() as session:
        session.execute(sa.update(Charge).values(used_on=date(2026, 11, 28)))
    at(office, FIRST_OF_DECEMBER)
    run(office)
    take(office, all_invoices(office)[0])
    give_up(office, first)
    at(office, FIRST_OF_JANUARY)
    run(office)
    invoice = all_invoices(office)[-1]
    assert (invoice.amount_yen, invoice.state) == (-600, "carried")
    return invoice


def take(office: Counter, invoice: Invoice, method: Method = Method.TRANSFER) -> bool:
    with office.database.transaction() as session:
        return desk.take_for_invoice(
            session,
            actor=office.staff,
            invoice_id=invoice.id,
            payment_id=new_id(office.now),
            method=method,
            amount_yen=invoice.amount_yen,
            paid_on=office.now.date(),
            callbacks=PAYMENT_CALLBACKS,
            now=office.now,
        )


def test_a_postpaid_reservation_is_confirmed_at_once_and_owed(office: Counter) -> None:
    reservation_id = office.postpaid()
    found = office.reservation(reservation_id)
    assert (found.state, found.pays_by, found.permit_number) == (State.CONFIRMED, "invoice", 1)
    assert office.payments() == []
    assert office.books() == {"receivables": 600, "usage_fees": -600}


def test_a_group_that_is_not_approved_for_it_is_refused(office: Counter) -> None:
    answer = book(office.site, office.site.resident(), pays_by="invoice")
    assert answer.status_code == 409
    assert PostpaidNotAllowed.sentence in answer.text
    assert office.books() == {}


def test_an_approved_group_chooses_it_on_the_booking_page(office: Counter) -> None:
    office.make_postpaid()
    wanted = window(10, 12).granules
    page = f"/offerings/{office.site.town.full}/book?start={wanted.start}&length={len(wanted)}"
    browser = office.site.resident()
    assert "後納" in browser.get(page).text
    answer = book(office.site, browser, pays_by="invoice")
    assert answer.status_code == 303
    assert "後納です" in browser.get(answer.location).text
    assert office.books() == {"receivables": 600, "usage_fees": -600}


def test_to_another_group_the_booking_page_does_not_offer_it(small_office: Counter) -> None:
    wanted = window(10, 12).granules
    page = f"/offerings/{small_office.site.town.full}/book?start={wanted.start}&length={len(wanted)}"
    assert "後納" not in small_office.site.resident().get(page).text


def test_an_approved_request_is_confirmed_and_charged(office: Counter) -> None:
    office.make_postpaid()
    reservation_id = office.postpaid(offering=office.site.town.hall_whole)
    assert office.reservation(reservation_id).state == State.REQUESTED
    assert office.books() == {}
    with office.database.transaction() as session:
        approve(session, actor=office.staff, reservation_id=reservation_id, now=office.now)
    assert office.reservation(reservation_id).state == State.CONFIRMED
    assert office.books() == {"receivables": 300, "usage_fees": -300}


def test_a_group_that_lost_its_approval_meanwhile_pays_before(office: Counter) -> None:
    reservation_id = office.postpaid(offering=office.site.town.hall_whole)
    with office.database.transaction() as session:
        approve(session, actor=office.staff, reservation_id=reservation_id, now=office.now)
    found = office.reservation(reservation_id)
    assert (found.state, found.pays_by) == (State.HELD, "stripe")
    assert office.books() == {}


def test_taking_and_giving_up_again_and_again_ends_at_the_limit(office: Counter) -> None:
    for _ in range(2):
        give_up(office, office.postpaid())
    with pytest.raises(ZeroFeeLimit):
        office.postpaid()


def test_what_is_cancelled_in_time_is_let_off(office: Counter) -> None:
    give_up(office, office.postpaid())
    assert office.books() == {}
    assert office.refunds() == []
    with office.database.reading() as session:
        amounts = session.scalars(sa.select(Charge.amount_yen).order_by(Charge.id)).all()
    assert list(amounts) == [600, -600]


def test_the_same_cause_lets_off_once_and_never_more_than_is_charged(office: Counter) -> None:
    reservation_id = office.postpaid()
    for _ in range(2):
        with office.database.transaction() as session:
            off = invoices.credit(
                session, reference=reservation_id, amount_yen=400, cause="part", now=office.now
            )
        assert off == 400
    assert office.books() == {"receivables": 200, "usage_fees": -200}
    with pytest.raises(ContractBroken), office.database.transaction() as session:
        invoices.credit(session, reference=reservation_id, amount_yen=201, cause="more", now=office.now)


def test_a_month_ends_at_midnight_in_tokyo(office: Counter) -> None:
    office.postpaid(window(20, 22, date(2026, 11, 30)))
    office.postpaid(window(8, 10, date(2026, 12, 1)))
    at(office, FIRST_OF_DECEMBER - timedelta(seconds=1))
    assert run(office) == 0
    at(office, FIRST_OF_DECEMBER)
    assert run(office) == 1
    (invoice,) = all_invoices(office)
    assert (invoice.month, invoice.amount_yen, invoice.due_on) == (
        date(2026, 11, 1),
        1200,
        date(2026, 12, 31),
    )


def test_run_again_it_issues_nothing_twice(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    assert [run(office) for _ in range(3)] == [1, 0, 0]
    assert len(all_invoices(office)) == 1
    assert templates(office).count("invoice_issued") == 1


def test_two_workers_at_once_issue_once(postgres_database_url: str) -> None:
    database = Database(postgres_database_url, pool_size=8)
    office = Counter(build_site(database))
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    start, issued = threading.Barrier(3), []

    def worker() -> None:
        start.wait(10)
        issued.append(retrying(lambda: monthly.invoice_last_month(database, office.site.clock)))

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(issued) == 1
    assert [invoice.amount_yen for invoice in all_invoices(office)] == [600]
    database.dispose()


def test_without_its_unique_month_a_second_invoice_is_kept_out_by_the_database(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    with pytest.raises(IntegrityError), office.database.transaction() as session:
        session.add(
            Invoice(
                id=new_id(office.now),
                municipality_id=invoice.municipality_id,
                payer=invoice.payer,
                month=invoice.month,
                amount_yen=1,
                state="paid",
                issued_at=office.now,
                due_on=invoice.due_on,
            )
        )


def test_killed_half_way_it_goes_on_where_it_was(office: Counter) -> None:
    office.postpaid()
    town = office.site.town
    with office.database.transaction() as session:
        invoices.charge(
            session,
            municipality_id=town.municipality_id,
            payer=town.youth,
            reference=new_id(NOW),
            label="見本",
            amount_yen=500,
            used_on=date(2026, 11, 3),
            now=NOW,
        )
    at(office, FIRST_OF_DECEMBER)
    seen: list[str] = []

    def kill(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.extend([statement] if statement.startswith("UPDATE charge") else [])
        if len(seen) == 2:
            raise Killed

    sa.event.listen(office.database.engine, "before_cursor_execute", kill)
    with pytest.raises(Killed):
        run(office)
    sa.event.remove(office.database.engine, "before_cursor_execute", kill)
    assert len(all_invoices(office)) == 1
    assert run(office) == 1
    assert sorted(invoice.amount_yen for invoice in all_invoices(office)) == [500, 600]
    assert templates(office).count("invoice_issued") == 2
    assert office.books() == {"receivables": 1100, "usage_fees": -1100}


def test_cancelled_after_its_invoice_was_paid_the_next_one_is_less(office: Counter) -> None:
    first = office.postpaid(window(10, 12, date(2026, 12, 5)))
    second = office.postpaid(window(10, 12, date(2026, 12, 6)))
    with office.database.transaction() as session:
        session.execute(sa.update(Charge).where(Charge.reference == first).values(used_on=date(2026, 11, 28)))
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    assert invoice.amount_yen == 600
    assert take(office, invoice)
    give_up(office, first)
    assert office.refunds() == []
    assert office.books() == {"bank": 600, "usage_fees": -600}
    at(office, FIRST_OF_JANUARY)
    run(office)
    assert [(one.month.month, one.amount_yen, one.state) for one in all_invoices(office)] == [
        (11, 600, "paid"),
        (12, 0, "paid"),
    ]
    assert office.reservation(second).state == State.CONFIRMED


def test_below_zero_is_carried_to_the_next_month_and_counted_once(office: Counter) -> None:
    carried(office)
    with office.database.reading() as session:
        unbilled = session.scalars(sa.select(Charge).where(Charge.invoice_id.is_(None))).all()
    assert [(one.cause, one.amount_yen, one.used_on) for one in unbilled] == [
        ("carried", -600, date(2027, 1, 1))
    ]
    assert office.books() == {"bank": 600, "receivables": -600}


@pytest.mark.parametrize(("method", "account"), [(Method.CASH, "cash"), (Method.TRANSFER, "bank")])
def test_staff_book_what_pays_an_invoice(office: Counter, method: Method, account: str) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    assert take(office, invoice, method)
    (paid,) = all_invoices(office)
    assert (paid.state, paid.paid_by, paid.next_due_at) == ("paid", str(method), None)
    assert office.books() == {account: 600, "usage_fees": -600}
    with pytest.raises(NotPayable):
        take(office, invoice, method)


def test_an_invoice_is_paid_by_slip(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    slip_id = new_id(office.now)
    with office.database.transaction() as session:
        desk.issue_slip_for_invoice(
            session, actor=office.staff, invoice_id=invoice.id, payment_id=slip_id, now=office.now
        )
    assert office.payments()[0].deadline_at == datetime.fromisoformat("2027-01-01T00:00:00+09:00")
    office.book_slip(slip_id)
    assert all_invoices(office)[0].state == "paid"
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_an_invoice_is_paid_by_card_with_one_link(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    browser = office.site.resident()
    assert "11月分の請求" in browser.get("/my/bills").text
    answer = send(browser, "/my/bills", "/my/bills/payments", item=invoice.id)
    assert answer.status_code == 303
    session_id = office.payments()[0].stripe_session_id
    assert session_id is not None
    office.site.stripe.pay(session_id)
    assert browser.get("/my/bills/return").location == "/my/bills?done=checked"
    assert all_invoices(office)[0].state == "paid"
    assert all_invoices(office)[0].paid_by == "stripe"
    assert office.books() == {"stripe_balance": 600, "usage_fees": -600}
    assert templates(office).count("invoice_paid") == 1


def test_an_invoice_paid_twice_gives_the_second_money_back(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    slip_id = new_id(office.now)
    with office.database.transaction() as session:
        desk.issue_slip_for_invoice(
            session, actor=office.staff, invoice_id=invoice.id, payment_id=slip_id, now=office.now
        )
    assert take(office, invoice, Method.CASH)
    office.book_slip(slip_id)
    assert office.books() == {"cash": 600, "bank": 600, "usage_fees": -600, "refunds_payable": -600}
    with office.database.reading() as session:
        kinds = set(session.scalars(sa.select(Case.kind)))
    assert kinds == {CaseKind.PAY_OUT, CaseKind.PAID_TWICE}


def test_overdue_it_is_reminded_of_once_then_a_case_until_it_is_paid(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    at(office, FIRST_OF_JANUARY - timedelta(seconds=1))
    assert run(office) == 0
    at(office, FIRST_OF_JANUARY)
    assert run(office) == 1
    assert templates(office).count("invoice_overdue") == 1
    at(office, FIRST_OF_JANUARY + timedelta(days=7))
    assert run(office) == 1
    at(office, FIRST_OF_JANUARY + timedelta(days=14))
    run(office)
    assert templates(office).count("invoice_overdue") == 1
    with office.database.reading() as session:
        (case,) = session.scalars(sa.select(Case)).all()
    assert (case.kind, case.times_seen, case.closed_at) == (CaseKind.UNPAID_INVOICE, 2, None)
    take(office, all_invoices(office)[0])
    with office.database.reading() as session:
        (case,) = session.scalars(sa.select(Case)).all()
    assert case.closed_by == "system"


def test_a_free_reservation_is_charged_nothing(office: Counter) -> None:
    with office.database.transaction() as session:
        invoices.charge(
            session,
            municipality_id=office.site.town.municipality_id,
            payer=office.site.town.general,
            reference=new_id(NOW),
            label="見本",
            amount_yen=0,
            used_on=NOW.date(),
            now=NOW,
        )
    assert office.books() == {}
    at(office, FIRST_OF_DECEMBER)
    assert run(office) == 0


def test_what_payers_owe_is_what_the_books_say(office: Counter) -> None:
    first = office.postpaid(window(10, 12))
    office.postpaid(window(13, 15))
    give_up(office, first)
    at(office, FIRST_OF_DECEMBER)
    run(office)
    with office.database.reading() as session:
        unpaid = session.scalars(sa.select(sa.func.sum(Invoice.amount_yen)).where(Invoice.state == "issued"))
        assert unpaid.one() == office.books()[Account.RECEIVABLES]


def test_money_that_an_invoice_did_not_want_goes_back_with_a_mail(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    slip_id = new_id(office.now)
    with office.database.transaction() as session:
        desk.issue_slip_for_invoice(
            session, actor=office.staff, invoice_id=invoice.id, payment_id=slip_id, now=office.now
        )
    take(office, invoice, Method.CASH)
    office.book_slip(slip_id)
    (refund,) = office.refunds()
    with office.database.transaction() as session:
        paying_out.pay_out(
            session,
            municipality_id=office.site.town.municipality_id,
            refund_id=refund.id,
            how=Method.TRANSFER,
            actor=office.staff.account_id,
            alone_up_to_yen=600,
            callbacks=PAYMENT_CALLBACKS,
            now=office.now,
        )
    assert office.books() == {"cash": 600, "usage_fees": -600}
    assert templates(office).count("invoice_refunded") == 1


def test_an_invoice_has_its_paper_from_the_start(office: Counter) -> None:
    with office.database.transaction() as session:
        plant_issuer(session, office.site.town.municipality_id)
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    with office.database.reading() as session:
        (paper,) = session.scalars(sa.select(Paper).where(Paper.kind == "invoice")).all()
    assert (paper.subject, paper.number, paper.content["amount_yen"]) == (f"invoice:{invoice.id}", 1, 600)
    page = f"/my/bills/invoices/{invoice.id}"
    browser = office.site.resident()
    answer = send(browser, page, "/papers", kind="invoice", subject=f"invoice:{invoice.id}")
    assert answer.location.endswith(f"/papers/{paper.id}")
