"""What has gone wrong in public booking projects, as stories that must not happen here, with their controls.

Paid in time but seen late; the page says failed, then paid; confirmed twice; the row lock left out "for
performance"; the refund's message refused.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import stripe as vendor
from sqlalchemy.orm import Session

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.money_desk.nightly import run_night
from booking.reservations.confirm import confirm
from booking.reservations.models import PermitCounter, Reservation, State
from booking.reservations.release import release
from core.database import Database, retrying
from core.owed import Owed
from payments import attempts, checkout, loops
from payments.callbacks import PaymentSettled
from payments.case_models import Case
from payments.due import locked
from payments.models import LedgerEntry, Payment, Refund
from payments.remote import RefundStatus
from payments.states import PaymentState, RefundState
from tests.integration.pages.conftest import Site, book, build_site, send
from tests.integration.pages.test_paying_later import mails, refunds, state_of, work


def on_the_card_page(site: Site) -> tuple[str, str]:
    """A held reservation whose resident is on the hosted page: its page and Stripe's session."""
    browser = site.resident()
    page = str(book(site, browser).location)
    send(browser, page, f"{page}/payments")
    return page, list(site.stripe.sessions)[-1]


def the_payment(site: Site) -> Payment:
    with site.town.database.reading() as session:
        return session.scalars(sa.select(Payment)).one()


def told(site: Site, session_id: str, event_id: str) -> int:
    """Stripe's message that a session is complete, signed; the answer's status."""
    body = json.dumps(
        {
            "id": event_id,
            "object": "event",
            "type": "checkout.session.completed",
            "livemode": False,
            "data": {"object": {"id": session_id, "object": "checkout.session"}},
        }
    )
    header = vendor.WebhookSignature.generate_signature_header(
        body, "whsec_test", int(site.clock.now().timestamp())
    )
    answer = site.browser().post("/stripe/webhook", data=body, headers={"Stripe-Signature": header})
    return answer.status_code


def permits(site: Site) -> int:
    with site.town.database.reading() as session:
        return session.scalar(sa.select(PermitCounter.last_number)) or 0


# --- paid in time, seen late


def test_who_paid_in_time_has_won_however_late_we_see_it(site: Site) -> None:
    page, session_id = on_the_card_page(site)
    site.clock.advance(minutes=9, seconds=59)
    site.stripe.pay(session_id)
    site.clock.advance(minutes=50)
    work(site)
    assert state_of(site, page) == State.CONFIRMED
    assert refunds(site) == []


def test_control_freed_by_our_own_clock_somebody_else_has_the_courts_by_then(site: Site) -> None:
    page, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    site.clock.advance(minutes=11)
    with site.town.database.transaction() as session:
        row = session.scalars(sa.select(Reservation)).one()
        release(session, row, State.EXPIRED, now=site.clock.now())
    assert book(site, site.resident()).status_code == 303
    work(site)
    assert state_of(site, page) == State.EXPIRED
    assert [amount for _, amount in refunds(site)] == [600]


# --- the page says failed, then it is paid


def test_who_came_back_without_paying_may_still_pay_on_the_page_left_open(site: Site) -> None:
    page, session_id = on_the_card_page(site)
    browser = site.resident()
    # A declined card leads back by the cancel address; nothing of it is believed.
    assert "を支払う" in browser.get(page).text
    assert "確認しています" in browser.get(f"{page}/return").text
    assert state_of(site, page) == State.HELD
    site.stripe.pay(session_id)
    assert told(site, session_id, "evt_1") == 200
    work(site)
    assert "予約が確定しました" in browser.get(f"{page}/return").text
    assert mails(site).count("confirmed") == 1


def test_control_believed_the_page_would_have_cost_the_payer_the_courts(site: Site) -> None:
    page, session_id = on_the_card_page(site)
    with site.town.database.transaction() as session:
        row = session.scalars(sa.select(Reservation)).one()
        release(session, row, State.CANCELLED, now=site.clock.now())
    assert book(site, site.resident()).status_code == 303
    site.stripe.pay(session_id)
    told(site, session_id, "evt_1")
    work(site)
    assert state_of(site, page) == State.CANCELLED
    assert [amount for _, amount in refunds(site)] == [600]


