"""預かり: a credit that nothing uses up is paid out by hand, once, and the books agree."""

import threading
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from booking.counter import monthly
from booking.places.models import Municipality
from core.audit import AuditEntry
from core.database import Database
from core.errors import NotThere
from core.ids import new_id
from payments import credits, invoices
from payments.case_models import Case
from payments.cases import CaseKind
from payments.credits import Credit, CreditChanged
from payments.invoice_models import Charge, Invoice
from payments.models import LedgerEntry
from payments.paying_out import DrawerShort, NeedsSecond
from payments.states import Method
from tests.integration.booking.town import window
from tests.integration.counter.conftest import Counter
from tests.integration.counter.test_invoices import (
    FIRST_OF_DECEMBER,
    FIRST_OF_JANUARY,
    all_invoices,
    at,
    carried,
    run,
    templates,
)
from tests.integration.counter.test_paying_out import joins
from tests.integration.counter.test_the_audit_agrees import findings
from tests.integration.pages.conftest import build_site, send

FIRST_OF_FEBRUARY = FIRST_OF_JANUARY + timedelta(days=31)
FIRST_OF_MARCH = FIRST_OF_FEBRUARY + timedelta(days=28)


def used(office: Counter, yen: int, on: date = date(2027, 1, 10), reference: UUID | None = None) -> UUID:
    """The same group owes for something else."""
    reference = reference or new_id(office.now)
    with office.database.transaction() as session:
        invoices.charge(
            session,
            municipality_id=office.site.town.municipality_id,
            payer=office.site.town.general,
            reference=reference,
            label="見本体育館",
            amount_yen=yen,
            used_on=on,
            now=office.now,
        )
    return reference


def pay_out(
    office: Counter,
    invoice: Invoice,
    yen: int = 600,
    *,
    how: Method = Method.TRANSFER,
    by: UUID | None = None,
    limit: int = 10_000,
    town: int | None = None,
) -> bool:
    with office.database.transaction() as session:
        return credits.pay_out(
            session,
            municipality_id=town or office.site.town.municipality_id,
            invoice_id=invoice.id,
            amount_yen=yen,
            how=how,
            actor=by or office.staff.account_id,
            alone_up_to_yen=limit,
            now=office.now,
        )


def ask(office: Counter, invoice: Invoice, *, town: int | None = None) -> None:
    with office.database.transaction() as session:
        credits.ask(
            session,
            municipality_id=town or office.site.town.municipality_id,
            invoice_id=invoice.id,
            how=Method.CASH,
            actor=office.staff.account_id,
            now=office.now,
        )


def credit_of(office: Counter, invoice: Invoice) -> Credit | None:
    with office.database.reading() as session:
        return credits.of_invoice(session, session.get_one(Invoice, invoice.id))


def open_credits(office: Counter) -> list[Case]:
    with office.database.reading() as session:
        return list(
            session.scalars(sa.select(Case).where(Case.kind == CaseKind.CREDIT, Case.closed_at.is_(None)))
        )


def test_paid_out_once_it_leaves_the_books_and_the_next_invoice_is_of_nothing(office: Counter) -> None:
    invoice = carried(office)
    assert credit_of(office, invoice) == Credit(600, None, None, None)
    assert pay_out(office, invoice)
    assert not pay_out(office, invoice), "the same again is no second one"
    assert office.books() == {}
    assert credit_of(office, invoice) == Credit(600, office.now, None, None)
    with office.database.reading() as session:
        booked = session.execute(
            sa.select(LedgerEntry.account, LedgerEntry.amount_yen, LedgerEntry.reference)
            .where(LedgerEntry.set_key == f"charge:{invoice.id}:paid_out")
            .order_by(LedgerEntry.amount_yen)
        ).all()
        charge = session.scalars(sa.select(Charge).where(Charge.cause == credits.PAID_OUT)).one()
        acts = session.execute(
            sa.select(AuditEntry.actor, AuditEntry.subject, AuditEntry.detail).where(
                AuditEntry.act == "credit.pay_out"
            )
        ).all()
    assert [tuple(row) for row in booked] == [("bank", -600, invoice.id), ("receivables", 600, invoice.id)]
    assert (charge.label, charge.used_on) == ("2026年12月分のお預かりの払戻し", date(2027, 1, 1))
    assert [tuple(row) for row in acts] == [
        (str(office.staff.account_id), str(invoice.id), {"amount_yen": 600, "how": "transfer"})
    ]
    assert findings(office) == {}
    at(office, FIRST_OF_FEBRUARY)
    run(office)
    assert [(one.amount_yen, one.state) for one in all_invoices(office)][-1] == (0, "paid")
    assert findings(office) == {}


