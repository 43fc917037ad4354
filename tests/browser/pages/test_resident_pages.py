"""The resident's pages in a phone's browser: each usable by everybody, the journey by touch and keyboard."""

from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages.conftest import MAIL, PASSWORD, Served
from tests.integration.booking.town import DAY, at
from tests.servers.browser import assert_axe_clean, phone
from tests.servers.browser import sign_in as sign_in_to

TARGET = 44
"""CSS pixels that a control is high; links inside sentences are exempt (WCAG 2.5.8)."""


def sign_in(page: Page, served: Served, then: str = "/") -> None:
    sign_in_to(page.context, served.url, MAIL, PASSWORD)
    page.goto(f"{served.url}{then}")


def assert_fit_for_everybody(page: Page) -> None:
    """Axe finds nothing, nothing sticks out sideways, one heading of the first rank, controls big enough."""
    assert_axe_clean(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "ja"
    small = page.evaluate(
        """least => [...document.querySelectorAll("a, button, select, summary, input:not([type=hidden])")]
            .filter(one => !one.closest("label, p:not(.crumbs), .skip"))
            .filter(one => one.getClientRects().length && one.getBoundingClientRect().height < least - 0.5)
            .map(one => one.outerHTML)""",
        TARGET,
    )
    assert small == []


def test_every_page_of_a_visitor_is_fit_for_everybody(page: Page, served: Served) -> None:
    town = served.site.town
    town.held()
    start = int(at(13).timestamp()) // 1800
    for address in (
        "/",
        f"/days/{DAY}",
        f"/days/{DAY}?q=nothing",
        f"/facilities/{town.gym}?day={DAY}",
        f"/offerings/{town.full}?month=2026-11",
        f"/offerings/{town.full}/book?start={start}&length=4",
        "/sign-in",
        "/nowhere",
    ):
        page.goto(f"{served.url}{address}")
        assert_fit_for_everybody(page)


def test_every_page_of_a_reservation_is_fit_for_everybody(page: Page, served: Served) -> None:
    town = served.site.town
    held, paid = town.held(offering=town.half_b), town.confirmed(offering=town.half_a)
    sign_in(page, served)
    for address in (
        "/reservations",
        "/sessions",
        f"/reservations/{held}",
        f"/reservations/{held}/return",
        f"/reservations/{paid}",
        f"/reservations/{paid}/cancel",
        f"/reservations/{paid}/code",
    ):
        page.goto(f"{served.url}{address}")
        assert_fit_for_everybody(page)
    served.site.clock.instant = at(9.5)
    page.goto(f"{served.url}/reservations/{paid}/code")
    expect(page.locator(".code")).to_be_visible()
    assert_fit_for_everybody(page)


def test_a_resident_finds_chooses_signs_in_holds_and_pays(page: Page, served: Served) -> None:
    # With few schools in the list each is open already.
    page.goto(f"{served.url}/days/{DAY}")
    page.locator(".offering", has_text="全面").first.get_by_role("link", name="10:00〜12:00").click()
    assert_fit_for_everybody(page)
    page.get_by_role("link", name="ログインして予約に進む").click()
    page.get_by_label("メールアドレス").fill(MAIL)
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログインする").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("予約内容の確認")
    page.get_by_label("見本団体01").check()
    assert_fit_for_everybody(page)
    page.get_by_role("button", name="予約する").click()
    expect(page.locator("[data-countdown]")).to_contain_text("あと")
    address = page.url
    with page.expect_request(lambda request: "/c/pay/cs_test_1" in request.url):
        page.get_by_role("button", name="カードで600円を支払う").click()
    # Nobody listens there: the browser shows its own page before it can be led on.
    page.wait_for_url("chrome-error://**")
    page.goto(f"{address}/return")
    expect(page.get_by_role("heading", level=1)).to_have_text("お支払いを確認しています")
    served.site.stripe.pay("cs_test_1")
    # The page asks again by itself and turns into the answer.
    expect(page.get_by_role("heading", level=1)).to_have_text("予約が確定しました")
    assert_fit_for_everybody(page)


def test_the_journey_works_without_javascript(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, served, then=f"/facilities/{served.site.town.gym}?day={DAY}")
    page.locator("section", has_text="全面").get_by_role("link", name="10:00〜12:00").click()
    page.get_by_role("button", name="予約する").click()
    expect(page.get_by_role("button", name="カードで600円を支払う")).to_be_visible()
    page.get_by_role("link", name="この予約を取り消す").click()
    page.get_by_role("button", name="取り消す").click()
    expect(page.get_by_text("取消し済み").first).to_be_visible()
    context.close()


def test_a_refused_form_takes_the_focus_to_its_reason_and_keeps_the_address(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.url}/sign-in")
    page.get_by_label("メールアドレス").fill(MAIL)
    page.get_by_label("パスワード").fill("wrong")
    page.get_by_role("button", name="ログインする").click()
    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.get_by_label("メールアドレス")).to_have_value(MAIL)
    assert_axe_clean(page)


def test_the_keyboard_reaches_the_content_first_and_shows_where_it_is(page: Page, served: Served) -> None:
    page.goto(served.url)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="本文へ進む")
    expect(skip).to_be_focused()
    assert skip.evaluate("one => getComputedStyle(one).outlineWidth") == "4px"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def show_code(page: Page, served: Served) -> UUID:
    paid = served.site.town.confirmed()
    served.site.clock.instant = at(9.5)
    sign_in(page, served, then=f"/reservations/{paid}/code")
    expect(page.locator("#kept-offline")).to_be_visible()
    return paid


def test_a_code_page_once_seen_is_read_without_a_network(page: Page, served: Served) -> None:
    show_code(page, served)
    digits = page.locator(".code").get_attribute("data-door-code")
    page.context.set_offline(True)
    page.reload()
    expect(page.locator(".code")).to_have_attribute("data-door-code", digits or "")
    expect(page.get_by_text("いま通信できません")).to_be_visible()
    assert page.locator("h1").evaluate("one => getComputedStyle(one).fontWeight") == "700"


def test_only_code_pages_are_kept(page: Page, served: Served) -> None:
    paid = show_code(page, served)
    page.goto(f"{served.url}/reservations/{paid}")
    kept = page.evaluate(
        """async () => (await (await caches.open("code-pages-1")).keys())
            .map(one => new URL(one.url).pathname).filter(path => !path.startsWith("/static/"))"""
    )
    assert kept == [f"/reservations/{paid}/code"]


def test_signing_out_takes_the_kept_codes_away(page: Page, served: Served) -> None:
    show_code(page, served)
    page.goto(f"{served.url}/sessions")
    page.get_by_role("button", name="この端末からログアウトする").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ログイン")
    assert page.evaluate("caches.keys()") == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_at_any_width(chromium: Browser, served: Served, width: int) -> None:
    with phone(chromium) as context:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 800})
        for address in ("/", f"/offerings/{served.site.town.full}?month=2026-11", "/sign-in"):
            page.goto(f"{served.url}{address}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
