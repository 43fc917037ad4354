"""0円: confirmed at once on every path, with no payment, no charge and nothing in the books but relief."""

from uuid import UUID

import pytest

from booking.counter import desk
from booking.papers.issuing import draft_of
from booking.papers.kinds import Kind
from booking.people.models import Group
from booking.reservations.approve import approve
from booking.reservations.cancel import cancel
from booking.reservations.hold import hold
from booking.reservations.models import State
from booking.reservations.refusals import NotPayable
from booking.seed.issuer import plant_issuer
from core.ids import new_id
from payments.invoice_queries import coming
from payments.states import Method
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import book


def free_one(office: Counter, *, pays_by: Method = Method.STRIPE, offering: int | None = None) -> UUID:
    """The youth group's, whose fee is relieved whole."""
    town = office.site.town
    with office.database.transaction() as session:
        actor = town.actor(session=session)
        return hold(
            session,
            actor=actor,
            group_id=town.youth,
            offering_id=offering or town.full,
            window=window(10, 12),
            request_key=str(new_id(NOW)),
            pays_by=pays_by,
            now=office.now,
        ).id


def nothing_moved(office: Counter) -> None:
    assert office.payments() == []
    assert office.refunds() == []
    assert {account for account, yen in office.books().items() if yen} <= {"relief", "usage_fees"}
    assert sum(office.books().values()) == 0


def test_relieved_whole_it_is_confirmed_at_once(office: Counter) -> None:
    reservation_id = free_one(office)
    found = office.reservation(reservation_id)
    assert (found.state, found.amount_yen, found.pay_until, found.permit_number) == (
        State.CONFIRMED,
        0,
        None,
        1,
    )
    nothing_moved(office)


def test_through_the_pages_it_never_meets_a_payment(office: Counter) -> None:
    browser = office.site.resident()
    answer = book(office.site, browser, group_id=office.site.town.youth)
    page = browser.get(answer.location).text
    assert 'data-state="confirmed"' in page
    assert "0円" in page
    assert "支払う" not in page
    assert "お支払いの済んでいないものはありません" in browser.get("/my/bills").text
    nothing_moved(office)


def test_approved_it_is_confirmed_without_a_hold(office: Counter) -> None:
    town = office.site.town
    # The hall's fee is relieved whole for the youth group as well.
    reservation_id = free_one(office, offering=town.hall_whole)
    assert office.reservation(reservation_id).state == State.REQUESTED
    with office.database.transaction() as session:
        approve(session, actor=office.staff, reservation_id=reservation_id, now=office.now)
    assert office.reservation(reservation_id).state == State.CONFIRMED
    nothing_moved(office)


def test_given_up_it_owes_nothing_back_and_leaves_the_books_even(office: Counter) -> None:
    reservation_id = free_one(office)
    actor = office.site.town.actor()
    with office.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=office.now)
    assert office.reservation(reservation_id).state == State.CANCELLED
    assert office.books() == {}
    nothing_moved(office)


def test_paid_by_invoice_it_is_on_no_invoice(office: Counter) -> None:
    town = office.site.town
    with office.database.transaction() as session:
        session.get_one(Group, town.youth).is_postpaid = True
    browser = office.site.resident()
    answer = book(office.site, browser, group_id=town.youth, pays_by="invoice")
    assert 'data-state="confirmed"' in browser.get(answer.location).text
    with office.database.reading() as session:
        assert coming(session, payer=town.youth) == []
    nothing_moved(office)


def test_the_counter_takes_nothing_for_it(office: Counter) -> None:
    reservation_id = free_one(office)
    page = office.site.browser(office.staff.account_id).get(
        f"/manage/money/counter/reservations/{reservation_id}"
    )
    assert "無料の予約です" in page.text
    with pytest.raises(NotPayable), office.database.transaction() as session:
        desk.take_cash(
            session,
            actor=office.staff,
            reservation_id=reservation_id,
            payment_id=new_id(NOW),
            amount_yen=0,
            callbacks=office.site.services.payment_callbacks,
            now=office.now,
        )
    nothing_moved(office)


def test_its_permit_says_nothing_is_to_be_paid(office: Counter) -> None:
    reservation_id = free_one(office)
    town = office.site.town.municipality_id
    with office.database.transaction() as session:
        plant_issuer(session, town)
        permit = draft_of(
            session,
            municipality_id=town,
            kind=Kind.PERMIT,
            subject=f"reservation:{reservation_id}",
            now=office.now,
        )
    assert permit.content["amount_yen"] == 0
