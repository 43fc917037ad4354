"""One lock's pages in the browser, wide and narrow: read, put in, taken off, without a script of ours."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from booking.fleet.acts import ACTS
from core.secrets import Keyring
from locks.installation import add_access_point, add_lock
from locks.models import Lock
from tests.browser.manage.conftest import Office, assert_fits
from tests.integration.manage.town import NOW
from tests.servers.browser import assert_axe_clean

LONG = "近くの小学校 体育館 西側の渡り廊下のいちばん奥にある用具庫の横の通用口"
NEW = "/manage/access-points/new-lock"


@pytest.fixture
def lock(office: Office) -> str:
    """A lock with a long name that has spoken once; one more place has none."""
    with office.database.transaction() as session:
        group = add_access_point(session, municipality_id=1, name=LONG, kind="door_lock", courts=[1], now=NOW)
        add_access_point(session, municipality_id=1, name="校門", kind="gate", courts=[1], now=NOW)
        made = add_lock(session, Keyring.of_hex("00" * 32), access_point_id=group, now=NOW)
        session.execute(
            sa.update(Lock)
            .where(Lock.id == made.lock)
            .values(
                last_contact_at=NOW + timedelta(seconds=1),
                battery_mv=5870,
                temperature_c=12,
                bolt="locked",
                door="closed",
                clock_quality="synced",
                hardware="sim-1",
            )
        )
    return made.lock


def test_every_page_of_a_lock_fits_and_is_open_to_everybody(manager_page: Page, lock: str) -> None:
    for path in (f"/manage/locks/{lock}", *(f"/manage/locks/{lock}/{slug}" for slug in ACTS), NEW):
        answer = manager_page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(manager_page)
        assert_axe_clean(manager_page)


def test_a_manager_replaces_a_lock_and_sees_its_secrets_once(manager_page: Page, lock: str) -> None:
    manager_page.goto(f"/manage/locks/{lock}")
    manager_page.get_by_role("link", name="電子錠を交換する").click()
    manager_page.get_by_label("理由").fill("見本の故障")
    manager_page.get_by_role("button", name="交換する").click()
    expect(manager_page.get_by_role("heading", name="電子錠の設定情報")).to_be_visible()
    square = manager_page.locator("svg.qr").first.bounding_box()
    assert square is not None
    # Wide enough for a phone's camera, and a square.
    assert square["width"] > 300
    assert abs(square["width"] - square["height"]) < 1
    secret = manager_page.locator(".secrets code").first.inner_text()
    assert_fits(manager_page)
    assert_axe_clean(manager_page)
    manager_page.get_by_role("link", name="入力が終わったので、設置の確認へ").click()
    expect(manager_page.get_by_text("0 / 4 済み")).to_be_visible()
    assert secret not in manager_page.content()
    assert secret not in manager_page.url


def test_a_manager_takes_a_lock_off(manager_page: Page, lock: str) -> None:
    manager_page.goto(f"/manage/locks/{lock}")
    manager_page.get_by_role("link", name="電子錠を外す").click()
    manager_page.get_by_label("理由").fill("改修のため(見本)")
    manager_page.get_by_role("button", name="外す", exact=True).click()
    expect(manager_page.get_by_text("番号を消して取り外しが完了します")).to_be_visible()
    assert_axe_clean(manager_page)
