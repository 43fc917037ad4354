"""What was not paid through Stripe goes back by hand: listed, by four eyes above a limit, once."""

import threading
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.notices.mail import KIND
from booking.people.models import Member
from booking.places.models import Municipality
from booking.reservations.cancel import cancel
from core.audit import AuditEntry
from core.database import Database, retrying
from core.errors import BadInput, NotThere
from core.ids import new_id
from core.owed import Owed
from payments import case_sweep, cases, drawer, loops, paying_out
from payments.case_models import Case
from payments.cases import CaseKind
from payments.paying_out import DrawerShort, NeedsSecond
from payments.states import Method, RefundState
from tests.integration.booking.town import NOW
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import build_site, send


def owed_back(office: Counter) -> UUID:
    """600 yen of cash for a reservation that its group gave up in time."""
    reservation_id = office.held()
    office.cash(reservation_id)
    actor = office.site.town.actor()
    with office.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=office.now)
    (refund,) = office.refunds()
    return refund.id


def pay_out(
    office: Counter,
    refund_id: UUID,
    *,
    how: Method = Method.CASH,
    by: UUID | None = None,
    limit: int = 10_000,
) -> bool:
    with office.database.transaction() as session:
        return paying_out.pay_out(
            session,
            municipality_id=office.site.town.municipality_id,
            refund_id=refund_id,
            how=how,
            actor=by or office.staff.account_id,
            alone_up_to_yen=limit,
            callbacks=PAYMENT_CALLBACKS,
            now=office.now,
        )


def ask(office: Counter, refund_id: UUID, *, by: UUID | None = None) -> None:
    with office.database.transaction() as session:
        paying_out.ask(
            session,
            municipality_id=office.site.town.municipality_id,
            refund_id=refund_id,
            how=Method.CASH,
            actor=by or office.staff.account_id,
            now=office.now,
        )


def the_case(office: Counter) -> Case:
    with office.database.reading() as session:
        return session.scalars(sa.select(Case).where(Case.kind == CaseKind.PAY_OUT)).one()


def test_cash_owed_back_waits_as_a_case_and_no_loop_sends_it(office: Counter) -> None:
    refund_id = owed_back(office)
    case = the_case(office)
    assert (case.refund_id, case.amount_yen, case.closed_at) == (refund_id, 600, None)
    services = office.site.services
    office.site.clock.advance(days=2)
    assert (
        loops.send_refunds(services.database, services.stripe, services.payment_callbacks, services.clock)
        == 0
    )
    assert office.refunds()[0].state == RefundState.OWED
    assert office.books() == {"cash": 600, "refunds_payable": -600}


def test_closed_without_paying_it_is_listed_again(office: Counter) -> None:
    refund_id = owed_back(office)
    with office.database.transaction() as session:
        assert case_sweep.sweep(session, now=office.now) == 0
        case = session.scalars(sa.select(Case).where(Case.refund_id == refund_id)).one()
        cases.close_case(
            session,
            municipality_id=case.municipality_id,
            case_id=case.id,
            actor=office.staff.account_id,
            note="見本",
            now=office.now,
        )
    with office.database.transaction() as session:
        case_sweep.sweep(session, now=office.now)
        still = sa.select(Case).where(Case.refund_id == refund_id, Case.closed_at.is_(None))
        assert session.scalars(still).one().kind == CaseKind.PAY_OUT


@pytest.mark.parametrize("how", [Method.CASH, Method.TRANSFER])
def test_paid_out_it_is_settled_booked_and_told(office: Counter, how: Method) -> None:
    refund_id = owed_back(office)
    assert pay_out(office, refund_id, how=how)
    (refund,) = office.refunds()
    assert (refund.state, refund.paid_out_by) == ("succeeded", str(office.staff.account_id))
    assert office.books() == ({} if how is Method.CASH else {"cash": 600, "bank": -600})
    assert the_case(office).closed_by == "system"
    with office.database.reading() as session:
        mails = session.scalars(sa.select(Owed.payload).where(Owed.kind == KIND)).all()
        acts = session.scalars(sa.select(AuditEntry.act)).all()
    assert "refunded" in [mail["template"] for mail in mails]
    assert "refund.pay_out" in acts


def test_paid_out_twice_is_paid_out_once(office: Counter) -> None:
    refund_id = owed_back(office)
    assert pay_out(office, refund_id)
    assert not pay_out(office, refund_id)
    assert office.books() == {}


