"""The code: to its group, in its time, with what the lock has said."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from locks.models import Lock
from locks.standing import codes_of
from tests.integration.booking.town import at
from tests.integration.pages.conftest import Site, send

SHOWN = re.compile(r'data-door-code="(\d{8})"')
REVEAL = at(7)
"""Three hours before a start at ten."""
GONE = at(12) + timedelta(days=1)


def code_page(site: Site, reservation_id: UUID, when: datetime) -> str:
    site.clock.instant = when
    answer = site.browser(site.town.resident).get(f"/reservations/{reservation_id}/code")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("X-Keep-Until" in answer.headers) is bool(SHOWN.search(answer.text))
    return answer.text


def test_the_digits_are_shown_from_three_hours_before_to_a_day_after(small_site: Site) -> None:
    paid = small_site.town.confirmed()
    second = timedelta(seconds=1)
    assert not SHOWN.search(code_page(small_site, paid, REVEAL - second))
    assert SHOWN.search(code_page(small_site, paid, REVEAL))
    assert SHOWN.search(code_page(small_site, paid, GONE - second))
    assert not SHOWN.search(code_page(small_site, paid, GONE))


def test_before_its_time_the_page_says_when(small_site: Site) -> None:
    assert "11月28日(土) 07:00" in code_page(
        small_site, small_site.town.confirmed(), REVEAL - timedelta(days=1)
    )


def test_the_digits_are_those_that_the_lock_computes(site: Site) -> None:
    paid = site.town.confirmed()
    page = code_page(site, paid, REVEAL)
    with site.town.database.reading() as session:
        codes = codes_of(session, site.services.keyring, holder=paid, now=REVEAL)
    assert SHOWN.findall(page) == [codes[0].code]
    assert f'<span aria-hidden="true">{codes[0].code[:4]}</span>' in page


def test_without_a_lock_that_has_spoken_the_page_gives_the_telephone(small_site: Site) -> None:
    page = code_page(small_site, small_site.town.confirmed(), REVEAL)
    assert 'data-standing="call_us"' in page
    assert "お電話ください" in page
    assert "見本 施設予約担当" in page
    assert "登録済み" not in page


@pytest.mark.parametrize("applied, words", [(5, "電子錠に登録済みです"), (4, "電子錠の次の通信で届きます")])
def test_on_the_lock_is_said_only_once_the_lock_has_said_so(
    small_site: Site, applied: int, words: str
) -> None:
    with small_site.town.database.transaction() as session:
        session.add(
            Lock(
                id="00" * 8,
                municipality_id=small_site.town.municipality_id,
                access_point_id=small_site.town.access_point_id,
                added_at=small_site.clock.now(),
                state="active",
                wrapped_root=b"-",
                broker_password_hash="-",
                desired_version=4,
                applied_version=4,
                applied_grants_until=2**27,
                last_contact_at=REVEAL - timedelta(minutes=5),
            )
        )
    paid = small_site.town.confirmed()
    with small_site.town.database.transaction() as session:
        session.get_one(Lock, "00" * 8).applied_version = applied
    page = code_page(small_site, paid, REVEAL)
    assert words in page
    assert "5分前" in page


def test_a_cancelled_reservation_has_no_code_at_any_time(small_site: Site) -> None:
    paid = small_site.town.confirmed()
    send(small_site.resident(), f"/reservations/{paid}/cancel", f"/reservations/{paid}/cancel")
    page = code_page(small_site, paid, REVEAL)
    assert not SHOWN.search(page)
    assert "暗証番号はありません" in page


def test_a_hold_that_nobody_paid_has_no_code(small_site: Site) -> None:
    held = small_site.town.held()
    assert not SHOWN.search(code_page(small_site, held, REVEAL))


def test_the_service_worker_comes_from_the_root_and_is_asked_for_each_time(small_site: Site) -> None:
    answer = small_site.browser().get("/sw.js")
    assert answer.status_code == 200
    assert "javascript" in answer.content_type
    assert answer.headers["Cache-Control"] == "no-cache"
    answer.close()
