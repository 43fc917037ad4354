"""Papers on a phone and at the desk: each page fit for everybody, a receipt from the tap to the file."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from booking.papers.kinds import Kind
from booking.people.models import Account, Group
from booking.people.passwords import hash_password
from core.database import Database
from tests.browser.manage.conftest import assert_fits
from tests.browser.pages.test_resident_pages import assert_fit_for_everybody
from tests.integration.booking.town import at, window
from tests.integration.pages.conftest import Site, build_site
from tests.integration.papers.conftest import issued, paid, plant_issuer
from tests.servers.browser import PATIENCE_MS, assert_axe_clean, watched_page
from tests.servers.browser import sign_in as sign_in_to
from tests.servers.serving import serving

PASSWORD = "kaihou-no-hi"
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


class Town:
    """A site with an issuer and its address."""

    def __init__(self, site: Site, url: str) -> None:
        self.site = site
        self.url = url


@pytest.fixture
def town(sqlite_database_url: str) -> Iterator[Town]:
    """Everybody has the same password; one group's name is as long as a name may be."""
    database = Database(sqlite_database_url)
    site = build_site(database, card_page="http://127.0.0.1:1")
    plant_issuer(site)
    with database.transaction() as session:
        session.execute(sa.update(Account).values(password_hash=hash_password(PASSWORD)))
        session.execute(
            sa.update(Group).where(Group.id == site.town.youth).values(name="見本とても長い名前の団体" * 6)
        )
    with serving(site.app) as url:
        yield Town(site, url)
    database.dispose()


Open = Callable[[str, str, str], Page]


@pytest.fixture
def sign_in(chromium: Browser, town: Town) -> Iterator[Open]:
    """`sign_in(mail, page, size)`: a browser of that size with that person at that page."""
    opened = []

    def enter(mail: str, then: str, size: str) -> Page:
        context = chromium.new_context(
            viewport=SIZES[size],  # type: ignore[arg-type]
            locale="ja-JP",
            timezone_id="Asia/Tokyo",
            base_url=town.url,
        )
        context.set_default_timeout(PATIENCE_MS)
        sign_in_to(context, town.url, mail, PASSWORD)
        watching = watched_page(context)
        page = watching.__enter__()
        opened.append((watching, context))
        page.goto(then)
        return page

    yield enter
    for watching, context in reversed(opened):
        watching.__exit__(None, None, None)
        context.close()


def test_a_receipt_from_the_reservation_to_the_file_with_another_name(town: Town, sign_in: Open) -> None:
    reservation_id, _ = paid(town.site)
    page = sign_in("mihon@example.jp", f"/reservations/{reservation_id}", "phone")
    page.get_by_role("link", name="領収書・使用許可書").click()
    assert_fit_for_everybody(page)
    page.get_by_role("button", name="領収書を発行する").click()
    expect(page.get_by_role("heading", name="領収書", exact=True)).to_be_visible()
    assert_fit_for_everybody(page)
    page.get_by_label("宛名").fill("髙﨑𠮷商店")
    page.get_by_role("button", name="この宛名に変える").click()
    expect(page.get_by_text("「見本団体01」から変えました")).to_be_visible()
    expect(page.get_by_label("宛名")).to_have_count(0)
    assert_fit_for_everybody(page)
    with page.expect_download() as coming:
        page.get_by_role("link", name="PDFを保存する").click()
    assert coming.value.suggested_filename == "領収書-領2026-000001.pdf"
    page.reload()
    expect(page.get_by_text("保存は1回目まで済んでいます")).to_be_visible()
    expect(page.locator(".history")).to_contain_text("原本")


def test_every_page_of_a_groups_papers_is_fit_for_everybody(town: Town, sign_in: Open) -> None:
    site = town.site
    reservation_id, payment_id = paid(site)
    free = site.town.held(group=site.town.youth, wanted=window(13, 15))
    permit, receipt = issued(site, Kind.PERMIT, reservation_id), issued(site, Kind.RECEIPT, payment_id)
    long_one = issued(site, Kind.PERMIT, free)
    page = sign_in("mihon@example.jp", "/my/papers", "phone")
    for address in (
        "/my/papers",
        "/my/papers?month=2026-05",
        f"/reservations/{free}/papers",
        f"/papers/{permit.id}",
        f"/papers/{long_one.id}",
        f"/papers/{receipt.id}",
    ):
        page.goto(address)
        assert_fit_for_everybody(page)
    site.clock.instant = at(9, date(2026, 12, 1))
    page.goto("/my/papers?month=2026-11")
    page.get_by_role("button", name="利用明細書を発行する").first.click()
    expect(page.get_by_text("明2026-000001").first).to_be_visible()
    assert_fit_for_everybody(page)


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_the_register_and_the_issuer_are_fit_for_everybody(town: Town, sign_in: Open, size: str) -> None:
    page = sign_in("kanri@example.jp", "/manage/money/papers", size)
    expect(page.get_by_text("まだ発行していません")).to_be_visible()
    assert_fits(page)
    assert_axe_clean(page)
    reservation_id, payment_id = paid(town.site)
    issued(town.site, Kind.PERMIT, reservation_id)
    issued(town.site, Kind.RECEIPT, payment_id)
    page.reload()
    expect(page.get_by_role("link", name="領2026-000001")).to_be_visible()
    assert_fits(page)
    assert_axe_clean(page)
    page.goto("/manage/money/papers/issuer")
    assert_fits(page)
    assert_axe_clean(page)
    page.get_by_label("適格請求書発行事業者の登録番号").fill("T8000000000000")
    page.get_by_role("button", name="保存する").click()
    expect(page.get_by_role("alert")).to_contain_text("打ち間違い")
    assert_axe_clean(page)
    page.get_by_label("適格請求書発行事業者の登録番号").fill("T9000000000000")
    page.get_by_role("button", name="保存する").click()
    expect(page.get_by_text("保存しました。")).to_be_visible()
    assert_fits(page)
    assert_axe_clean(page)