def test_the_audit_finds_a_pay_out_that_is_not_in_the_books(office: Counter) -> None:
    invoice = carried(office)
    with office.database.transaction() as session:
        row = session.scalars(sa.select(Charge).where(Charge.reference == invoice.id)).one()
        session.add(
            Charge(
                municipality_id=row.municipality_id,
                payer=row.payer,
                reference=invoice.id,
                cause=credits.PAID_OUT,
                label="x",
                amount_yen=600,
                used_on=row.used_on,
                charged_at=office.now,
            )
        )
    assert list(findings(office)) == ["receivables_are_charges"]


def test_what_was_used_since_is_not_paid_out(office: Counter) -> None:
    invoice = carried(office)
    use = used(office, 450)
    assert credit_of(office, invoice) == Credit(150, None, None, None)
    with pytest.raises(CreditChanged):
        pay_out(office, invoice, 600)
    assert pay_out(office, invoice, 150)
    with office.database.transaction() as session:
        invoices.credit_rest(session, reference=use, cause="cancelled", now=office.now)
    assert credit_of(office, invoice) == Credit(150, office.now, None, None), "the rest is carried on"
    assert not pay_out(office, invoice, 450)
    at(office, FIRST_OF_FEBRUARY)
    run(office)
    rest = all_invoices(office)[-1]
    assert (rest.amount_yen, rest.state) == (-450, "carried")
    assert pay_out(office, rest, 450)
    assert office.books() == {}


def test_one_yen_is_paid_out_as_well(office: Counter) -> None:
    invoice = carried(office)
    used(office, 599)
    assert pay_out(office, invoice, 1)


def test_what_earlier_invoices_asked_for_has_nothing_to_do_with_it(office: Counter) -> None:
    invoice = carried(office)
    use = used(office, 500)
    with office.database.transaction() as session:
        session.execute(sa.update(Charge).where(Charge.reference == use).values(invoice_id=invoice.id))
    assert credit_of(office, invoice) == Credit(600, None, None, None)


@pytest.mark.parametrize("yen", [600, 601])
def test_all_used_since_nothing_is_paid_out(office: Counter, yen: int) -> None:
    invoice = carried(office)
    used(office, yen)
    assert credit_of(office, invoice) is None
    for attempt in (ask, pay_out):
        with pytest.raises(CreditChanged):
            attempt(office, invoice)


def test_somebody_elses_uses_do_not_lessen_it(office: Counter) -> None:
    invoice = carried(office)
    town = office.site.town
    for municipality_id, payer in (
        (town.municipality_id, town.youth),
        (town.municipality_id + 1, town.general),
    ):
        with office.database.transaction() as session:
            invoices.charge(
                session,
                municipality_id=municipality_id,
                payer=payer,
                reference=new_id(office.now),
                label="x",
                amount_yen=500,
                used_on=date(2027, 1, 10),
                now=office.now,
            )
    assert credit_of(office, invoice) == Credit(600, None, None, None)


def test_on_the_next_invoice_it_is_not_paid_out_of_the_last(office: Counter) -> None:
    invoice = carried(office)
    at(office, FIRST_OF_FEBRUARY)
    run(office)
    later = all_invoices(office)[-1]
    assert credit_of(office, invoice) is None
    with pytest.raises(CreditChanged):
        pay_out(office, invoice)
    assert [one.amount_yen for one in open_credits(office)] == [600]
    assert pay_out(office, later)
    assert open_credits(office) == []


def test_an_invoice_that_carries_nothing_has_nothing_to_pay_out(office: Counter) -> None:
    office.postpaid()
    at(office, FIRST_OF_DECEMBER)
    run(office)
    (invoice,) = all_invoices(office)
    assert credit_of(office, invoice) is None
    with pytest.raises(CreditChanged):
        pay_out(office, invoice)


def test_another_towns_invoice_is_not_there(office: Counter) -> None:
    invoice = carried(office)
    elsewhere = office.site.town.municipality_id + 1
    for attempt in (ask, pay_out):
        with pytest.raises(NotThere):
            attempt(office, invoice, town=elsewhere)
    with office.database.transaction() as session, pytest.raises(NotThere):
        credits.ask(
            session,
            municipality_id=office.site.town.municipality_id,
            invoice_id=new_id(office.now),
            how=Method.CASH,
            actor=office.staff.account_id,
            now=office.now,
        )


