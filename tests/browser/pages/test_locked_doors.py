"""Pages about locks on a phone: paused bands, one number for several doors, what is true of each."""

from datetime import timedelta

from playwright.sync_api import Page, expect

from booking.places.doors import add_door
from locks.models import AccessPointKind
from tests.browser.pages.conftest import Served
from tests.browser.pages.test_resident_pages import assert_fit_for_everybody, sign_in
from tests.integration.booking.locked_doors import fit, speak, spoken
from tests.integration.booking.town import NOW, Town, at, window


def put(town: Town, kind: AccessPointKind, *, beside: str | None = "入口", name: str | None = None) -> int:
    with town.database.transaction() as session:
        return add_door(
            session,
            municipality_id=town.municipality_id,
            facility_name="見本小学校",
            kind=kind,
            beside=beside,
            name=name,
            now=NOW,
        )


def test_paused_bands_are_fit_for_everybody_and_say_why(page: Page, served: Served) -> None:
    town = served.site.town
    spoken(town)
    served.site.clock.instant = NOW + timedelta(days=9)
    day = (NOW + timedelta(days=16)).date()
    page.goto(f"{served.url}/facilities/{town.gym}?day={day}")
    assert_fit_for_everybody(page)
    expect(page.locator(".band.paused").first).to_contain_text("電子錠と通信できません")
    expect(page.locator("a.band")).to_have_count(0)
    page.goto(f"{served.url}/offerings/{town.full}?month={day:%Y-%m}")
    assert_fit_for_everybody(page)
    page.get_by_text("受付を休止している時間帯").tap()
    expect(page.get_by_text("12月7日(月) 08:00")).to_be_visible()
    assert_fit_for_everybody(page)
    start = window(10, 12, day).granules.start
    page.goto(f"{served.url}/offerings/{town.full}/book?start={start}&length=4")
    assert_fit_for_everybody(page)
    expect(page.get_by_role("main")).to_contain_text("通信が戻ると再開します")


def test_three_doors_of_one_number_are_fit_for_everybody(page: Page, served: Served) -> None:
    town = served.site.town
    doors = [spoken(town), fit(town, put(town, AccessPointKind.KEY_BOX))]
    put(town, AccessPointKind.GATE, name="見本小学校 とても長い名前の北側駐車場わきの通用門")
    put(town, AccessPointKind.PADLOCK, beside=None)
    paid = town.confirmed()
    for door in doors:
        speak(town, door)
    sign_in(page, served)
    served.site.clock.instant = at(9.5)
    page.goto(f"{served.url}/reservations/{paid}/code")
    assert_fit_for_everybody(page)
    expect(page.locator(".code")).to_have_count(2)
    expect(page.get_by_text("鍵を戻すときも同じ番号")).to_be_visible()
    page.goto(f"{served.url}/reservations/{paid}")
    assert_fit_for_everybody(page)
    expect(page.locator(".doors li")).to_have_count(4)
    served.site.clock.instant = NOW
    page.goto(f"{served.url}/reservations/{paid}/cancel")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_text("電子錠への取消しの連絡")).to_be_visible()
    expect(page.locator(".doors li")).to_have_count(4)
    assert_fit_for_everybody(page)
