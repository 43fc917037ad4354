"""A resident pays at a konbini: the hold waits for the money, says so, and ends well either way."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.places.models import Municipality
from booking.reservations import deadlines
from booking.reservations.models import Reservation, State
from core.owed import Owed
from core.window import Window
from payments import loops
from payments.models import Payment, Refund
from payments.states import PaymentState
from tests.integration.booking.town import NOW, window
from tests.integration.pages.conftest import Site, book, send


def offer_konbini(site: Site, within: timedelta = timedelta(days=3)) -> None:
    with site.town.database.transaction() as session:
        town = session.get_one(Municipality, site.town.municipality_id)
        town.delayed_methods, town.delayed_pays_within_s = ["konbini"], int(within.total_seconds())


def with_voucher(site: Site, wanted: Window | None = None) -> tuple[str, str]:
    """A held reservation whose resident has taken a voucher: its page and Stripe's session."""
    offer_konbini(site)
    browser = site.resident()
    page = str(book(site, browser, wanted).location)
    send(browser, page, f"{page}/payments")
    (session_id,) = list(site.stripe.sessions)[-1:]
    site.stripe.order_voucher(session_id)
    return page, session_id


def work(site: Site) -> None:
    """Every loop of the worker, once."""
    given = site.services
    outside = (given.database, given.stripe, given.payment_callbacks, given.clock)
    with given.database.transaction() as session:
        deadlines.expire_due(session, now=given.clock.now(), limit=100)
    for loop in (loops.expire_sessions, loops.settle, loops.send_refunds, loops.poll_refunds):
        loop(*outside)
    with given.database.transaction() as session:
        deadlines.expire_due(session, now=given.clock.now(), limit=100)


def state_of(site: Site, page: str) -> str:
    return site.town.reservation(UUID(page.rsplit("/", 1)[1])).state


def mails(site: Site) -> list[str]:
    with site.town.database.reading() as session:
        rows = session.scalars(sa.select(Owed).where(Owed.kind == "mail").order_by(Owed.created_at, Owed.id))
        return [row.payload["template"] for row in rows]


def refunds(site: Site) -> list[tuple[str, int]]:
    with site.town.database.reading() as session:
        return [(row.state, row.amount_yen) for row in session.scalars(sa.select(Refund))]


def test_the_button_names_konbini_where_there_is_time_for_it(site: Site) -> None:
    browser = site.resident()
    plain = browser.get(book(site, browser).location).text
    assert "カードで600円を支払う" in plain
    offer_konbini(site)
    page = str(book(site, browser, window(13, 15)).location)
    assert "カード・コンビニで600円を支払う" in browser.get(page).text
    send(browser, page, f"{page}/payments")
    order = site.stripe.sessions["cs_test_1"].order
    assert (order.methods, order.funds_within_days) == (("card", "konbini"), 3)


@pytest.mark.parametrize(("days", "offered"), [(3, True), (5, True), (6, False)])
def test_konbini_is_offered_only_where_its_end_is_a_day_before_the_start(
    site: Site, days: int, offered: bool
) -> None:
    offer_konbini(site, timedelta(days=days))
    browser = site.resident()
    page = browser.get(book(site, browser, window(10, 12)).location).text
    assert ("カード・コンビニで" in page) is offered


def test_the_return_page_says_until_when_and_where_to_pay(site: Site) -> None:
    page, session_id = with_voucher(site)
    browser = site.resident()
    for address in (f"{page}/return", page):
        text = browser.get(address).text
        assert "コンビニでのお支払い待ち（11月24日(火)まで）" in text
        assert f'href="http://127.0.0.1:1/voucher/{session_id}"' in text
        assert "を支払う</button>" not in text
    assert mails(site).count("awaiting_funds") == 1


def test_the_courts_are_kept_for_days_and_confirmed_when_the_money_comes(site: Site) -> None:
    page, session_id = with_voucher(site)
    site.resident().get(f"{page}/return")
    for _ in range(4):
        site.clock.advance(hours=17)
        work(site)
        assert state_of(site, page) == State.HELD
    site.stripe.pay_voucher(session_id)
    site.clock.advance(minutes=61)
    work(site)
    assert state_of(site, page) == State.CONFIRMED
    assert "awaiting_funds" in mails(site)
    assert mails(site)[-1] == "confirmed"
    assert "予約が確定しました" in site.resident().get(f"{page}/return").text


