"""Cash and slips at the counter: nobody pays twice, nothing gets lost, numbers have no gaps."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.counter import desk
from booking.counter.desk import TooLateForSlip
from booking.counter.owed import AmountChanged
from booking.notices.mail import KIND
from booking.reservations.models import State
from booking.reservations.refusals import NotPayable
from core.audit import AuditEntry
from core.database import Database, TryAgain, retrying
from core.errors import NotThere
from core.ids import new_id
from core.owed import Owed
from payments import counter
from payments.case_models import Case
from payments.cases import CaseKind
from payments.checkout import Item
from payments.errors import AlreadyPaid, AttemptStanding, SlipOut
from payments.models import Payment
from payments.states import Method, PaymentState
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import build_site, send


def pay_page(office: Counter, reservation_id: UUID) -> str:
    """The resident opens the card page; Stripe's session."""
    send(
        office.site.resident(),
        f"/reservations/{reservation_id}",
        f"/reservations/{reservation_id}/payments",
    )
    (session_id,) = [payment.stripe_session_id for payment in office.payments() if payment.stripe_session_id]
    return session_id


def test_cash_confirms_and_is_in_the_drawer(office: Counter) -> None:
    reservation_id = office.held()
    assert office.cash(reservation_id)
    found = office.reservation(reservation_id)
    assert (found.state, found.pays_by, found.permit_number) == (State.CONFIRMED, "cash", 1)
    assert office.books() == {"cash": 600, "usage_fees": -600}
    with office.database.reading() as session:
        acts = session.scalars(sa.select(AuditEntry.act)).all()
    assert "counter.take_cash" in acts


def test_the_same_tap_twice_is_one_payment(office: Counter) -> None:
    reservation_id, tap = office.held(), new_id(NOW)
    assert office.cash(reservation_id, payment_id=tap)
    assert office.cash(reservation_id, payment_id=tap)
    assert len(office.payments()) == 1
    assert office.books() == {"cash": 600, "usage_fees": -600}


def test_another_tap_for_what_is_paid_is_refused(office: Counter) -> None:
    reservation_id = office.held()
    office.cash(reservation_id)
    with pytest.raises(NotPayable):
        office.cash(reservation_id)
    assert office.books() == {"cash": 600, "usage_fees": -600}


def test_another_sum_than_owed_is_refused(office: Counter) -> None:
    reservation_id = office.held()
    with pytest.raises(AmountChanged):
        office.cash(reservation_id, yen=500)
    assert office.books() == {}


def test_a_resident_is_nobody_at_the_counter(office: Counter) -> None:
    reservation_id = office.held()
    answer = send(
        office.site.resident(),
        f"/reservations/{reservation_id}",
        f"/manage/money/counter/reservations/{reservation_id}/cash",
        payment_id=new_id(NOW),
        amount_yen=600,
    )
    assert answer.status_code == 404
    assert office.payments() == []


def test_with_a_card_session_open_no_cash_is_taken_until_stripe_has_closed_it(office: Counter) -> None:
    reservation_id = office.held()
    session_id = pay_page(office, reservation_id)
    assert not office.cash(reservation_id)
    assert office.books() == {}
    assert office.payments()[0].state == PaymentState.CLOSING
    office.stripe_works()
    assert office.site.stripe.sessions[session_id].remote.status == "expired"
    assert office.reservation(reservation_id).state == State.HELD
    assert office.cash(reservation_id)
    assert office.books() == {"cash": 600, "usage_fees": -600}


def test_who_paid_by_card_meanwhile_is_not_asked_for_cash(office: Counter) -> None:
    reservation_id = office.held()
    session_id = pay_page(office, reservation_id)
    office.site.stripe.pay(session_id)
    assert not office.cash(reservation_id)
    office.stripe_works()
    assert office.reservation(reservation_id).state == State.CONFIRMED
    with pytest.raises(NotPayable):
        office.cash(reservation_id)
    assert office.books() == {"stripe_balance": 600, "usage_fees": -600}


def test_the_reservation_stays_while_its_card_session_is_being_closed(office: Counter) -> None:
    reservation_id = office.held()
    pay_page(office, reservation_id)
    office.site.clock.advance(minutes=9, seconds=50)
    assert not office.cash(reservation_id)
    office.site.clock.advance(minutes=1)
    office.stripe_works()
    assert office.reservation(reservation_id).state == State.HELD
    assert office.cash(reservation_id)