def test_above_the_limit_nobody_pays_out_alone(office: Counter) -> None:
    invoice = carried(office)
    with pytest.raises(NeedsSecond):
        pay_out(office, invoice, limit=599)
    ask(office, invoice)
    (case,) = open_credits(office)
    assert (case.subject, case.amount_yen) == (str(invoice.payer), 600)
    assert (case.detail["month"], case.detail["invoice_id"]) == ("2026-12", str(invoice.id))
    with office.database.reading() as session:
        asked = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "credit.ask_pay_out")).one()
        assert asked.actor == str(office.staff.account_id)
        assert asked.detail == {"amount_yen": 600, "how": "cash"}
    assert credit_of(office, invoice) == Credit(600, None, str(office.staff.account_id), Method.CASH)
    with pytest.raises(NeedsSecond):
        pay_out(office, invoice, limit=599)
    assert pay_out(office, invoice, limit=599, by=office.second_manager())
    assert office.books() == {}
    assert open_credits(office) == []
    with pytest.raises(CreditChanged):
        ask(office, invoice)


@pytest.mark.parametrize(
    "changed",
    [
        {"municipality_id": Case.municipality_id + 1},
        {"kind": CaseKind.BOOKS.value},
        {"subject": "somebody else"},
        {"closed_at": Case.opened_at, "closed_by": "system", "next_due_at": None},
    ],
)
def test_another_case_asks_for_nothing(office: Counter, changed: dict[str, Any]) -> None:
    invoice = carried(office)
    ask(office, invoice)
    with office.database.transaction() as session:
        session.execute(sa.update(Case).values(changed))
    assert credit_of(office, invoice) == Credit(600, None, None, None)


def test_who_asked_for_last_months_has_not_asked_for_this_months(office: Counter) -> None:
    invoice = carried(office)
    ask(office, invoice)
    at(office, FIRST_OF_FEBRUARY)
    run(office)
    later = all_invoices(office)[-1]
    assert credit_of(office, later) == Credit(600, None, None, None)
    with pytest.raises(NeedsSecond):
        pay_out(office, later, limit=599, by=office.second_manager())


def test_up_to_the_limit_one_person_is_enough(office: Counter) -> None:
    assert pay_out(office, carried(office), limit=600)


def test_cash_that_is_not_in_the_drawer_is_not_paid_out(office: Counter) -> None:
    invoice = carried(office)
    with pytest.raises(DrawerShort):
        pay_out(office, invoice, how=Method.CASH)
    office.cash(office.held(window(8, 10, date(2027, 1, 9))))
    before = office.books()["cash"]
    assert before >= 300
    if before < 600:
        office.cash(office.held(window(13, 15, date(2027, 1, 9))))
    before = office.books()["cash"]
    assert pay_out(office, invoice, how=Method.CASH)
    assert office.books().get("cash", 0) == before - 600
    assert office.books()["bank"] == 600


@pytest.mark.parametrize(("waits_first", "yen"), [(True, 0), (False, -600)])
def test_the_next_invoice_waits_for_a_pay_out_under_way_and_has_it(
    postgres_database_url: str, monkeypatch: pytest.MonkeyPatch, waits_first: bool, yen: int
) -> None:
    """Its control: taken in one statement, the invoice misses what was added while it waited."""
    if not waits_first:
        monkeypatch.setattr(invoices, "_wait_for", lambda _session, _open_ones: None)
    database = Database(postgres_database_url, pool_size=8)
    office = Counter(build_site(database))
    invoice = carried(office)
    at(office, FIRST_OF_FEBRUARY)
    assert issued_during(office, invoice) == yen
    database.dispose()


def issued_during(office: Counter, invoice: Invoice) -> int:
    """Yen of the next invoice, issued while a pay-out has not committed."""
    thread = threading.Thread(target=monthly.run, args=(office.database, office.site.clock))
    with office.database.transaction() as session:
        credits.pay_out(
            session,
            municipality_id=office.site.town.municipality_id,
            invoice_id=invoice.id,
            amount_yen=600,
            how=Method.TRANSFER,
            actor=office.staff.account_id,
            alone_up_to_yen=10_000,
            now=office.now,
        )
        thread.start()
        thread.join(1)
        assert thread.is_alive(), "it waits"
    thread.join(30)
    return all_invoices(office)[-1].amount_yen


def page_of(invoice: Invoice) -> str:
    return f"/manage/money/invoices/{invoice.id}"


