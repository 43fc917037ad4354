"""A manager's day in the browser, wide and narrow: seen, used by keyboard and pointer, open to everybody."""

import re
from datetime import timedelta

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from booking.reservations.models import Reservation, State
from core.owed import Owed
from tests.browser.manage.conftest import Office, assert_fits
from tests.integration.manage.town import TODAY
from tests.servers.browser import assert_axe_clean


def owed_templates(office: Office) -> list[str]:
    with office.database.reading() as session:
        return [row.payload["template"] for row in session.scalars(sa.select(Owed))]


PATHS = (
    "/manage",
    "/manage?day=2027-01-30",
    "/manage/approvals",
    "/manage/closures",
    "/manage/mail",
    "/manage/locks",
    "/manage/locks?show=troubled&q=nothing",
    "/manage/alarms",
    "/manage/alarms?kind=battery_low",
    "/manage/quarantine",
    "/manage/utilisation?month=2026-10",
    "/manage/utilisation?month=2026-11&view=booked",
)


def test_each_page_fits_and_is_open_to_everybody(manager_page: Page) -> None:
    for path in PATHS:
        answer = manager_page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(manager_page)
        assert_axe_clean(manager_page)


def test_the_board_shows_reservations_locks_and_what_opened(manager_page: Page) -> None:
    board = manager_page.locator("#board")
    expect(board.get_by_role("heading", name="今日の予定")).to_be_visible()
    expect(board.locator(".day-lines").get_by_text("利用中", exact=True)).to_have_count(1)
    lock = board.locator(".lock")
    expect(lock).to_contain_text("近くの小学校 体育館 正面入口")
    expect(lock).to_contain_text("電池の残りが少ない")
    expect(lock).to_contain_text("反映待ち")
    expect(board.locator(".events li")).to_contain_text("暗証番号で解錠")


def test_an_alarm_is_seen_once_with_a_note(manager_page: Page) -> None:
    manager_page.goto("/manage")
    manager_page.get_by_role("link", name="確認待ちの警報").click()
    expect(manager_page.get_by_role("heading", name="電池の残りが少ない")).to_be_visible()
    manager_page.get_by_label("メモ").fill("電池を手配")
    manager_page.get_by_role("button", name="確認した").click()
    expect(manager_page.get_by_text("確認待ちの警報はありません")).to_be_visible()
    expect(manager_page.get_by_text("見本 係長が確認:電池を手配")).to_be_visible()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)


def test_the_fleet_leads_to_its_locks(manager_page: Page) -> None:
    manager_page.goto("/manage/locks")
    manager_page.get_by_label("施設・扉の名前").fill("近く")
    manager_page.get_by_role("button", name="探す").click()
    expect(manager_page.locator(".fleet-list tbody tr")).to_have_count(1)
    manager_page.get_by_role("link", name="近くの小学校 体育館 正面入口").click()
    expect(manager_page).to_have_url(re.compile("/manage/locks/0000000000000001$"))


def test_the_board_renews_itself_without_being_touched(manager_page: Page, office: Office) -> None:
    manager_page.clock.install()
    manager_page.goto("/manage")
    expect(manager_page.locator(".board-time")).to_contain_text("09:00 現在")
    office.clock.advance(timedelta(minutes=5))
    manager_page.clock.run_for(31_000)
    expect(manager_page.locator(".board-time")).to_contain_text("09:05 現在")
    expect(manager_page.locator("#board")).to_have_count(1)


def test_a_request_is_approved_with_one_button(manager_page: Page, office: Office) -> None:
    manager_page.goto("/manage/approvals")
    manager_page.get_by_role("button", name=re.compile("承認する")).click()
    expect(manager_page.get_by_text("承認しました。")).to_be_visible()
    assert_axe_clean(manager_page)
    assert owed_templates(office) == ["approved"]


