"""The counter and the bills as people see and use them: by pointer, on a phone, open to everybody."""

from datetime import date
from uuid import UUID

from playwright.sync_api import Page, expect

from core.ids import new_id
from payments.invoice_models import Charge, Invoice
from tests.browser.counter.conftest import Open
from tests.browser.manage.conftest import assert_fits
from tests.servers.browser import assert_axe_clean


def desk_paths(site: Open) -> tuple[str, ...]:
    counter = "/manage/money/counter"
    return (
        counter,
        f"{counter}?q=見本",
        f"{counter}?q=なし",
        f"{counter}/reservations/{site.held}",
        f"{counter}/reservations/{site.with_slip}",
        f"{counter}/slips/{site.slip_id}",
        f"{counter}/slips/{site.slip_id}/sheet",
        f"{counter}/pay-outs",
        f"{counter}/book",
        f"{counter}/book?offering={site.office.site.town.full}&day=2026-12-19",
        "/manage/money/invoices",
        f"/manage/money/invoices/{site.invoice_id}",
        "/manage/money/invoices/groups",
    )


def test_each_page_of_the_counter_fits_and_is_open_to_everybody(clerk: Page, counter_site: Open) -> None:
    for path in desk_paths(counter_site):
        answer = clerk.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(clerk)
        assert_axe_clean(clerk)


def test_each_page_of_bills_fits_and_is_open_to_everybody(resident: Page, counter_site: Open) -> None:
    for path in (
        "/my/bills",
        f"/my/bills/invoices/{counter_site.invoice_id}",
        f"/reservations/{counter_site.with_slip}",
        "/reservations",
    ):
        answer = resident.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(resident)
        assert_axe_clean(resident)


def carried(site: Open) -> UUID:
    """An invoice of the group with the long name that carries 12,300 yen on."""
    now, town = site.office.now, site.office.site.town
    invoice_id, month = new_id(now), date(2026, 11, 1)
    whose = {"municipality_id": town.municipality_id, "payer": town.youth}
    with site.office.database.transaction() as session:
        session.add(
            Invoice(
                id=invoice_id,
                **whose,
                month=month,
                amount_yen=-12_300,
                state="carried",
                issued_at=now,
                due_on=date(2026, 12, 31),
            )
        )
        session.add(
            Charge(
                **whose,
                reference=invoice_id,
                cause="carried",
                label="2026年11月分からの繰越し",
                amount_yen=-12_300,
                used_on=date(2026, 12, 1),
                charged_at=now,
            )
        )
    return invoice_id


def test_a_clerk_asks_that_a_credit_is_paid_out(clerk: Page, counter_site: Open) -> None:
    clerk.goto(f"/manage/money/invoices/{carried(counter_site)}#credit")
    assert_fits(clerk)
    assert_axe_clean(clerk)
    clerk.get_by_label("振込").check()
    clerk.get_by_role("button", name="払戻しを申請する").dblclick()
    expect(clerk.get_by_text("ほかの管理者を待っています")).to_be_visible()
    assert_fits(clerk)
    assert_axe_clean(clerk)


def test_a_clerk_finds_a_reservation_and_takes_cash(clerk: Page, counter_site: Open) -> None:
    clerk.goto("/manage/money/counter")
    clerk.get_by_label("団体の名前、許可番号、納付書の番号").fill("見本団体01")
    clerk.get_by_label("利用日").fill("2026-12-12")
    clerk.get_by_role("button", name="予約をさがす").click()
    clerk.get_by_role("link", name="10:00〜12:00").click()
    clerk.get_by_role("button", name="現金600円を受け取った").click()
    expect(clerk.get_by_text("現金を受け取り、予約を確定しました。")).to_be_visible()
    expect(clerk.locator("[data-state]")).to_have_text("予約確定")
    assert counter_site.office.reservation(counter_site.held).pays_by == "cash"


def test_a_clerk_books_a_slip_and_a_resident_sees_it(clerk: Page, counter_site: Open) -> None:
    clerk.goto("/manage/money/counter")
    clerk.get_by_role("link", name="第1号").click()
    clerk.get_by_role("button", name="600円の納付を記録する").click()
    expect(clerk.locator("[data-state]")).to_have_text("納付済み")
    assert counter_site.office.reservation(counter_site.with_slip).state == "confirmed"


def test_a_clerk_pays_out_cash(clerk: Page) -> None:
    clerk.goto("/manage/money/counter/pay-outs")
    clerk.get_by_label("現金").check()
    clerk.get_by_role("button", name="払い戻した").click()
    expect(clerk.get_by_text("払い戻すものはありません。")).to_be_visible()


def test_a_resident_sees_what_is_unpaid_and_may_choose(resident: Page, counter_site: Open) -> None:
    resident.goto("/my/bills")
    expect(resident.get_by_role("checkbox")).to_have_count(2)
    expect(resident.get_by_text("納付書 第1号")).to_be_visible()
    for box in resident.get_by_role("checkbox").all():
        box.uncheck()
    resident.get_by_role("button", name="選んだものをカードで支払う").click()
    expect(resident.get_by_role("alert")).to_contain_text("支払うものを選んでください")
    assert counter_site.office.site.stripe.sessions == {}
