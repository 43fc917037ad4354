"""One link for a month: several things in one card session, each confirmed by itself, nothing lost."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.notices.mail import KIND
from booking.reservations.models import State
from booking.reservations.refusals import NotPayable
from core.owed import Owed
from payments.errors import AttemptStanding
from payments.models import Payment
from payments.states import PaymentState
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import CSRF, send

MORNING, NOON, EVENING = window(10, 12), window(13, 15), window(18, 20)


def choose(browser: FlaskClient, *references: UUID) -> TestResponse:
    """Press the button with these ticked."""
    token = CSRF.search(browser.get("/my/bills").text)
    assert token
    return browser.post(
        "/my/bills/payments",
        data={"csrf_token": token[1], "item": [str(reference) for reference in references]},
    )


def session_of(office: Counter) -> str:
    """The newest card session."""
    with office.database.reading() as session:
        newest = session.scalars(
            sa.select(Payment.stripe_session_id)
            .where(Payment.state == PaymentState.OPEN)
            .order_by(Payment.created_at.desc())
        ).first()
    assert newest is not None
    return newest


def test_three_reservations_are_one_session_and_all_are_confirmed(office: Counter) -> None:
    held = [office.held(one) for one in (MORNING, NOON, EVENING)]
    browser = office.site.resident()
    answer = choose(browser, *held)
    assert answer.status_code == 303
    assert len(office.site.stripe.sessions) == 1
    office.site.stripe.pay(session_of(office))
    assert browser.get("/my/bills/return").location == "/my/bills?done=checked"
    assert {office.reservation(one).state for one in held} == {State.CONFIRMED}
    assert office.books() == {"stripe_balance": 2400, "usage_fees": -2400}
    assert "お支払いの済んでいないものはありません" in browser.get("/my/bills").text


def test_only_what_is_chosen_is_paid(office: Counter) -> None:
    first, second = office.held(MORNING), office.held(NOON)
    browser = office.site.resident()
    choose(browser, first)
    office.site.stripe.pay(session_of(office))
    browser.get("/my/bills/return")
    assert office.reservation(first).state == State.CONFIRMED
    assert office.reservation(second).state == State.HELD
    assert f'value="{second}"' in browser.get("/my/bills").text


def test_the_session_ends_with_the_earliest_hold(office: Counter) -> None:
    first = office.held(MORNING)
    office.site.clock.advance(minutes=4)
    second = office.held(NOON)
    choose(office.site.resident(), first, second)
    (payment,) = office.payments()
    assert payment.deadline_at == office.reservation(first).pay_until
    assert payment.deadline_at != office.reservation(second).pay_until


def test_one_that_is_not_payable_any_more_starts_nothing_and_loses_nothing(office: Counter) -> None:
    first = office.held(MORNING)
    office.site.clock.advance(minutes=9)
    second = office.held(NOON)
    office.site.clock.advance(minutes=2)
    browser = office.site.resident()
    answer = choose(browser, first, second)
    assert answer.status_code == 409
    assert NotPayable.sentence in answer.text
    assert office.payments() == []
    assert choose(browser, second).status_code == 303


def test_somebody_elses_is_not_there(office: Counter) -> None:
    stranger = office.site.browser(office.staff.account_id)
    mine = office.held(MORNING)
    assert choose_raw(stranger, mine).status_code == 404
    assert office.payments() == []


def choose_raw(browser: FlaskClient, reference: UUID) -> TestResponse:
    return send(browser, "/sessions", "/my/bills/payments", item=reference)


def test_nothing_chosen_is_said_so(office: Counter) -> None:
    office.held(MORNING)
    answer = choose(office.site.resident())
    assert answer.status_code == 400
    assert "支払うものを選んでください" in answer.text


def test_the_same_choice_twice_is_one_session(office: Counter) -> None:
    held = [office.held(one) for one in (MORNING, NOON)]
    browser = office.site.resident()
    assert choose(browser, *held).location == choose(browser, *held).location
    assert len(office.payments()) == 1


def test_a_session_for_one_of_them_is_closed_before_one_for_all(office: Counter) -> None:
    first, second = office.held(MORNING), office.held(NOON)
    browser = office.site.resident()
    send(browser, f"/reservations/{first}", f"/reservations/{first}/payments")
    answer = choose(browser, first, second)
    assert answer.status_code == 409
    assert AttemptStanding.sentence in answer.text
    office.stripe_works()
    assert choose(browser, first, second).status_code == 303
    can_capture = [p for p in office.payments() if p.state in ("opening", "open", "closing")]
    assert len(can_capture) == 1


def test_a_session_for_all_is_closed_for_who_wants_to_pay_one_alone(office: Counter) -> None:
    first, second = office.held(MORNING), office.held(NOON)
    browser = office.site.resident()
    choose(browser, first, second)
    page = f"/reservations/{first}"
    assert send(browser, page, f"{page}/payments").status_code == 409
    office.stripe_works()
    assert send(browser, page, f"{page}/payments").status_code == 303
    office.site.stripe.pay(session_of(office))
    browser.get(f"{page}/return")
    assert office.reservation(first).state == State.CONFIRMED
    assert choose(browser, second).status_code == 303


def test_giving_one_up_closes_the_session_and_the_others_can_be_paid_again(office: Counter) -> None:
    held = [office.held(one) for one in (MORNING, NOON, EVENING)]
    browser = office.site.resident()
    choose(browser, *held)
    page = f"/reservations/{held[0]}/cancel"
    send(browser, page, page)
    assert office.reservation(held[0]).state == State.HELD
    office.stripe_works()
    assert [office.reservation(one).state for one in held] == [State.CANCELLED, State.HELD, State.HELD]
    assert choose(browser, *held[1:]).status_code == 303
    office.site.stripe.pay(session_of(office))
    browser.get("/my/bills/return")
    assert [office.reservation(one).state for one in held[1:]] == [State.CONFIRMED, State.CONFIRMED]
    assert office.books() == {"stripe_balance": 1800, "usage_fees": -1800}


def test_paid_before_stripe_had_closed_it_the_payer_was_first_and_has_all(office: Counter) -> None:
    held = [office.held(one) for one in (MORNING, NOON)]
    browser = office.site.resident()
    choose(browser, *held)
    session_id = session_of(office)
    page = f"/reservations/{held[0]}/cancel"
    send(browser, page, page)
    office.site.stripe.pay(session_id)
    office.stripe_works()
    assert [office.reservation(one).state for one in held] == [State.CONFIRMED, State.CONFIRMED]
    assert office.books() == {"stripe_balance": 1200, "usage_fees": -1200}


def test_with_a_slip_out_it_is_listed_and_cannot_be_chosen(office: Counter) -> None:
    reservation_id = office.held(MORNING)
    office.slip(reservation_id)
    page = office.site.resident().get("/my/bills").text
    assert "納付書 第1号" in page
    assert f'value="{reservation_id}"' not in page


def test_coming_back_before_stripe_knows_waits(office: Counter) -> None:
    held = office.held(MORNING)
    browser = office.site.resident()
    choose(browser, held)
    answer = browser.get("/my/bills/return")
    assert answer.status_code == 200
    assert "お支払いを確認しています" in answer.text


def test_coming_back_waits_for_what_was_to_be_paid_and_for_nothing_else(office: Counter) -> None:
    """A card page left open for another reservation, and a voucher not yet paid, keep nobody waiting."""
    paid, other = office.held(MORNING), office.held(NOON)
    browser = office.site.resident()
    choose(browser, paid)
    to_be_paid = session_of(office)
    choose(browser, other)
    office.site.stripe.pay(to_be_paid)
    assert browser.get(f"/my/bills/return?item={paid}").location == "/my/bills?done=checked"
    assert "お支払いを確認しています" in browser.get("/my/bills/return").text
    assert "お支払いを確認しています" in browser.get(f"/my/bills/return?item={other}").text


def test_a_voucher_not_yet_paid_is_listed_with_its_day_and_keeps_nobody_waiting(office: Counter) -> None:
    held = office.held(MORNING)
    browser = office.site.resident()
    choose(browser, held)
    with office.database.transaction() as session:
        payment = session.scalars(sa.select(Payment).where(Payment.state == PaymentState.OPEN)).one()
        payment.state = PaymentState.PROCESSING
        payment.funds_due_at = NOW + timedelta(days=2)
    page = browser.get("/my/bills").text
    assert "までにコンビニでお支払いください" in page
    assert f'value="{held}"' not in page
    assert browser.get("/my/bills/return").location == "/my/bills?done=checked"


def test_staff_ask_a_group_to_pay_once_a_day(office: Counter) -> None:
    office.held(MORNING)
    desk = office.site.browser(office.staff.account_id)
    action = f"/manage/money/counter/groups/{office.site.town.general}/requests"
    for _ in range(2):
        assert send(desk, "/sessions", action).location.endswith("done=asked")
    with office.database.reading() as session:
        rows = session.scalars(sa.select(Owed.payload).where(Owed.kind == KIND)).all()
    asked = [row for row in rows if row["template"] == "payment_request"]
    assert [row["params"]["amount_yen"] for row in asked] == [600]


def test_a_group_that_owes_nothing_is_not_asked(office: Counter) -> None:
    desk = office.site.browser(office.staff.account_id)
    action = f"/manage/money/counter/groups/{office.site.town.general}/requests"
    assert send(desk, "/sessions", action).location.endswith("done=nothing")


@pytest.mark.parametrize("text", ["x", "00000000"])
def test_an_item_that_is_no_id_is_refused(office: Counter, text: str) -> None:
    assert send(office.site.resident(), "/sessions", "/my/bills/payments", item=text).status_code == 400