# --- confirmed twice


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run all of them at the same instant; what they raised."""
    start, raised = threading.Barrier(len(works)), []

    def run(one: Callable[[], object]) -> None:
        start.wait(20)
        try:
            one()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_two_messages_the_poller_and_the_return_page_confirm_once(site: Site) -> None:
    page, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    payment_id = the_payment(site).id
    given = site.services
    outside = (given.database, given.stripe, given.payment_callbacks)
    raised = at_once(
        lambda: told(site, session_id, "evt_1"),
        lambda: told(site, session_id, "evt_2"),
        lambda: site.resident().get(f"{page}/return"),
        lambda: loops.settle(*outside, given.clock),
        lambda: loops.settle_one(*outside, payment_id, given.clock),
    )
    assert raised == []
    work(site)
    assert state_of(site, page) == State.CONFIRMED
    assert mails(site).count("confirmed") == 1
    assert permits(site) == 1
    with site.town.database.reading() as session:
        sets = session.scalars(sa.select(LedgerEntry.set_key).distinct()).all()
    assert sets == [f"capture:{payment_id}"]


# --- the row lock left out "for performance"


def settle_side_by_side(site: Site, *, has_lock: bool) -> list[BaseException]:
    """Two workers that both have Stripe's word "paid", as two leases that overlap would let them."""
    database, payment_id = site.town.database, the_payment(site).id
    remote = site.stripe.sessions[next(iter(site.stripe.sessions))].remote
    have_read = threading.Barrier(2)

    def settle() -> None:
        with database.transaction() as session:
            payment = locked(session, Payment, payment_id) if has_lock else session.get(Payment, payment_id)
            assert payment is not None
            if not has_lock:
                have_read.wait(20)
            attempts.apply(
                session, payment, remote, callbacks=PAYMENT_CALLBACKS, is_live=False, now=site.clock.now()
            )

    return at_once(lambda: retrying(settle) if has_lock else settle(), settle)


def without_the_books_own_key(site: Site) -> None:
    with site.town.database.transaction() as session:
        session.execute(sa.text("ALTER TABLE ledger_entry DROP CONSTRAINT uq_ledger_entry_set_key_line"))


def captures(site: Site) -> int:
    with site.town.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).where(LedgerEntry.account == "stripe_balance")) or 0


def test_two_workers_with_the_same_word_settle_once(postgres_database_url: str) -> None:
    site = build_site(Database(postgres_database_url))
    page, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    assert settle_side_by_side(site, has_lock=True) == []
    assert state_of(site, page) == State.CONFIRMED
    assert (captures(site), refunds(site)) == (1, [])
    site.town.database.dispose()


@pytest.mark.parametrize("has_key", [True, False])
def test_control_without_the_row_lock_both_settle(postgres_database_url: str, *, has_key: bool) -> None:
    site = build_site(Database(postgres_database_url))
    _, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    if not has_key:
        without_the_books_own_key(site)
    raised = settle_side_by_side(site, has_lock=False)
    if has_key:
        # The second tries all of it again; the books' own key is the last to notice.
        assert [type(error) for error in raised] == [sa.exc.IntegrityError]
        assert captures(site) == 1
    else:
        # Paid once, booked twice, and the "second payment" goes back for nothing.
        assert raised == []
        assert captures(site) == 2
        assert [amount for _, amount in refunds(site)] == [600]
    site.town.database.dispose()


# --- the refund's message refused


def refund_under_way(site: Site) -> UUID:
    """Cancelled after paying, and the bank takes its time."""
    page, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    site.clock.advance(seconds=30)
    work(site)
    site.stripe.refund_outcomes = [RefundStatus.PENDING]
    browser = site.resident()
    send(browser, f"{page}/cancel", f"{page}/cancel", lost_yen=0)
    work(site)
    with site.town.database.reading() as session:
        refund = session.scalars(sa.select(Refund)).one()
    assert refund.state == RefundState.PENDING
    return refund.id


def test_a_refund_is_finished_though_its_message_was_refused(site: Site) -> None:
    refund_id = refund_under_way(site)
    site.stripe.finish_refund("re_1", RefundStatus.SUCCEEDED)
    refused = site.browser().post("/stripe/webhook", data=b"{}", headers={"Stripe-Signature": "t=1,v1=00"})
    assert refused.status_code == 400
    site.clock.advance(minutes=2)
    work(site)
    with site.town.database.reading() as session:
        assert session.get_one(Refund, refund_id).state == RefundState.SUCCEEDED
    assert mails(site).count("refunded") == 1
    with site.town.database.reading() as session:
        assert session.scalars(sa.select(Owed).where(Owed.parked_at.is_not(None))).all() == []


def test_control_with_messages_alone_it_would_be_pending_for_ever(site: Site) -> None:
    refund_id = refund_under_way(site)
    site.stripe.finish_refund("re_1", RefundStatus.SUCCEEDED)
    site.clock.advance(days=30)
    with site.town.database.reading() as session:
        assert session.get_one(Refund, refund_id).state == RefundState.PENDING
    assert mails(site).count("refunded") == 0