def test_a_request_is_rejected_with_its_reason(manager_page: Page, office: Office) -> None:
    manager_page.goto("/manage/approvals")
    manager_page.locator("summary", has_text="承認しない").click()
    manager_page.get_by_label("理由").fill("学校行事のため")
    assert_axe_clean(manager_page)
    manager_page.get_by_role("button", name="承認しないと伝える").click()
    expect(manager_page.get_by_text("承認しないことを")).to_be_visible()
    with office.database.reading() as session:
        rejected = session.scalars(sa.select(Reservation).where(Reservation.state == State.REJECTED)).one()
    assert rejected.reason == "学校行事のため"


def test_a_reservation_is_taken_back_with_its_reason(manager_page: Page, office: Office) -> None:
    with office.database.reading() as session:
        wanted = session.scalars(sa.select(Reservation.id).where(Reservation.state == State.REQUESTED)).one()
    manager_page.goto(f"/reservations/{wanted}")
    assert_axe_clean(manager_page)
    manager_page.get_by_role("link", name="この予約を取り消す").click()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
    manager_page.get_by_label("理由").fill("床の補修（見本）")
    manager_page.get_by_role("button", name="取り消す", exact=True).click()
    expect(manager_page.get_by_text("床の補修（見本）")).to_be_visible()
    assert_axe_clean(manager_page)
    with office.database.reading() as session:
        assert session.get_one(Reservation, wanted).state == State.CANCELLED


def test_a_place_is_closed_after_seeing_whom_it_hits(manager_page: Page, office: Office) -> None:
    manager_page.goto("/manage/closures")
    manager_page.get_by_label("施設").select_option(label="近くの小学校 体育館")
    manager_page.get_by_label("はじまりの時刻").select_option("18:00")
    manager_page.get_by_label("理由").fill("床の工事のため")
    manager_page.get_by_role("button", name="影響する予約を確かめる").click()
    expect(manager_page.get_by_text("予約1件が取り消されます")).to_be_visible()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
    manager_page.get_by_role("button", name="1件を取り消して登録する").click()
    expect(manager_page.get_by_text("利用不可日を登録しました。")).to_be_visible()
    assert owed_templates(office) == ["revoked"]
    manager_page.get_by_role("button", name=re.compile("解除する")).click()
    expect(manager_page.get_by_text("利用不可日を解除しました。")).to_be_visible()


def test_everybody_of_a_day_is_written_to_after_a_look_at_it(manager_page: Page, office: Office) -> None:
    manager_page.goto("/manage/mail")
    manager_page.get_by_label("施設").select_option(label="近くの小学校")
    manager_page.get_by_label("利用日").fill(TODAY.isoformat())
    manager_page.get_by_label("件名").fill("暖房について")
    manager_page.get_by_label("本文").fill("暖房が動きません。\n暖かい服でお越しください。")
    manager_page.get_by_role("button", name="宛先と文面を確かめる").click()
    expect(manager_page.get_by_text("予約3件")).to_be_visible()
    assert_axe_clean(manager_page)
    manager_page.get_by_role("button", name="1人に送る").click()
    expect(manager_page.get_by_text("送っています。")).to_be_visible()
    assert_axe_clean(manager_page)
    assert owed_templates(office) == ["bulk"]


def test_the_heatmap_says_in_words_and_figures_what_it_shows(manager_page: Page) -> None:
    manager_page.goto("/manage/utilisation?month=2026-10")
    drawing = manager_page.get_by_role("img", name=re.compile("2026年10月の利用率"))
    expect(drawing).to_be_visible()
    expect(drawing.locator(".heat-figure.t-2")).to_have_text("33")
    with manager_page.expect_download() as download:
        manager_page.get_by_role("link", name="CSVで保存").click()
    assert download.value.suggested_filename == "utilisation-2026-10.csv"


def test_nothing_of_a_managers_page_is_left_after_signing_out(manager_page: Page) -> None:
    manager_page.context.clear_cookies()
    manager_page.goto("/manage/approvals")
    expect(manager_page).to_have_url(re.compile("/sign-in"))
