"""The money desk in the browser, wide and narrow: read, used without a script's help, open to everybody."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from booking.people.models import Account, Group, Role
from core.database import Database
from payments.cases import CaseKind
from payments.models import Payment
from tests.browser.manage.conftest import Office, assert_fits
from tests.integration.manage.test_explaining_pages import unexplained
from tests.integration.manage.test_money_desk_pages import opened, paid, refunded
from tests.integration.manage.town import NOW
from tests.servers.browser import assert_axe_clean


@dataclass(frozen=True)
class Desk:
    """Where the money is, and whose desk it is."""

    database: Database
    manager: Account


LONG = "見本スポーツ少年団保護者会連絡協議会" * 4


@pytest.fixture
def desk(office: Office) -> Desk:
    """A month of money, one case of each pressing kind, a group with a very long name."""
    with office.database.reading() as session:
        manager = session.scalars(sa.select(Account).where(Account.role == Role.MANAGER)).one()
    manage = Desk(office.database, manager)
    for number in range(25):
        paid(manage, amount_yen=1200 + 700 * (number % 7), days_ago=number, mark=f"day{number}")
    late = paid(manage, amount_yen=4800, method="cash", mark="cash")
    refunded(manage, late, amount_yen=2400)
    refunded(manage, late, amount_yen=600, state="pending")
    due = (NOW + timedelta(days=9)).isoformat()
    opened(
        manage,
        CaseKind.DISPUTE,
        "dp_1",
        amount_yen=4800,
        payment_id=late,
        detail={"state": "needs_response", "reason": "fraudulent", "evidence_due_at": due},
    )
    opened(manage, CaseKind.REFUND_FAILED, "re_1", amount_yen=600, payment_id=late)
    opened(manage, CaseKind.UNKNOWN_OBJECT, "pi_" + "3QxYz" * 12, amount_yen=1)
    with office.database.transaction() as session:
        session.execute(sa.update(Group).values(name=LONG[:80]))
    return manage


def test_each_page_of_the_desk_fits_and_is_open_to_everybody(manager_page: Page, desk: Desk) -> None:
    with desk.database.reading() as session:
        payment_id = session.scalars(sa.select(Payment.id).where(Payment.method == "cash")).first()
    for path in (
        "/manage/money",
        "/manage/money/cases",
        "/manage/money/cases?state=closed",
        "/manage/money/cases?kind=dispute&owner=nobody",
        "/manage/money/payments",
        "/manage/money/payments?q=nothing-like-it",
        f"/manage/money/payments/{payment_id}",
    ):
        answer = manager_page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(manager_page)
        assert_axe_clean(manager_page)


def test_a_case_is_taken_on_and_closed_with_a_note(manager_page: Page, desk: Desk) -> None:
    assert desk.manager is not None
    manager_page.goto("/manage/money")
    manager_page.get_by_role("link", name="カード会社への異議申立て").click()
    manager_page.get_by_role("link", name="カード会社への異議申立て").last.click()
    expect(manager_page.get_by_text("本人が使った覚えがない")).to_be_visible()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
    manager_page.get_by_role("button", name="自分が担当する").click()
    expect(manager_page.get_by_text("担当になりました。")).to_be_visible()
    manager_page.get_by_label("何をしたか").fill("反証の書類を送った")
    manager_page.get_by_role("button", name="対応済みにする").dblclick()
    expect(manager_page.locator("dd", has_text="反証の書類を送った")).to_be_visible()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)


def test_a_day_in_the_picture_leads_to_its_payments(manager_page: Page, desk: Desk) -> None:
    assert desk.manager is not None
    manager_page.goto("/manage/money")
    expect(manager_page.get_by_role("img", name=re.compile("30日間の入金"))).to_be_visible()
    manager_page.locator("summary", has_text="日ごとの金額").click()
    manager_page.locator("details tbody a").nth(1).click()
    expect(manager_page).to_have_url(re.compile(r"/manage/money/payments\?day="))
    expect(manager_page.locator(".money-payments tbody tr")).to_have_count(1)


def test_a_movement_that_nothing_explains_is_booked_from_its_page(manager_page: Page, desk: Desk) -> None:
    case_id = unexplained(desk, -700)
    manager_page.goto(f"/manage/money/cases/{case_id}")
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
    manager_page.get_by_label("雑収支").check()
    manager_page.get_by_label("何の入出金か").fill("決済会社の手直しと電話で確かめた")
    manager_page.get_by_role("button", name="記帳する").click()
    expect(manager_page.get_by_text("記帳済み")).to_be_visible()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