def test_the_case_leads_to_the_page_where_it_is_paid_out(office: Counter) -> None:
    carried(office)
    at(office, FIRST_OF_FEBRUARY)
    run(office)
    invoice = all_invoices(office)[-1]
    (case,) = open_credits(office)
    browser = office.site.browser(office.staff.account_id)
    assert f"{page_of(invoice)}#credit" in browser.get(f"/manage/money/cases/{case.id}").text
    page = page_of(invoice)
    shown = browser.get(page).text
    assert "お預かりを払い戻す" in shown
    assert "<b>600円</b>を払い戻せます" in shown
    nothing = send(browser, page, f"{page}/credit/done", amount_yen=600)
    assert nothing.status_code == 400
    assert "払い戻す方法を選んでください" in nothing.text
    short = send(browser, page, f"{page}/credit/done", amount_yen=600, how="cash")
    assert short.status_code == 409
    assert DrawerShort.sentence in short.text
    changed = send(browser, page, f"{page}/credit/done", amount_yen=601, how="transfer")
    assert changed.status_code == 409
    assert CreditChanged.sentence in changed.text
    fields = {"amount_yen": 600, "how": "transfer"}
    assert send(browser, page, f"{page}/credit/done", **fields).location.endswith("done=credit-paid")
    assert send(browser, "/sessions", f"{page}/credit/done", **fields).location.endswith("done=credit-again")
    shown = browser.get(page).text
    assert "お預かりを払い戻す" not in shown
    assert "払戻し</dt><dd>2月1日(月) 00:00 600円" in shown
    assert templates(office).count("credit_paid_out") == 1
    assert open_credits(office) == []


def test_the_page_asks_for_a_second_person_and_says_who_asked(office: Counter) -> None:
    invoice = carried(office)
    with office.database.transaction() as session:
        session.get_one(Municipality, office.site.town.municipality_id).refund_alone_up_to_yen = 100
    first = office.site.browser(office.staff.account_id)
    second = office.site.browser(office.second_manager())
    page = page_of(invoice)
    assert "払戻しを申請する" in first.get(page).text
    refused = send(first, page, f"{page}/credit/done", amount_yen=600, how="transfer")
    assert refused.status_code == 409
    assert NeedsSecond.sentence in refused.text
    assert send(first, page, f"{page}/credit/ask", how="transfer").location.endswith("done=credit-asked")
    assert "ほかの管理者を待っています" in first.get(page).text
    shown = second.get(page).text
    assert "さんが申請しました（振込）" in shown
    assert send(second, page, f"{page}/credit/done", amount_yen=600, how="transfer").status_code == 303
    assert office.books() == {}


def test_to_a_group_of_ones_own_nobody_pays_a_credit_out_alone(office: Counter) -> None:
    invoice = carried(office)
    joins(office)
    browser = office.site.browser(office.staff.account_id)
    page = page_of(invoice)
    assert "自分の団体への払戻しなので" in browser.get(page).text
    assert send(browser, page, f"{page}/credit/done", amount_yen=600, how="transfer").status_code == 409
    assert office.books() == {"bank": 600, "receivables": -600}


def test_the_group_reads_that_its_credit_went_back(office: Counter) -> None:
    invoice = carried(office)
    resident = office.site.resident()
    page = f"/my/bills/invoices/{invoice.id}"
    assert "次の請求から差し引きます" in resident.get(page).text
    pay_out(office, invoice)
    shown = resident.get(page).text
    assert "600円をお返ししました" in shown
    assert "払戻し済み" in shown
    assert "翌月へ繰越し" not in shown
    assert "差し引きます" not in shown


def test_a_resident_does_not_find_the_buttons(office: Counter) -> None:
    invoice = carried(office)
    resident = office.site.resident()
    for act in ("ask", "done"):
        answer = send(resident, "/sessions", f"{page_of(invoice)}/credit/{act}", how="cash", amount_yen=600)
        assert answer.status_code == 404
    assert office.books() == {"bank": 600, "receivables": -600}


@pytest.mark.parametrize("waits", [True, False])
def test_two_clerks_at_once_pay_a_credit_out_once(
    postgres_database_url: str, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Its control: without the lock only the table's unique cause keeps the second out, and loudly."""
    if not waits:
        unlocked = credits._carried
        monkeypatch.setattr(credits, "_carried", lambda session, invoice, **_: unlocked(session, invoice))
    database = Database(postgres_database_url, pool_size=8)
    office = Counter(build_site(database))
    invoice = carried(office)
    ended: list[object] = []

    def clerk() -> None:
        try:
            ended.append(pay_out(office, invoice))
        except IntegrityError:
            ended.append("refused by the table")

    second = threading.Thread(target=clerk)
    with database.transaction() as session:
        credits.pay_out(
            session,
            municipality_id=office.site.town.municipality_id,
            invoice_id=invoice.id,
            amount_yen=600,
            how=Method.TRANSFER,
            actor=office.staff.account_id,
            alone_up_to_yen=10_000,
            now=office.now,
        )
        second.start()
        second.join(1)
    second.join(30)
    assert ended == [False if waits else "refused by the table"]
    assert office.books() == {}
    database.dispose()
