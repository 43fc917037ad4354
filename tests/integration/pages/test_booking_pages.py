"""From a free band to a paid reservation, through HTTP."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.people.models import Group
from booking.reservations.models import Reservation
from core.window import Window
from tests.integration.booking.town import DAY, account, window
from tests.integration.manage.forms import counted
from tests.integration.pages.conftest import Site, book, booking_fields, send


def made(site: Site) -> int:
    with site.town.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Reservation)) or 0


def screen(site: Site, wanted: Window, offering: int | None = None) -> str:
    length = len(wanted.granules)
    return f"/offerings/{offering or site.town.full}/book?start={wanted.granules.start}&length={length}"


def test_anybody_may_see_price_and_terms_and_is_asked_to_sign_in(small_site: Site) -> None:
    page = small_site.browser().get(screen(small_site, window(10, 12))).text
    assert "600円" in page
    assert "11月27日(金) 10:00まで" in page
    assert 'href="/sign-in?next=/offerings/' in page
    assert "<form" not in page


def test_each_group_sees_its_own_price(small_site: Site) -> None:
    page = small_site.resident().get(screen(small_site, window(18, 20))).text
    assert "1,200円" in page
    assert "300円" in page
    assert "減免" in page


def test_somebody_without_a_group_is_told_whom_to_ask(small_site: Site) -> None:
    with small_site.town.database.transaction() as session:
        alone = account(session, small_site.town.municipality_id, "alone@example.jp")
    page = small_site.browser(alone).get(screen(small_site, window(10, 12))).text
    assert "団体の登録が必要です" in page
    assert "見本 施設予約担当" in page
    assert "/holds" not in page


def test_a_group_without_approval_for_the_year_gets_no_button(small_site: Site) -> None:
    with small_site.town.database.transaction() as session:
        session.execute(sa.update(Group).values(approved_until_year=2025, approved_from_year=2025))
    page = small_site.resident().get(screen(small_site, window(10, 12))).text
    assert "承認されていません" in page
    assert "/holds" not in page


def test_pressing_the_button_holds_the_slot_and_asks_for_the_money(site: Site) -> None:
    browser = site.resident()
    answer = book(site, browser)
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "カードで600円を支払う" in page
    assert "09:10" in page
    assert len(site.town.claims()) == 8


def test_a_hold_costs_at_most_six_statements_in_the_whole_request(site: Site) -> None:
    browser = site.resident()
    book(site, browser, window(8, 10))
    fields = booking_fields(site, window(10, 12))
    token = send(browser, "/sessions", "/nowhere").request.form["csrf_token"]
    with counted(site.town.database) as statements:
        answer = browser.post(
            f"/offerings/{site.town.full}/holds",
            data={**{name: str(value) for name, value in fields.items()}, "csrf_token": token},
        )
    assert answer.status_code == 303
    asked = [statement for statement in statements if not statement.startswith("BEGIN")]
    assert len(asked) <= 6, "\n".join(asked)


def test_a_double_tap_holds_once(site: Site) -> None:
    browser = site.resident()
    first = book(site, browser, request_key="the-very-same-key")
    second = book(site, browser, request_key="the-very-same-key")
    assert first.location == second.location
    assert made(site) == 1


def test_without_the_forms_token_nothing_is_held(small_site: Site) -> None:
    fields = booking_fields(small_site, window(10, 12))
    answer = small_site.resident().post(f"/offerings/{small_site.town.full}/holds", data=fields)
    assert answer.status_code == 400
    assert "form_expired" in answer.text
    assert made(small_site) == 0


def test_the_loser_of_a_slot_reads_why_and_where_to_go(site: Site) -> None:
    site.town.held(offering=site.town.half_a)
    answer = book(site, site.resident())
    assert answer.status_code == 409
    assert 'data-code="slot_taken"' in answer.text
    assert "ほかの団体が先に予約しました" in answer.text
    assert f'href="/offerings/{site.town.full}?month=2026-11"' in answer.text


def test_a_program_that_asks_for_json_gets_the_code_and_the_sentence(small_site: Site) -> None:
    small_site.town.held()
    browser = small_site.resident()
    token = send(browser, "/sessions", "/nowhere").request.form["csrf_token"]
    answer = browser.post(
        f"/offerings/{small_site.town.full}/holds",
        data={**booking_fields(small_site, window(10, 12)), "csrf_token": token},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["code"] == "slot_taken"


@pytest.mark.parametrize(
    "first, last, code",
    [
        (10.5, 12, "not_offered"),
        (8, 15, "not_offered"),
        (10, 11, "not_offered"),
    ],
)
def test_a_window_that_is_not_offered_is_refused_with_a_sentence(
    small_site: Site, first: float, last: float, code: str
) -> None:
    answer = book(small_site, small_site.resident(), window(first, last))
    assert answer.status_code == 409
    assert f'data-code="{code}"' in answer.text
    assert made(small_site) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"group_id": "mine"},
        {"request_key": "short"},
        {"request_key": "a key with \0 in it"},
    ],
)
def test_what_cannot_be_read_is_bad_input_and_writes_nothing(
    small_site: Site, changed: dict[str, object]
) -> None:
    answer = book(small_site, small_site.resident(), None, **changed)
    assert answer.status_code == 400
    assert made(small_site) == 0


@pytest.mark.parametrize("wants", ["text/html", "application/json"])
@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"start": "ten"}, 400, "misaligned"),
        ({"start": ""}, 400, "misaligned"),
        ({"start": "-4"}, 400, "misaligned"),
        ({"start": "988460.5"}, 400, "misaligned"),
        ({"start": "9" * 11}, 400, "misaligned"),
        ({"start": "１２３"}, 400, "misaligned"),
        ({"length": "0"}, 400, "misaligned"),
        ({"length": "49"}, 409, "too_long"),
    ],
)
def test_numbers_that_name_no_window_are_refused_with_a_sentence(
    small_site: Site, changed: dict[str, object], status: int, code: str, wants: str
) -> None:
    browser = small_site.resident()
    browser.environ_base["HTTP_ACCEPT"] = wants
    answer = book(small_site, browser, None, **changed)
    assert (answer.status_code, code in answer.text, made(small_site)) == (status, True, 0)
    sentence = answer.json["message"] if answer.json else answer.text
    assert "時間" in sentence


def test_a_group_that_is_not_mine_is_not_there(small_site: Site) -> None:
    answer = book(small_site, small_site.resident(), group_id=UUID(int=7))
    assert answer.status_code == 404
    assert made(small_site) == 0


def test_an_unknown_offering_is_not_there(small_site: Site) -> None:
    assert book(small_site, small_site.resident(), offering=999_999).status_code == 404


def test_a_free_band_for_a_youth_group_is_confirmed_at_once(site: Site) -> None:
    browser = site.resident()
    answer = book(site, browser, group_id=site.town.youth)
    page = browser.get(answer.location).text
    assert "予約確定" in page
    assert "支払う" not in page


def test_a_hall_that_wants_approval_says_that_it_waits(site: Site) -> None:
    browser = site.resident()
    answer = book(site, browser, offering=site.town.hall_whole)
    assert "承認待ち" in browser.get(answer.location).text


def test_amounts_come_from_the_database_whatever_the_form_says(small_site: Site) -> None:
    browser = small_site.resident()
    location = book(small_site, browser, amount_yen=1, account_id=small_site.town.manager).location
    kept = small_site.town.reservation(UUID(location.rsplit("/", 1)[1]))
    assert kept.amount_yen == 600
    assert kept.account_id == small_site.town.resident


def test_paying_leads_to_stripe_and_back_to_a_confirmed_reservation(site: Site) -> None:
    browser = site.resident()
    location = book(site, browser).location
    leaves = send(browser, location, f"{location}/payments")
    assert leaves.status_code == 303
    assert leaves.location == "http://127.0.0.1:1/c/pay/cs_test_1"
    waiting = browser.get(f"{location}/return")
    assert "お支払いを確認しています" in waiting.text
    site.stripe.pay("cs_test_1")
    back = browser.get(f"{location}/return")
    assert "予約が確定しました" in back.text
    assert site.town.reservation(UUID(location.rsplit("/", 1)[1])).permit_number == 1


def test_two_tabs_pay_once(site: Site) -> None:
    browser = site.resident()
    location = book(site, browser).location
    first = send(browser, location, f"{location}/payments")
    second = send(browser, location, f"{location}/payments")
    assert first.location == second.location
    assert site.stripe.calls["create_session"] == 1


def test_coming_back_without_having_paid_confirms_nothing(small_site: Site) -> None:
    browser = small_site.resident()
    location = book(small_site, browser).location
    send(browser, location, f"{location}/payments")
    browser.get(f"{location}/return")
    assert small_site.town.reservation(UUID(location.rsplit("/", 1)[1])).state == "held"


def test_while_stripe_is_down_the_page_says_so_and_the_slot_stays(small_site: Site) -> None:
    browser = small_site.resident()
    location = book(small_site, browser).location
    small_site.stripe.faults["create_session"] = ["down"] * 3
    answer = send(browser, location, f"{location}/payments")
    assert answer.status_code == 503
    assert 'id="error-summary"' in answer.text
    assert "カードで600円を支払う" in answer.text
    assert len(small_site.town.claims()) == 8


def test_after_the_deadline_nobody_can_start_to_pay(small_site: Site) -> None:
    browser = small_site.resident()
    location = book(small_site, browser).location
    small_site.clock.advance(minutes=11)
    answer = send(browser, "/sessions", f"{location}/payments")
    assert answer.status_code == 409
    assert "not_payable" in answer.text
    assert small_site.stripe.calls["create_session"] == 0


def test_cancelling_shows_the_refund_before_and_owes_it_after(site: Site) -> None:
    browser = site.resident()
    location = f"/reservations/{site.town.confirmed()}"
    asked = browser.get(f"{location}/cancel").text
    assert "戻る金額" in asked
    assert "600円" in asked
    answer = send(browser, f"{location}/cancel", f"{location}/cancel")
    assert answer.status_code == 303
    page = browser.get(location).text
    assert "取消し済み" in page
    assert "返金の予定" in page
    assert "お支払いのカードなどへお返しします(受付 11月21日(土))" in page
    assert site.town.claims() == set()


def test_a_late_cancellation_says_that_nothing_comes_back(small_site: Site) -> None:
    location = f"/reservations/{small_site.town.confirmed()}"
    small_site.clock.advance(days=6, hours=20)
    page = small_site.resident().get(f"{location}/cancel").text
    assert "0円" in page
    assert "お金は戻りません" in page


def test_cancelling_twice_explains_instead_of_failing(small_site: Site) -> None:
    browser = small_site.resident()
    location = f"/reservations/{small_site.town.confirmed()}"
    send(browser, f"{location}/cancel", f"{location}/cancel")
    answer = send(browser, "/sessions", f"{location}/cancel")
    assert answer.status_code == 409
    assert "state_changed" in answer.text


def test_my_reservations_cost_the_same_statements_however_many_they_are(site: Site) -> None:
    browser = site.resident()

    def statements_for_the_list() -> int:
        browser.get("/reservations")
        with counted(site.town.database) as seen:
            assert browser.get("/reservations").status_code == 200
        return len(seen)

    site.town.confirmed(wanted=window(8, 10))
    few = statements_for_the_list()
    for first, last in ((10, 12), (13, 15), (18, 20)):
        site.town.confirmed(wanted=window(first, last))
    assert statements_for_the_list() == few


def test_an_empty_list_says_what_to_do(small_site: Site) -> None:
    page = small_site.resident().get("/reservations").text
    assert "これからの予約はありません" in page


def test_days_and_months_are_for_everybody(small_site: Site) -> None:
    visitor = small_site.browser()
    day = visitor.get(f"/days/{DAY}").text
    assert "見本小学校" in day
    assert "空き 15" in day
    month = visitor.get(f"/offerings/{small_site.town.full}?month=2026-11").text
    assert 'id="day-2026-11-28"' in month


@pytest.mark.parametrize(("yen", "by_card"), [(49, False), (50, True)])
def test_what_is_too_little_for_a_card_is_paid_at_the_counter(site: Site, yen: int, by_card: bool) -> None:
    browser = site.resident()
    page = book(site, browser).location
    with site.town.database.transaction() as session:
        session.execute(sa.update(Reservation).values(amount_yen=yen))
    shown = browser.get(page).text
    assert (f'action="{page}/payments"' in shown) == by_card
    assert ("49円はカードで支払えません" in shown) != by_card
    assert ("窓口で支払うか" in shown) != by_card
