"""Waiting for money from a konbini, on a phone: until when, how much, and the way to the voucher."""

from uuid import UUID

from playwright.sync_api import Page, expect

from tests.browser.pages.conftest import Served
from tests.browser.pages.test_resident_pages import assert_fit_for_everybody, sign_in
from tests.integration.pages.test_paying_later import with_voucher


def test_the_page_says_until_when_and_leads_to_the_voucher(page: Page, served: Served) -> None:
    path, session_id = with_voucher(served.site)
    sign_in(page, served)
    page.goto(f"{served.url}{path}/return")
    expect(page.get_by_role("heading", level=1)).to_have_text("コンビニでお支払いください")
    expect(page.get_by_text("コンビニでのお支払い待ち（11月24日(火)まで）")).to_be_visible()
    voucher = page.get_by_role("link", name="お支払いの番号と手順を見る")
    expect(voucher).to_have_attribute("href", f"http://127.0.0.1:1/voucher/{session_id}")
    assert_fit_for_everybody(page)
    for address in (path, f"{path}/cancel", "/reservations"):
        page.goto(f"{served.url}{address}")
        assert_fit_for_everybody(page)
    assert UUID(path.rsplit("/", 1)[1]).version == 7