def test_money_for_what_another_attempt_has_paid_goes_back_and_the_case_closes_itself(site: Site) -> None:
    page, first = on_the_card_page(site)
    site.stripe.pay(first)
    site.clock.advance(seconds=30)
    work(site)
    reservation_id = UUID(page.rsplit("/", 1)[1])
    # A stray attempt, as a lost unique index would let through.
    with site.town.database.transaction() as session:
        old = session.scalars(sa.select(Payment)).one()
        for item in old.items:
            item.is_standing = False
    stray = second_attempt(site, reservation_id)
    work(site)
    assert the_state(site, stray) == PaymentState.SETTLED
    assert state_of(site, page) == State.CONFIRMED
    assert mails(site).count("paid_twice") == 1
    work(site)
    assert refunds(site) == [("succeeded", 600)]
    with site.town.database.reading() as session:
        case = session.scalars(sa.select(Case)).one()
    assert (case.kind, case.subject, case.closed_by) == ("paid_twice", str(stray), "system")


def the_state(site: Site, payment_id: UUID) -> str:
    with site.town.database.reading() as session:
        return session.get_one(Payment, payment_id).state


def second_attempt(site: Site, reservation_id: UUID) -> UUID:
    given = site.services
    with given.database.transaction() as session:
        payment = checkout.start(
            session,
            municipality_id=site.town.municipality_id,
            items=[checkout.Item(reservation_id, "体育館", 600)],
            deadline_at=given.clock.now() + timedelta(minutes=10),
            return_url="http://127.0.0.1/return",
            cancel_url="http://127.0.0.1/cancel",
            mail_address=None,
            now=given.clock.now(),
        )
    checkout.open_session(given.database, given.stripe, payment.id, given.clock)
    site.stripe.pay(list(site.stripe.sessions)[-1])
    site.clock.advance(seconds=30)
    return payment.id


# --- confirmed twice, paid twice: with answers that somebody might have written


def confirm_whatever_its_state(session: Session, *, reference: UUID, now: datetime, **_rest: object) -> None:
    """An answer that does not look: money is there, so it is confirmed."""
    row = session.get_one(Reservation, reference)
    row.state, row.permit_number = State.HELD, None
    confirm(session, row, now=now)


def confirm_once_and_think_no_more(
    session: Session, *, reference: UUID, now: datetime, **_rest: object
) -> None:
    """An answer that looks, and forgets the money that came besides."""
    row = session.get_one(Reservation, reference)
    if row.state == State.HELD:
        confirm(session, row, now=now)


def paid_by_two_attempts(site: Site, answer: PaymentSettled) -> str:
    """Two captures of one reservation, as a lost unique index would let through; its page."""
    page, first = on_the_card_page(site)
    outside = (site.services.database, site.stripe, replace(PAYMENT_CALLBACKS, payment_settled=answer))
    site.stripe.pay(first)
    site.clock.advance(seconds=30)
    loops.settle(*outside, site.clock)
    with site.town.database.transaction() as session:
        for item in session.scalars(sa.select(Payment)).one().items:
            item.is_standing = False
    second_attempt(site, UUID(page.rsplit("/", 1)[1]))
    loops.settle(*outside, site.clock)
    return page


def found_at_night(site: Site) -> set[str]:
    town = site.town.municipality_id
    night = run_night(site.town.database, site.clock, municipality_id=town)
    return {name for name, checked in night.checks.items() if checked.findings}


def test_paid_by_two_attempts_it_is_confirmed_once_and_the_second_money_goes_back(site: Site) -> None:
    page = paid_by_two_attempts(site, PAYMENT_CALLBACKS.payment_settled)
    assert state_of(site, page) == State.CONFIRMED
    assert (mails(site).count("confirmed"), permits(site)) == (1, 1)
    assert refunds(site) == [("owed", 600)]
    assert not found_at_night(site) & {"one_standing_capture", "money_has_its_slot"}


def test_control_an_answer_that_does_not_look_at_the_state_confirms_twice(site: Site) -> None:
    paid_by_two_attempts(site, confirm_whatever_its_state)
    assert (mails(site).count("confirmed"), permits(site)) == (2, 2)
    assert "papers_have_no_gap" in found_at_night(site)


def test_control_without_the_refund_the_second_money_stays(site: Site) -> None:
    paid_by_two_attempts(site, confirm_once_and_think_no_more)
    assert (mails(site).count("confirmed"), captures(site), refunds(site)) == (1, 2, [])
    assert found_at_night(site) >= {"one_standing_capture", "money_has_its_slot"}
