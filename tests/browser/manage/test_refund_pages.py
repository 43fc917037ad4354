"""Money that goes back in the browser, wide and narrow: by two people, alerts, rules; open to everybody."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from booking.app.factory import create_app
from booking.people.models import Role
from booking.people.passwords import hash_password
from booking.reservations.models import State
from core.database import Database
from tests.browser.manage.conftest import PASSWORD, SignIn, assert_good
from tests.integration.manage.conftest import services_over
from tests.integration.manage.town import TODAY, StoppedClock, Town, window
from tests.servers.serving import serving

LONG = "とても長い名前の見本市立第二中学校夜間開放用体育館を使うバレーボールの見本団体"
REFUNDS = "/manage/money/refunds"


@pytest.fixture
def base(sqlite_database_url: str) -> Iterator[str]:
    """Two schools, paid reservations of a large sum, two managers and a resident, served on loopback."""
    database, clock = Database(sqlite_database_url), StoppedClock()
    with database.transaction() as session:
        town = Town(session).found()
        given = hash_password(PASSWORD)
        for name, address in (("見本 係長", "manager@example.jp"), ("見本 課長", "second@example.jp")):
            town.account(address, role=Role.MANAGER, name=name, password_hash=given)
        resident = town.account("hanako@example.jp", password_hash=given)
        group = town.group(LONG, resident)
        near, far = town.school("近くの小学校"), town.school(LONG)
        for place, hours, state in (
            (near.full, (19, 21), State.CONFIRMED),
            (near.halves[0], (9, 12), State.NO_SHOW),
            (far.full, (13, 17), State.CONFIRMED),
        ):
            town.reservation(
                place, window(TODAY, *hours), account=resident, group=group, state=state, amount_yen=12_000
            )
    with serving(create_app(services_over(database, clock))) as url:
        yield url
    database.dispose()


def test_a_large_sum_is_chosen_looked_at_and_given_by_two_people(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", REFUNDS)
    expect(page.get_by_text("承認を待つ還付はありません。")).to_be_visible()
    assert_good(page)
    page.get_by_role("link", name="まとめて還付").click()
    assert_good(page)
    for box in page.locator("input[name=reservation]").all():
        box.check()
    page.get_by_label("割合(%)").fill("50")
    page.get_by_label("理由").fill("暖房の故障のため")
    page.get_by_role("button", name="内容を確かめる").click()
    expect(page.get_by_role("heading", name="3件 合計 18,000円")).to_be_visible()
    assert_good(page)
    page.get_by_role("button", name="承認を依頼する").click()
    expect(page.get_by_text("作成した人は承認も却下もできません")).to_be_visible()
    assert_good(page)

    second = sign_in("second@example.jp", REFUNDS)
    second.get_by_role("link", name="暖房の故障のため").click()
    assert_good(second)
    second.get_by_role("button", name="18,000円の還付を承認する").click()
    expect(second.get_by_text("承認しました。")).to_be_visible()
    assert_good(second)
    second.goto(REFUNDS)
    expect(second.locator(".day-lines").first.get_by_text("返金の予定")).to_have_count(3)
    assert_good(second)


def test_an_alert_is_declared_and_the_resident_gives_up_with_all_the_money(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", f"{REFUNDS}/alerts")
    assert_good(page)
    page.get_by_label("熱中症警戒アラート").check()
    page.get_by_label("補足").fill("水分をとってください")
    page.get_by_role("button", name="発表する").click()
    expect(page.get_by_text("発表しました。")).to_be_visible()
    assert_good(page)

    own = sign_in("hanako@example.jp", "/reservations")
    own.locator("main a[href^='/reservations/']").first.click()
    expect(own.get_by_text("熱中症警戒アラートが出ています")).to_be_visible()
    assert_good(own)
    own.get_by_role("link", name="この予約を取り消す").click()
    expect(own.locator(".facts .amount")).to_have_text("12,000円")
    assert_good(own)
    own.get_by_role("button", name="取り消す").click()
    expect(own.locator("[data-refund=owed]")).to_contain_text("返金の予定")
    assert_good(own)

    page.get_by_role("button", name="取り下げる").click()
    expect(page.get_by_text("取り下げました。")).to_be_visible()
    assert_good(page)


def test_a_policy_of_stages_is_added_and_read_in_words(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", f"{REFUNDS}/policies")
    assert_good(page)
    page.get_by_label("対象").select_option("kind-ground")
    page.get_by_label("1つめの期限", exact=True).fill("30")
    page.get_by_label("2つめの期限", exact=True).fill("7")
    page.get_by_label("2つめの割合(%)").fill("500")
    page.get_by_role("button", name="登録する").click()
    expect(page.locator("#error-summary")).to_contain_text("割合は0から100まで")
    assert_good(page)
    page.get_by_label("2つめの割合(%)").fill("50")
    page.get_by_role("button", name="登録する").click()
    expect(page.get_by_role("heading", name="グラウンド これから")).to_be_visible()
    expect(page.get_by_text("開始の7日前の同じ時刻まで")).to_be_visible()
    assert_good(page)
