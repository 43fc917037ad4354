"""Relief asked for and decided, tables changed and tried: by pointer, at two sizes, and without scripts."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.fees.conftest import LONG_NAME, Served, page_of
from tests.browser.manage.conftest import assert_good
from tests.integration.fees.asking import EVENING, HALF, REFUSAL, ask, decide


def book_page(served: Served) -> str:
    granules = EVENING.granules
    return f"/offerings/{served.site.town.full}/book?start={granules.start}&length={len(granules)}"


def test_the_managers_pages_are_open_to_everybody(chromium: Browser, served: Served, size: str) -> None:
    town = served.site.town
    trial = f"offering={town.full}&on=2026-11-28&first=1080&last=1200&category=youth&out_of_town=1"
    with page_of(chromium, served, town.manager, size=size) as page:
        for address in ("relief", "fees", f"fees?{trial}", "fees?day=2019-01-01"):
            page.goto(f"/manage/money/{address}")
            for closed in page.locator("details > summary").all():
                closed.click()
            assert_good(page)
    decide(town, served.application, REFUSAL)
    with page_of(chromium, served, town.manager, size=size) as page:
        page.goto("/manage/money/relief")
        expect(page.get_by_text("決定を待っている申請はありません")).to_be_visible()
        assert_good(page)


def test_the_residents_pages_are_open_to_everybody(chromium: Browser, served: Served, size: str) -> None:
    town = served.site.town
    with page_of(chromium, served, town.resident, size=size) as page:
        for address in ("/my/relief", book_page(served)):
            page.goto(address)
            assert_good(page)
    with page_of(chromium, served, town.manager, size=size) as page:
        page.goto("/my/relief")
        expect(page.get_by_text("まだ申請はありません")).to_be_visible()
        expect(page.get_by_text("申請には団体の登録が必要です")).to_be_visible()
        assert_good(page)


def test_relief_is_asked_for_and_decided_without_scripts(
    chromium: Browser, served: Served, tmp_path: Path
) -> None:
    town = served.site.town
    letter = tmp_path / "依頼状.pdf"
    letter.write_bytes(b"%PDF-1.7\n")
    with page_of(chromium, served, town.resident, size="phone", scripts=False) as page:
        page.goto(book_page(served))
        page.get_by_role("link", name="減免の申請").click()
        page.get_by_label("見本団体02").check()
        page.get_by_label("利用日のはじまり").fill("2026-11-28")
        page.get_by_label("利用日のおわり").fill("2026-11-28")
        page.get_by_label("理由").fill("福祉まつりのため")
        page.locator("#document").set_input_files(letter)
        page.get_by_role("button", name="申請する").click()
        expect(page.get_by_text("申請を受け付けました")).to_be_visible()
        expect(page.get_by_text("依頼状.pdf")).to_be_visible()
    with page_of(chromium, served, town.manager, size="phone", scripts=False) as page:
        page.goto("/manage/money/relief")
        card = page.locator(".approval", has_text="見本団体02")
        card.get_by_label("割合で減免").check()
        card.get_by_label("割合（%）").fill("200")
        card.get_by_label("決定の理由").fill("規則第5条による")
        card.get_by_role("button", name="決定する").click()
        expect(page.get_by_role("alert")).to_contain_text("割合は1から100まで")
        expect(card.get_by_label("割合で減免")).to_be_checked()
        card.get_by_label("割合（%）").fill("80")
        card.get_by_role("button", name="決定する").click()
        expect(page.get_by_text("減免を決定しました")).to_be_visible()
        expect(page.get_by_text("80%減免")).to_be_visible()
    with page_of(chromium, served, town.resident, size="phone", scripts=False) as page:
        page.goto("/my/relief")
        expect(page.get_by_text("80%減免")).to_be_visible()
        page.get_by_role("button", name="申請を取り下げる").click()
        expect(page.get_by_text("申請を取り下げました")).to_be_visible()


def test_the_price_shows_the_granted_relief_before_booking(
    chromium: Browser, served: Served, size: str
) -> None:
    town = served.site.town
    decide(town, served.application, REFUSAL)
    decide(town, ask(town, key="another key of the group"), HALF)
    with page_of(chromium, served, town.resident, size=size) as page:
        page.goto(book_page(served))
        table = page.locator("table", has_text=LONG_NAME)
        expect(table).to_contain_text("減免決定（使用料 50%）")
        expect(table).to_contain_text("300円 × 2時間")
        expect(table.locator(".amount")).to_have_text("600円")
        expect(table).to_contain_text("うち消費税（10%）54円")
        assert_good(page)


def test_a_rate_is_added_and_tried(chromium: Browser, served: Served, size: str) -> None:
    town = served.site.town
    with page_of(chromium, served, town.manager, size=size) as page:
        page.goto("/manage/money/fees")
        page.get_by_text("使用料を加える").first.click()
        form = page.locator("form[action='/manage/money/fees/rates']")
        for label, choice in (
            ("室場", "体育館"),
            ("広さ", "全面"),
            ("項目", "冷房使用料"),
            ("単位", "1区分"),
        ):
            form.get_by_label(label).select_option(label=choice)
        form.get_by_label("金額（円）").fill("1200")
        form.get_by_label("12月").uncheck()
        form.get_by_label("いつの利用分から").fill("2027-01-10")
        form.get_by_role("button", name="使用料を加える").click()
        expect(page.get_by_text("料金表に加えました")).to_be_visible()
        later = page.locator("table", has_text="これから変わる分")
        expect(later).to_contain_text("体育館 全面 冷房使用料")
        expect(later).to_contain_text("1〜11月")
        expect(later).to_contain_text("2027/1/10から")
        page.get_by_label("貸出単位").select_option(label="見本小学校 体育館 全面")
        page.get_by_label("利用日").fill("2026-11-28")
        page.get_by_role("button", name="試算する").click()
        expect(page.locator("table", has_text="試算の結果")).to_contain_text("1,200円")
        assert_good(page)
