"""Impatient thumbs, two tabs, no network, no scripts: nothing is taken twice and nobody stands outside."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from booking.demo.keypad import Keypads
from booking.demo.resident import Booked
from booking.demo.town import Town
from tests.browser.journey.canary import Canary
from tests.browser.journey.walker import CARD, Walker
from tests.browser.journey.windows import hours_ahead, running
from tests.integration.town.oracle import Oracle
from tests.servers.browser import PHONE

pytestmark = pytest.mark.timeout(180)

GYM = "見本体育館"
RESIDENT = "mihon-shimin3@example.jp"
"""Not of the group whose list the journey finds empty."""

SEND_TWICE = """freshly => {
    const form = document.querySelector("form[action$='/holds']");
    const sent = () => new URLSearchParams(new FormData(form));
    const again = sent();
    if (freshly) again.set("request_key", crypto.randomUUID());
    const post = (body) => fetch(form.action, {method: "POST", body})
        .then(answer => [answer.status, answer.url]);
    return Promise.all([post(sent()), post(again)]);
}"""
"""Both at once, past the page's own script; `freshly`: the second as a request of its own."""


def test_a_double_tap_holds_once(new_walker: Callable[..., Walker], oracle: Oracle) -> None:
    walker = new_walker(RESIDENT)
    half, start = walker.offering_id(GYM, "半面A"), hours_ahead(20)
    walker.ask_to_book(half, start, 2)
    walker.page.get_by_role("button", name="予約する").dblclick()
    expect(walker.page.locator("h1")).to_have_text("お支払いへ")
    assert [one.state for one in oracle.reservations_between(start, start + 2, half)] == ["held"]


def test_the_same_form_twice_at_once_is_one_reservation(
    new_walker: Callable[..., Walker], oracle: Oracle
) -> None:
    walker = new_walker(RESIDENT)
    half, start = walker.offering_id(GYM, "半面A"), hours_ahead(22)
    walker.ask_to_book(half, start, 2)
    answers = walker.page.evaluate(SEND_TWICE, False)
    assert [status for status, _ in answers] == [200, 200]
    assert len({address for _, address in answers}) == 1
    assert len(oracle.reservations_between(start, start + 2, half)) == 1


def test_without_the_forms_own_key_the_second_is_refused(
    new_walker: Callable[..., Walker], oracle: Oracle
) -> None:
    walker = new_walker(RESIDENT)
    half, start = walker.offering_id(GYM, "半面A"), hours_ahead(24)
    walker.ask_to_book(half, start, 2)
    answers = walker.page.evaluate(SEND_TWICE, True)
    assert sorted(status for status, _ in answers) == [200, 409]
    assert len(oracle.reservations_between(start, start + 2, half)) == 1


def test_two_tabs_pay_once(new_walker: Callable[..., Walker], oracle: Oracle, town: Town) -> None:
    walker = new_walker(RESIDENT)
    half = walker.offering_id(GYM, "半面B")
    booked = Booked(walker.hold(half, hours_ahead(26), 2))
    second = Walker(walker.page.context.new_page(), town, Canary(town))
    second.page.goto(booked.address)
    walker.tap("支払う")
    second.tap("支払う")
    for name, value in CARD.items():
        second.page.locator(f"#{name}").fill(value)
    walker.fill_card(CARD)
    walker.wait_for_confirmation()
    second.tap("支払う")
    second.page.wait_for_load_state()
    assert oracle.money_of(booked).captured == oracle.reservation(booked).amount_yen > 0
    oracle.assert_in_order(booked)


def test_the_code_is_read_without_a_network_once_seen(new_walker: Callable[..., Walker]) -> None:
    walker = new_walker(RESIDENT)
    reservation = walker.hold(walker.offering_id(GYM, "半面B"), hours_ahead(2), 2)
    walker.pay()
    walker.tap("暗証番号を見る", "link")
    expect(walker.page.locator("#kept-offline")).to_be_visible()
    code = walker.read_code()
    walker.page.context.set_offline(True)
    walker.page.reload()
    expect(walker.page.get_by_text("いま通信できません")).to_be_visible()
    assert walker.read_code() == code
    walker.look("暗証番号")
    # The control: a page that is not kept is not there, so it was the store that answered.
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        walker.page.goto(reservation)


def test_the_journey_needs_no_javascript(chromium: Browser, town: Town) -> None:
    context = chromium.new_context(
        java_script_enabled=False,
        viewport={"width": PHONE["width"], "height": PHONE["height"]},
        has_touch=True,
        locale="ja-JP",
    )
    canary = Canary(town)
    walker = Walker(context.new_page(), town, canary)
    half = walker.offering_id(GYM, "半面B")
    walker.ask_to_book(half, *running())
    walker.tap("ログインして予約に進む", "link")
    walker.sign_in(RESIDENT)
    walker.tap("予約する")
    expect(walker.page.locator("h1")).to_have_text("お支払いへ")
    reservation = walker.page.url
    walker.pay()
    walker.tap("暗証番号を見る", "link")
    code = walker.read_code()
    doors = Keypads(town.at.doors_url)
    lock = next(door["lock"] for door in doors.all() if door["name"].startswith(GYM))
    assert doors.type(lock, code)["opened"]
    walker.page.goto(reservation)
    expect(walker.page.locator("h1")).to_have_text("予約の内容")
    assert canary.leaks() == []
    context.close()
