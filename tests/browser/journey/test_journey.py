"""One journey through everything: find, book, pay, open the door, cancel; and the office that sees it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from booking.demo.town import Town
from core.clock import SystemClock, civil_day
from tests.browser.journey.canary import Canary
from tests.browser.journey.walker import ASKS_WHO, DECLINED, Walker
from tests.browser.journey.windows import clock_words, hours_ahead, running

pytestmark = pytest.mark.timeout(240)

GYM = "見本体育館"
RESIDENT = "mihon-shimin@example.jp"


def test_a_resident_opens_the_door_and_the_office_sees_it(
    new_walker: Callable[..., Walker], town: Town, canary: Canary
) -> None:
    resident = new_walker()
    half_a = resident.offering_id(GYM, "半面A")
    _find(resident, half_a)
    _sign_in_on_the_way(resident)
    reservation = _hold(resident)
    _pay_after_a_refusal(resident)
    code = _see_code(resident)
    _open_door(resident, town, code)
    _see_it_used(resident, reservation)
    _cancel_another(resident, half_a)
    _look_around(resident)
    _ask_for_approval(new_walker)
    _without_a_group(new_walker("mihon-hitori@example.jp"), half_a)
    _office(new_walker("mihon-kanri@example.jp"))
    assert canary.codes == {code}
    assert canary.leaks() == []


def _find(resident: Walker, half_a: int) -> None:
    """From the list of schools to a window, all by touch where it has not begun its last half hour."""
    page = resident.page
    resident.open("/")
    resident.look("空きをさがす")
    page.get_by_text("日付・条件を変える").tap()
    resident.look("空きをさがす")
    page.locator("summary", has_text=GYM).tap()
    resident.tap(f"{GYM}の案内", "link")
    resident.look(GYM)
    page.locator(".offering", has_text="半面A").get_by_role("link", name="月の空き").tap()
    resident.look("体育館 半面A")
    start, length = running()
    if length == 2:
        page.locator(f"a[href*='/book?start={start}&']").first.tap()
    else:
        resident.ask_to_book(half_a, start, length)
    resident.look("予約内容の確認")
    expect(page.locator(".summary-when")).to_contain_text(clock_words(start))


def _sign_in_on_the_way(resident: Walker) -> None:
    resident.tap("ログインして予約に進む", "link")
    resident.look("ログイン")
    resident.page.get_by_label("メールアドレス").fill(RESIDENT)
    resident.page.get_by_label("パスワード").fill("not this one")
    resident.tap("ログインする")
    resident.look("ログイン")
    expect(resident.page.get_by_role("alert")).to_be_visible()
    resident.sign_in(RESIDENT)
    resident.look("予約内容の確認")


def _hold(resident: Walker) -> str:
    book = resident.page.url
    resident.open("/reservations")
    resident.look("予約")
    expect(resident.page.get_by_text("これからの予約はありません。")).to_be_visible()
    resident.page.goto(book)
    resident.tap("予約する")
    resident.look("お支払いへ")
    reservation = resident.page.url
    resident.open("/reservations")
    resident.look("予約")
    expect(resident.page.locator(".card")).to_contain_text("支払い待ち")
    resident.page.goto(reservation)
    return reservation


def _pay_after_a_refusal(resident: Walker) -> None:
    resident.tap("支払う")
    resident.look("カードでのお支払い")
    resident.fill_card(DECLINED)
    resident.look("カードでのお支払い")
    expect(resident.page.get_by_role("alert")).to_contain_text("カードが承認されませんでした")
    resident.fill_card(ASKS_WHO)
    resident.look("本人認証")
    resident.tap("認証を完了する")
    resident.wait_for_confirmation()
    resident.look("予約が確定しました")


def _see_code(resident: Walker) -> str:
    resident.tap("暗証番号を見る", "link")
    resident.look("暗証番号")
    expect(resident.page.locator("[data-standing]")).to_have_attribute(
        "data-standing", re.compile("derivable|on_the_lock")
    )
    return resident.read_code()


def _open_door(resident: Walker, town: Town, code: str) -> None:
    page = resident.page
    page.goto(town.at.doors_url)
    resident.look("模擬の電子錠")
    page.get_by_role("link", name=GYM).tap()
    resident.look(GYM)
    # Another test may just have opened it too: what counts is that the lock tells of one more opening.
    openings = page.locator("#log li", has_text="解錠(暗証番号")
    expect(page.locator("#applied")).to_contain_text("版")
    before = openings.count()
    for digit in code:
        page.locator(f".key[data-key='{digit}']").tap()
    resident.tap("確定")
    expect(openings).to_have_count(before + 1)
    expect(page.locator("#bolt")).to_have_text("解錠")
    expect(page.locator("#message")).to_have_text("開きました。どうぞ")
    resident.look(GYM)


def _see_it_used(resident: Walker, reservation: str) -> None:
    page = resident.page
    page.goto(reservation)
    for _ in range(60):
        if page.locator("[data-state=used]").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    resident.look("予約の内容")
    expect(page.locator("[data-state=used]")).to_contain_text("利用中")
    expect(page.locator(".history")).to_contain_text("扉が開きました")


def _cancel_another(resident: Walker, half_a: int) -> None:
    page = resident.page
    reservation = resident.hold(half_a, hours_ahead(0, days=3), 2)
    resident.pay()
    page.goto(f"{reservation}/code")
    resident.look("暗証番号")
    expect(page.get_by_text("まだ表示できません")).to_be_visible()
    page.goto(reservation)
    resident.look("予約の内容")
    resident.tap("この予約を取り消す", "link")
    resident.look("予約を取り消しますか")
    paid = page.locator(".facts dd").first.inner_text()
    expect(page.locator(".facts .amount")).to_have_text(paid)
    resident.tap("取り消す")
    resident.look("予約の内容")
    expect(page.locator("[data-state=cancelled]")).to_be_visible()
    expect(page.get_by_text("電子錠への取消しの連絡")).to_be_visible()


def _look_around(resident: Walker) -> None:
    resident.open("/reservations")
    resident.look("予約")
    expect(resident.page.locator(".card")).to_have_count(2)
    resident.open("/sessions")
    resident.look("設定")
    expect(resident.page.get_by_text("この端末", exact=True)).to_be_visible()
    resident.open("/nowhere")
    resident.look("ページが見つかりません")
    resident.open("/manage")
    resident.look("ページが見つかりません")


def _ask_for_approval(new_walker: Callable[..., Walker]) -> None:
    """見本武道館: asked for by a resident, granted by the office, then to be paid."""
    asking = new_walker("mihon-shimin3@example.jp")
    day = civil_day(SystemClock().now()) + timedelta(days=4)
    asking.open(f"/days/{day}")
    asking.page.locator("summary", has_text="見本武道館").tap()
    asking.tap("見本武道館の案内", "link")
    asking.look("見本武道館")
    asking.page.locator("a.band.free").first.tap()
    asking.look("予約内容の確認")
    asking.tap("申し込む")
    asking.look("予約の内容")
    expect(asking.page.get_by_text("職員の承認を待っています")).to_be_visible()
    office = new_walker("mihon-kanri@example.jp")
    office.open("/manage/approvals")
    office.look("承認待ち")
    office.tap("承認する")
    office.look("承認待ち")
    expect(office.page.get_by_text("承認しました。")).to_be_visible()
    asking.page.reload()
    asking.look("お支払いへ")


def _without_a_group(alone: Walker, half_a: int) -> None:
    alone.ask_to_book(half_a, hours_ahead(0, days=3), 2)
    alone.look("予約内容の確認")
    expect(alone.page.get_by_text("予約には団体の登録が必要です")).to_be_visible()
    expect(alone.page.get_by_text("見本 施設予約担当")).to_be_visible()
    expect(alone.page.get_by_role("button", name="予約する")).to_have_count(0)


def _office(office: Walker) -> None:
    page = office.page
    office.open("/manage")
    office.look("今日の予定")
    expect(page.locator(".locks")).to_contain_text(f"{GYM} 入口")
    expect(page.locator(".events")).to_contain_text("暗証番号で解錠")
    for address, heading in (
        ("utilisation", "利用状況"),
        ("closures", "利用不可日"),
        ("mail", "一斉メール"),
    ):
        office.open(f"/manage/{address}")
        office.look(heading)
    office.open("/demo/mails")
    office.look("届いたメール")
    for subject in ("予約が確定しました", "予約を取り消しました"):
        expect(page.get_by_role("heading", name=subject).first).to_be_visible()