def test_nobody_else_can_have_the_courts_meanwhile(site: Site) -> None:
    page, _ = with_voucher(site)
    site.resident().get(f"{page}/return")
    site.clock.advance(days=2)
    work(site)
    assert book(site, site.resident()).status_code == 409


def test_a_voucher_that_lapses_frees_the_courts_and_tells(site: Site) -> None:
    page, session_id = with_voucher(site)
    site.resident().get(f"{page}/return")
    site.clock.advance(days=3, minutes=5)
    work(site)
    assert state_of(site, page) == State.HELD
    site.stripe.lapse_voucher(session_id)
    site.clock.advance(minutes=11)
    work(site)
    assert state_of(site, page) == State.EXPIRED
    assert mails(site)[-1] == "expired"
    assert site.town.claims() == set()


def test_no_return_and_no_message_the_poller_finds_the_voucher_before_the_hold_ends(site: Site) -> None:
    page, _ = with_voucher(site)
    site.clock.advance(minutes=11)
    work(site)
    assert state_of(site, page) == State.HELD
    with site.town.database.reading() as session:
        payment = session.scalars(sa.select(Payment)).one()
    assert payment.state == PaymentState.PROCESSING
    due_at = site.town.reservation(UUID(page.rsplit("/", 1)[1])).next_due_at
    assert due_at is not None
    assert due_at > NOW + timedelta(days=3)


def test_control_freed_at_our_own_deadline_the_payers_courts_would_be_resold(site: Site) -> None:
    page, session_id = with_voucher(site)
    with site.town.database.transaction() as session:
        row = session.scalars(sa.select(Reservation)).one()
        row.pay_until = row.next_due_at = NOW
        session.execute(sa.update(Payment).values(state=PaymentState.EXPIRED, next_due_at=None))
        session.execute(sa.text("UPDATE payment_item SET is_standing = false"))
    work(site)
    assert state_of(site, page) == State.EXPIRED
    assert book(site, site.resident()).status_code == 303
    site.stripe.pay_voucher(session_id)
    with site.town.database.transaction() as session:
        session.execute(sa.update(Payment).where(Payment.next_due_at.is_(None)).values(next_due_at=NOW))
    work(site)
    assert state_of(site, page) == State.EXPIRED
    assert [amount for _, amount in refunds(site)] == [600]


def test_given_up_while_the_money_is_on_its_way_the_courts_are_free_and_it_goes_back(site: Site) -> None:
    page, session_id = with_voucher(site)
    browser = site.resident()
    browser.get(f"{page}/return")
    assert "コンビニではもう支払わないでください。" in browser.get(f"{page}/cancel").text
    assert send(browser, f"{page}/cancel", f"{page}/cancel").status_code == 303
    assert state_of(site, page) == State.CANCELLED
    assert site.town.claims() == set()
    assert site.stripe.calls["expire_session"] == 0
    site.stripe.pay_voucher(session_id)
    site.clock.advance(minutes=11)
    work(site)
    work(site)
    # Not seated again, though the courts are free: nobody wants them.
    assert state_of(site, page) == State.CANCELLED
    assert refunds(site) == [("succeeded", 600)]
    assert "paid_after_cancel" in mails(site)


def test_given_up_before_we_had_seen_the_voucher_it_ends_the_same(site: Site) -> None:
    page, session_id = with_voucher(site)
    send(site.resident(), f"{page}/cancel", f"{page}/cancel")
    assert state_of(site, page) == State.HELD
    work(site)
    assert state_of(site, page) == State.CANCELLED
    site.stripe.pay_voucher(session_id)
    site.clock.advance(minutes=11)
    work(site)
    work(site)
    assert refunds(site) == [("succeeded", 600)]


def test_paying_again_while_the_money_is_on_its_way_is_refused_in_words(site: Site) -> None:
    page, _ = with_voucher(site)
    browser = site.resident()
    browser.get(f"{page}/return")
    answer = send(browser, f"{page}/cancel", f"{page}/payments")
    assert answer.status_code == 409
    assert "お支払いを待っています" in answer.text
    assert site.stripe.payable() == []