def test_two_clerks_at_once_pay_out_once(postgres_database_url: str) -> None:
    database = Database(postgres_database_url, pool_size=8)
    office = Counter(build_site(database))
    refund_id = owed_back(office)
    start, results = threading.Barrier(3), []

    def clerk() -> None:
        start.wait(10)
        results.append(retrying(lambda: pay_out(office, refund_id)))

    threads = [threading.Thread(target=clerk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [False, False, True]
    assert office.books() == {}
    database.dispose()


def test_above_the_limit_nobody_pays_out_alone(office: Counter) -> None:
    refund_id = owed_back(office)
    with pytest.raises(NeedsSecond):
        pay_out(office, refund_id, limit=599)
    ask(office, refund_id)
    with pytest.raises(NeedsSecond):
        pay_out(office, refund_id, limit=599)
    assert pay_out(office, refund_id, limit=599, by=office.second_manager())
    assert office.books() == {}


def test_up_to_the_limit_one_person_is_enough(office: Counter) -> None:
    assert pay_out(office, owed_back(office), limit=600)


def test_cash_that_is_not_in_the_drawer_is_not_paid_out(office: Counter) -> None:
    refund_id = owed_back(office)
    hand_in(office, 600)
    with pytest.raises(DrawerShort):
        pay_out(office, refund_id)
    assert pay_out(office, refund_id, how=Method.TRANSFER)
    assert office.books() == {}


def test_what_goes_back_through_stripe_is_not_paid_out_by_hand(office: Counter) -> None:
    reservation_id = office.site.town.confirmed(now=office.now)
    actor = office.site.town.actor()
    with office.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=office.now)
    (refund,) = office.refunds()
    assert refund.method == "stripe"
    with pytest.raises(NotThere):
        pay_out(office, refund.id)
    with office.database.reading() as session:
        assert session.scalars(sa.select(Case)).all() == []


def test_the_page_asks_for_a_second_person_and_lists_who_asked(office: Counter) -> None:
    refund_id = owed_back(office)
    with office.database.transaction() as session:
        session.get_one(Municipality, office.site.town.municipality_id).refund_alone_up_to_yen = 100
    first = office.site.browser(office.staff.account_id)
    second = office.site.browser(office.second_manager())
    page = "/manage/money/counter/pay-outs"
    assert "払戻しを申請する" in first.get(page).text
    refused = send(first, page, f"{page}/{refund_id}/done", how="cash")
    assert refused.status_code == 409
    assert NeedsSecond.sentence in refused.text
    assert send(first, page, f"{page}/{refund_id}/ask", how="cash").status_code == 303
    assert "ほかの管理者を待っています" in first.get(page).text
    assert "払い戻した" in second.get(page).text
    assert send(second, page, f"{page}/{refund_id}/done", how="cash").status_code == 303
    assert "払い戻すものはありません" in first.get(page).text


def joins(office: Counter) -> None:
    """The manager is a member of the group as well."""
    with office.database.transaction() as session:
        session.add(Member(group_id=office.site.town.general, account_id=office.staff.account_id))


@pytest.mark.parametrize(("is_own", "status"), [(False, 303), (True, 409)])
def test_to_a_group_of_ones_own_nobody_pays_out_alone(office: Counter, is_own: bool, status: int) -> None:
    refund_id = owed_back(office)
    if is_own:
        joins(office)
    page = "/manage/money/counter/pay-outs"
    browser = office.site.browser(office.staff.account_id)
    assert ("払戻しを申請する" in browser.get(page).text) == is_own
    assert send(browser, page, f"{page}/{refund_id}/done", how="cash").status_code == status
    if is_own:
        second = office.site.browser(office.second_manager())
        assert send(browser, page, f"{page}/{refund_id}/ask", how="cash").status_code == 303
        assert send(second, page, f"{page}/{refund_id}/done", how="cash").status_code == 303
    assert office.books() == {}


def test_what_is_owed_to_nobody_is_not_there(office: Counter) -> None:
    page = "/manage/money/counter/pay-outs"
    browser = office.site.browser(office.staff.account_id)
    assert send(browser, "/sessions", f"{page}/{new_id(NOW)}/done", how="cash").status_code == 404


def hand_in(office: Counter, yen: int, *, counted: int | None = None, tap: UUID | None = None) -> bool:
    with office.database.transaction() as session:
        return drawer.hand_in(
            session,
            hand_in_id=tap or new_id(NOW),
            municipality_id=office.site.town.municipality_id,
            counted_yen=yen if counted is None else counted,
            handed_in_yen=yen,
            actor=office.staff.account_id,
            now=office.now,
        )


def test_cash_brought_to_the_bank_leaves_the_drawer_once(office: Counter) -> None:
    office.cash(office.held())
    tap = new_id(NOW)
    assert hand_in(office, 600, tap=tap)
    assert not hand_in(office, 600, tap=tap)
    assert office.books() == {"bank": 600, "usage_fees": -600}
    with office.database.reading() as session:
        acts = session.scalars(sa.select(AuditEntry.act)).all()
    assert acts.count("cash.hand_in") == 1


def test_more_than_there_is_is_not_brought_to_the_bank(office: Counter) -> None:
    office.cash(office.held())
    for yen in (0, 601):
        with pytest.raises(BadInput):
            hand_in(office, yen, counted=1000)
    with pytest.raises(BadInput):
        hand_in(office, 600, counted=500)
    assert office.books() == {"cash": 600, "usage_fees": -600}


def test_a_count_that_differs_from_the_books_is_a_case(office: Counter) -> None:
    office.cash(office.held())
    assert hand_in(office, 550, counted=550)
    with office.database.reading() as session:
        (case,) = session.scalars(sa.select(Case)).all()
    assert (case.kind, case.amount_yen, case.detail) == (
        CaseKind.BOOKS,
        50,
        {"counted_yen": 550, "books_yen": 600},
    )


def test_what_was_paid_twice_is_no_case_any_more_once_it_is_paid_out(office: Counter) -> None:
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    assert office.cash(reservation_id)
    office.site.clock.advance(minutes=1)
    office.book_slip(slip_id)
    (refund,) = office.refunds()

    def listed() -> set[str]:
        with office.database.reading() as session:
            return set(session.scalars(sa.select(Case.kind).where(Case.closed_at.is_(None))))

    assert listed() == {CaseKind.PAID_TWICE, CaseKind.PAY_OUT}
    assert pay_out(office, refund.id)
    assert listed() == set()