def test_two_clerks_at_once_take_the_money_once(postgres_database_url: str) -> None:
    database = Database(postgres_database_url, pool_size=8)
    office = Counter(build_site(database))
    reservation_id = office.held()
    start = threading.Barrier(4)
    results: list[bool | str] = []

    def clerk() -> None:
        start.wait(10)
        try:
            results.append(retrying(lambda: office.cash(reservation_id)))
        except (NotPayable, AlreadyPaid, TryAgain) as error:
            results.append(type(error).__name__)

    threads = [threading.Thread(target=clerk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results.count(True) == 1
    assert len(office.payments()) == 1
    assert office.books() == {"cash": 600, "usage_fees": -600}
    database.dispose()


def test_a_slip_keeps_the_reservation_until_its_end(office: Counter) -> None:
    reservation_id = office.held()
    office.slip(reservation_id)
    found = office.reservation(reservation_id)
    assert found.pay_until == NOW + timedelta(days=3)
    assert (found.state, found.pays_by) == (State.HELD, "slip")
    office.site.clock.advance(days=2)
    assert office.expire_slips() == 0
    assert office.reservation(reservation_id).state == State.HELD


def test_a_slip_ends_a_day_before_the_start_at_the_latest(office: Counter) -> None:
    near = window(10, 12, (NOW + timedelta(days=2)).date())
    reservation_id = office.held(near)
    office.slip(reservation_id)
    assert office.reservation(reservation_id).pay_until == near.starts_at - timedelta(days=1)


def test_within_a_day_of_the_start_there_is_no_slip(office: Counter) -> None:
    reservation_id = office.held(window(18, 20, NOW.date()))
    with pytest.raises(TooLateForSlip):
        office.slip(reservation_id)


def test_numbers_of_slips_have_no_gaps(office: Counter) -> None:
    first, second = office.held(window(10, 12)), office.held(window(13, 15))
    late = office.held(window(18, 20, NOW.date()))
    office.slip(first)
    with pytest.raises(TooLateForSlip):
        office.slip(late)
    office.slip(second)
    assert sorted(payment.slip_number or 0 for payment in office.payments()) == [1, 2]


def test_the_same_tap_for_a_slip_twice_is_one_slip(office: Counter) -> None:
    reservation_id, tap = office.held(), new_id(NOW)
    office.slip(reservation_id, payment_id=tap)
    office.slip(reservation_id, payment_id=tap)
    assert [payment.slip_number for payment in office.payments()] == [1]


def test_with_a_slip_out_nobody_pays_by_card(office: Counter) -> None:
    reservation_id = office.held()
    office.slip(reservation_id)
    page = f"/reservations/{reservation_id}"
    assert "カードで600円を支払う" not in office.site.resident().get(page).text
    answer = send(office.site.resident(), "/sessions", f"{page}/payments")
    assert answer.status_code == 409
    assert SlipOut.sentence in answer.text
    assert office.site.stripe.sessions == {}


def test_a_slip_booked_confirms_and_is_at_the_bank(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    assert office.book_slip(slip_id)
    assert office.reservation(reservation_id).state == State.CONFIRMED
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_a_slip_booked_twice_is_booked_once(office: Counter) -> None:
    slip_id = office.slip(office.held())
    assert office.book_slip(slip_id)
    assert not office.book_slip(slip_id)
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_an_unpaid_slip_ends_and_frees_the_reservation_with_a_mail(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    office.site.clock.advance(days=3, seconds=1)
    assert office.expire_slips() == 1
    assert office.expire_slips() == 0
    assert office.reservation(reservation_id).state == State.EXPIRED
    assert office.site.town.claims(owner=reservation_id) == set()
    assert next(p.state for p in office.payments() if p.id == slip_id) == PaymentState.EXPIRED
    with office.database.reading() as session:
        mails = session.scalars(sa.select(Owed.payload).where(Owed.kind == KIND)).all()
    assert "expired" in [mail["template"] for mail in mails]


def late_slip(office: Counter) -> tuple[UUID, UUID]:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    office.site.clock.advance(days=3, seconds=1)
    office.expire_slips()
    return reservation_id, slip_id


def test_late_slip_money_seats_again_where_it_is_free(office: Counter) -> None:
    reservation_id, slip_id = late_slip(office)
    assert office.book_slip(slip_id)
    assert office.reservation(reservation_id).state == State.CONFIRMED
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_late_slip_money_is_owed_back_where_somebody_else_sits(office: Counter) -> None:
    reservation_id, slip_id = late_slip(office)
    office.held()
    assert office.book_slip(slip_id)
    assert office.reservation(reservation_id).state == State.EXPIRED
    assert office.books() == {"bank": 600, "refunds_payable": -600}
    (refund,) = office.refunds()
    assert (refund.method, refund.state) == ("slip", "owed")
    with office.database.reading() as session:
        (case,) = session.scalars(sa.select(Case)).all()
    assert (case.kind, case.refund_id) == (CaseKind.PAY_OUT, refund.id)


def test_a_slip_taken_back_lets_the_resident_pay_by_card(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    with office.database.transaction() as session:
        desk.void_slip(
            session, actor=office.staff, payment_id=slip_id, callbacks=PAYMENT_CALLBACKS, now=office.now
        )
    found = office.reservation(reservation_id)
    assert (found.state, found.pays_by) == (State.HELD, "stripe")
    assert pay_page(office, reservation_id)


def test_who_gives_up_with_a_slip_out_is_free_of_it_at_once(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    send(
        office.site.resident(),
        f"/reservations/{reservation_id}/cancel",
        f"/reservations/{reservation_id}/cancel",
    )
    assert office.reservation(reservation_id).state == State.CANCELLED
    assert office.payments()[0].state == PaymentState.EXPIRED
    office.held()
    office.book_slip(slip_id)
    assert office.books() == {"bank": 600, "refunds_payable": -600}


def test_who_gave_up_a_slip_that_was_at_the_bank_already_gets_the_money_back(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    page = f"/reservations/{reservation_id}/cancel"
    send(office.site.resident(), page, page)
    office.book_slip(slip_id)
    assert office.reservation(reservation_id).state == State.CANCELLED
    assert office.books() == {"bank": 600, "refunds_payable": -600}


def test_late_slip_money_closes_the_card_page_that_was_opened_meanwhile(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    with office.database.transaction() as session:
        desk.void_slip(
            session, actor=office.staff, payment_id=slip_id, callbacks=PAYMENT_CALLBACKS, now=office.now
        )
    session_id = pay_page(office, reservation_id)
    office.book_slip(slip_id)
    assert office.reservation(reservation_id).state == State.CONFIRMED
    office.stripe_works()
    assert office.site.stripe.sessions[session_id].remote.status == "expired"
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_a_page_gone_back_to_does_not_take_a_slip_for_cash(office: Counter) -> None:
    reservation_id, tap = office.held(), new_id(NOW)
    office.slip(reservation_id, payment_id=tap)
    with pytest.raises(SlipOut):
        office.cash(reservation_id, payment_id=tap)
    assert office.reservation(reservation_id).state == State.HELD
    assert office.cash(reservation_id)
    assert office.books() == {"cash": 600, "usage_fees": -600}


def test_a_slip_of_another_town_is_not_there(office: Counter) -> None:
    slip_id = office.slip(office.held())
    with pytest.raises(NotThere), office.database.transaction() as session:
        counter.void_slip(
            session,
            municipality_id=office.site.town.municipality_id + 1,
            payment_id=slip_id,
            callbacks=office.site.services.payment_callbacks,
            now=NOW,
        )


def take_at_once(office: Counter, reservation_id: UUID) -> None:
    """Cash, without asking first whether a card session can still capture."""
    with office.database.transaction() as session:
        counter.take(
            session,
            payment_id=new_id(office.now),
            municipality_id=office.site.town.municipality_id,
            method=Method.CASH,
            items=[Item(reservation_id, "見本", 600)],
            paid_on=office.now.date(),
            actor=office.staff.account_id,
            callbacks=PAYMENT_CALLBACKS,
            now=office.now,
        )


def test_whoever_forgets_to_ask_is_stopped_by_the_unique_index(office: Counter) -> None:
    reservation_id = office.held()
    pay_page(office, reservation_id)
    with pytest.raises(AttemptStanding):
        take_at_once(office, reservation_id)
    assert office.books() == {}


def test_without_the_unique_index_the_same_thing_is_paid_twice(office: Counter) -> None:
    reservation_id = office.held()
    session_id = pay_page(office, reservation_id)
    with office.database.transaction() as session:
        session.execute(sa.text("DROP INDEX uq_payment_item_standing"))
    take_at_once(office, reservation_id)
    office.site.stripe.pay(session_id)
    office.site.clock.advance(minutes=1)
    office.stripe_works()
    books = office.books()
    assert (books["cash"], books["stripe_balance"]) == (600, 600)


def test_a_slip_whose_row_forgot_that_it_was_booked_is_stopped_by_the_books(office: Counter) -> None:
    slip_id = office.slip(office.held())
    office.book_slip(slip_id)
    with office.database.transaction() as session:
        session.execute(
            sa.update(Payment)
            .where(Payment.id == slip_id)
            .values(state=PaymentState.OPEN, next_due_at=office.now)
        )
    with pytest.raises(IntegrityError):
        office.book_slip(slip_id)
    assert office.books() == {"bank": 600, "usage_fees": -600}
