"""Staff codes, doors held open and shelters in the browser, wide and narrow: used, and open to everybody."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from booking.app.factory import create_app
from booking.people.models import Role
from booking.people.passwords import hash_password
from booking.places.models import OfferingAccessPoint
from core.database import Database
from locks.installation import add_access_point, add_lock
from tests.browser.manage.conftest import PASSWORD, SignIn, assert_good
from tests.integration.manage.conftest import services_over
from tests.integration.manage.town import NOW, TODAY, StoppedClock, Town, window
from tests.servers.serving import serving

LONG = "とても長い名前の見本市立第二中学校夜間開放用体育館兼避難所 北側通用口キーボックス"


@pytest.fixture
def base(sqlite_database_url: str) -> Iterator[str]:
    """A town of two schools with doors, two managers and a caretaker, served on loopback."""
    database, clock = Database(sqlite_database_url), StoppedClock()
    services = services_over(database, clock)
    with database.transaction() as session:
        town = Town(session).found()
        given = hash_password(PASSWORD)
        for name, address in (("見本 係長", "manager@example.jp"), ("見本 課長", "second@example.jp")):
            town.account(address, role=Role.MANAGER, name=name, password_hash=given)
        caretaker = town.account("kanri@example.jp", name="見本 管理人", password_hash=given)
        places = [town.school("近くの小学校"), town.school("遠くの中学校")]
        for place, name in zip(places, ("近くの小学校 体育館 入口", LONG), strict=True):
            point = add_access_point(
                session, municipality_id=1, name=name, kind="door_lock", courts=place.courts, now=NOW
            )
            session.add(OfferingAccessPoint(offering_id=place.full, access_point_id=point))
        add_lock(session, services.keyring, access_point_id=1, now=NOW)
        group = town.group("見本団体01", caretaker)
        town.reservation(places[0].full, window(TODAY, 19, 21), account=caretaker, group=group)
    with serving(create_app(services)) as url:
        yield url
    database.dispose()


def test_a_code_is_given_seen_by_its_person_and_ended(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", "/manage/staff-codes")
    expect(page.get_by_text("いま有効な番号はありません")).to_be_visible()
    assert_good(page)
    page.get_by_label("本人のメールアドレス").fill("kanri@example.jp")
    page.get_by_label("用途").fill("夜間の管理人")
    page.get_by_label("すべての施設").check()
    page.get_by_role("button", name="発行する").click()
    expect(page.get_by_text("番号を発行しました")).to_be_visible()
    page.locator("summary", has_text="対象の電子錠 2か所").click()
    assert_good(page)

    own = sign_in("kanri@example.jp", "/my/staff-codes")
    expect(own.locator(".code")).to_have_count(2)
    expect(own.get_by_text(re.compile("次の通信で使えます"))).to_have_count(2)
    assert_good(own)
    own.get_by_role("link", name="近くの小学校 体育館 入口を開けたままにする").click()
    own.get_by_label("いつまで").select_option(index=2)
    own.get_by_role("button", name="この時刻まで開けたままにする").click()
    expect(own.get_by_text("開けたままの指示が出ています")).to_be_visible()
    assert_good(own)

    page.get_by_role("button", name=re.compile("終了する")).click()
    expect(page.get_by_text("終わった番号 1件")).to_be_visible()
    assert_good(page)
    answer = own.goto("/my/staff-codes")
    assert answer is not None
    assert answer.status == 404


def test_a_shelter_is_asked_for_approved_by_another_watched_and_ended(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", "/manage/shelter")
    assert_good(page)
    page.get_by_label("理由").fill("大雨のため")
    page.get_by_role("button", name="影響する予約を確かめる").click()
    expect(page.get_by_text("予約1件が取り消されます")).to_be_visible()
    assert_good(page)
    page.get_by_role("button", name="この内容で申請する").click()
    expect(page.get_by_text("ほかの管理者の承認を待っています")).to_be_visible()
    assert_good(page)

    second = sign_in("second@example.jp", "/manage/shelter")
    second.get_by_role("link", name="大雨のため").click()
    assert_good(second)
    second.get_by_role("button", name="1件を取り消して開設する").click()
    expect(second.get_by_text("0 / 2か所")).to_be_visible()
    assert_good(second)
    second.get_by_role("button", name="避難所を終える").click()
    expect(second.get_by_text("終了しました。")).to_be_visible()
    assert_good(second)


def test_a_manager_lets_a_door_rest(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", "/manage/access-points/2/hold-open")
    assert_good(page)
    page.get_by_label("最後の日").fill(TODAY.isoformat())
    page.get_by_role("button", name="この日まで休止にする").click()
    expect(page.get_by_text("休止の指示が出ています")).to_be_visible()
    assert_good(page)


def test_the_sheet_comes_as_a_file(sign_in: SignIn) -> None:
    page = sign_in("manager@example.jp", "/manage/shelter")
    with page.expect_download() as coming:
        page.get_by_role("button", name="一覧(PDF)を作る").click()
    assert coming.value.suggested_filename == "kinkyu-20261121.pdf"
    page.reload()
    expect(page.get_by_text("に作った一覧が使えます")).to_be_visible()
