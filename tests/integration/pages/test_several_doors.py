"""One code, several doors: each says for itself whether it has it, on the pages, the board and the API."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booking.places.doors import add_door
from locks.models import AccessPointKind
from tests.integration.booking.locked_doors import fit, speak, spoken
from tests.integration.booking.town import NOW, account, at, window
from tests.integration.pages.conftest import Site, send

SHOWN = re.compile(r'data-door-code="(\d{8})"')
STANDING = re.compile(r'data-standing="(\w+)"')
REVEAL = at(7)
DOOR, BOX = "入口", "見本小学校 キーボックス"


def put(site: Site, kind: AccessPointKind, beside: str | None = DOOR) -> int:
    with site.town.database.transaction() as session:
        return add_door(
            session,
            municipality_id=site.town.municipality_id,
            facility_name="見本小学校",
            kind=kind,
            beside=beside,
            now=NOW,
        )


def code_page(site: Site, reservation_id: UUID, when: datetime = REVEAL) -> str:
    site.clock.instant = when
    answer = site.browser(site.town.resident).get(f"/reservations/{reservation_id}/code")
    assert answer.status_code == 200
    return answer.text


def api(site: Site, reservation_id: UUID) -> dict[str, Any]:
    answer = site.browser(site.town.resident).get(f"/api/v1/reservations/{reservation_id}/codes-standing")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.text)
    return found


def test_doors_with_one_code_share_one_number_and_each_says_how_it_stands(site: Site) -> None:
    spoken(site.town)
    put(site, AccessPointKind.KEY_BOX)
    put(site, AccessPointKind.GATE)
    page = code_page(site, site.town.confirmed())
    assert len(SHOWN.findall(page)) == 1
    assert "この3か所は、同じ番号で開きます" in page
    assert STANDING.findall(page) == ["derivable", "call_us", "call_us"]
    assert "鍵を戻すときも同じ番号" in page
    assert "必ず閉めてください" in page


def test_a_door_alone_says_nothing_of_key_boxes_and_others(small_site: Site) -> None:
    page = code_page(small_site, small_site.town.confirmed())
    assert "同じ番号" not in page
    assert "キーボックス" not in page
    assert "南京錠" not in page


def test_two_codes_are_two_numbers(small_site: Site) -> None:
    put(small_site, AccessPointKind.PADLOCK, beside=None)
    page = code_page(small_site, small_site.town.confirmed())
    assert len(set(SHOWN.findall(page))) == 2
    assert "手で閉めてください" in page


def test_the_api_goes_from_pending_to_gone_door_by_door(site: Site) -> None:
    door = spoken(site.town)
    box = fit(site.town, put(site, AccessPointKind.KEY_BOX))
    sold = site.town.confirmed()
    told = api(site, sold)
    assert [point["name"] for point in told["access_points"]] == [DOOR, BOX]
    assert [point["kind"] for point in told["access_points"]] == ["door_lock", "key_box"]
    assert [point["standing"] for point in told["access_points"]] == ["derivable", "call_us"]
    assert told["standing"] == "call_us"
    assert told["access_points"][0]["last_contact_s_ago"] == 0
    assert told["access_points"][1]["last_contact_at"] is None
    assert told["digits_shown_from"] == "2026-11-27T22:00:00Z"
    speak(site.town, door)
    speak(site.town, box)
    assert {point["standing"] for point in api(site, sold)["access_points"]} == {"on_the_lock"}
    send(site.browser(site.town.resident), f"/reservations/{sold}/cancel", f"/reservations/{sold}/cancel")
    assert {point["standing"] for point in api(site, sold)["access_points"]} == {"revocation_pending"}
    speak(site.town, door)
    assert [point["standing"] for point in api(site, sold)["access_points"]] == ["gone", "revocation_pending"]
    assert api(site, sold)["standing"] == "revocation_pending"
    speak(site.town, box)
    assert api(site, sold)["standing"] == "gone"


def test_the_api_has_no_digits_and_is_for_the_group_alone(site: Site) -> None:
    spoken(site.town)
    sold = site.town.confirmed()
    digits = SHOWN.findall(code_page(site, sold))[0]
    answer = json.dumps(api(site, sold))
    assert digits not in answer
    with site.town.database.transaction() as session:
        stranger = account(session, site.town.municipality_id, "stranger@example.jp")
    for who in (stranger, site.town.manager):
        hidden = site.browser(who).get(f"/api/v1/reservations/{sold}/codes-standing")
        missing = site.browser(who).get(f"/api/v1/reservations/{UUID(int=1)}/codes-standing")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text
    assert site.browser().get(f"/api/v1/reservations/{sold}/codes-standing").status_code == 401


def test_a_reservation_without_a_lock_has_no_standing(small_site: Site) -> None:
    held = small_site.town.held()
    assert api(small_site, held)["access_points"] == []
    assert api(small_site, held)["standing"] is None


def test_the_page_of_the_reservation_lists_each_door(small_site: Site) -> None:
    spoken(small_site.town)
    put(small_site, AccessPointKind.GATE)
    sold = small_site.town.confirmed()
    page = small_site.browser(small_site.town.resident).get(f"/reservations/{sold}").text
    assert page.count("data-standing=") == 2
    assert '<span class="door-name">校門</span>' in page
    assert "最後の通信" in page
    assert "まだ通信していません" in page


def test_the_board_shows_each_door_and_what_is_taken_back_but_not_told(small_site: Site) -> None:
    door = spoken(small_site.town)
    put(small_site, AccessPointKind.GATE)
    sold = small_site.town.confirmed(wanted=window(18, 20, NOW.date()))
    office = small_site.browser(small_site.town.manager)
    board = office.get("/manage").text
    assert "電子錠ごとの暗証番号の状態" in board
    assert "錠にまだ伝わっていない" not in board
    speak(small_site.town, door)
    cancel = f"/reservations/{sold}/cancel"
    send(small_site.browser(small_site.town.resident), cancel, cancel, lost_yen=1200)
    board = office.get("/manage").text
    assert "錠にまだ伝わっていない" in board
    assert "取消しを電子錠に伝えています" in board
    speak(small_site.town, door)
    assert "錠にまだ伝わっていない" not in office.get("/manage").text


@pytest.mark.parametrize("days", [0, 9])
def test_a_band_that_the_lock_could_not_honour_is_no_link_and_says_why(small_site: Site, days: int) -> None:
    spoken(small_site.town)
    later = NOW + timedelta(days=days)
    small_site.clock.instant = later
    visitor = small_site.browser()
    # The day behind the horizon that the lock confirmed, and before the one of today.
    day = (NOW + timedelta(days=16)).date()
    facility = visitor.get(f"/facilities/{small_site.town.gym}?day={day}").text
    month = visitor.get(f"/offerings/{small_site.town.full}?month={day:%Y-%m}").text
    first = window(10, 12, day).granules.start
    is_free = f"start={first}&amp;" in facility
    assert is_free is (days == 0)
    if not is_free:
        assert "電子錠と通信できません" in facility
        assert "電子錠と通信できません" in month
        assert "自動で再開します" in facility
        screen = visitor.get(f"/offerings/{small_site.town.full}/book?start={first}&length=4").text
        assert "電子錠と通信できないため" in screen
        assert 'data-code="not_sellable"' in screen
