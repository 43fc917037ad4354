"""The money desk: what came in and went out, what waits for a person, where each payment stands."""

from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.money_desk import chart, flow
from booking.money_desk.case_words import WORDS
from booking.people.models import Account as Person
from booking.people.models import Role
from booking.reservations.models import Reservation, State
from core.audit import AuditEntry
from core.database import Database
from core.ids import new_id
from payments import cases, disputes, ledger
from payments.case_models import Case
from payments.cases import About, CaseKind
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem, Refund, WebhookEvent
from payments.remote import RemoteDispute
from payments.states import PaymentState, RefundState
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import NOW, TODAY

CASES = "/manage/money/cases"


class Till(Protocol):
    """A town's database and one of its managers."""

    @property
    def database(self) -> Database: ...

    @property
    def manager(self) -> Person: ...


def reservation_of(manage: Till) -> UUID:
    with manage.database.reading() as session:
        return session.scalars(
            sa.select(Reservation.id)
            .where(Reservation.state == State.CONFIRMED)
            .order_by(Reservation.starts_at)
            .limit(1)
        ).one()


def paid(
    manage: Till, *, amount_yen: int = 1200, days_ago: int = 0, method: str = "stripe", mark: str = "1"
) -> UUID:
    """A payment that has settled, with its booking."""
    at = NOW - timedelta(days=days_ago)
    reference = reservation_of(manage)
    with manage.database.transaction() as session:
        payment = Payment(
            id=new_id(at),
            municipality_id=manage.manager.municipality_id,
            amount_yen=amount_yen,
            state=PaymentState.SETTLED,
            created_at=at,
            state_changed_at=at,
            deadline_at=at,
            return_url="",
            cancel_url="",
            method=method,
            settled_at=at,
            captured_amount=amount_yen,
            captured_currency="jpy",
            stripe_payment_intent_id=f"pi_{mark}",
            stripe_session_id=f"cs_{mark}",
        )
        session.add(payment)
        session.flush()
        session.add(
            PaymentItem(
                payment_id=payment.id,
                reference=reference,
                position=1,
                label="近くの小学校 体育館 全面",
                amount_yen=amount_yen,
                is_standing=False,
            )
        )
        ledger.post(
            session,
            municipality_id=manage.manager.municipality_id,
            set_key=f"capture:{payment.id}",
            lines=[
                Line(Account.STRIPE_BALANCE, amount_yen),
                Line(Account.USAGE_FEES, -amount_yen, reference),
            ],
            payment_id=payment.id,
            now=at,
        )
        return payment.id


def refunded(manage: Till, payment_id: UUID, *, amount_yen: int, state: str = "succeeded") -> None:
    with manage.database.transaction() as session:
        session.add(
            Refund(
                id=new_id(NOW),
                municipality_id=manage.manager.municipality_id,
                payment_id=payment_id,
                reference=reservation_of_payment(session.get_one(Payment, payment_id)),
                amount_yen=amount_yen,
                cause=f"cancelled{state}",
                state=state,
                created_at=NOW,
                state_changed_at=NOW,
                next_due_at=None if state == "succeeded" else NOW + timedelta(hours=1),
                stripe_refund_id=f"re_{state}",
            )
        )


def reservation_of_payment(payment: Payment) -> UUID:
    return payment.items[0].reference


def opened(
    manage: Till, kind: CaseKind = CaseKind.REFUND_FAILED, subject: str = "1", **about: object
) -> UUID:
    with manage.database.transaction() as session:
        return cases.open_case(
            session,
            municipality_id=manage.manager.municipality_id,
            kind=kind,
            about=About(subject=subject, **about),  # type: ignore[arg-type]
            now=NOW,
        )


def the_case(manage: Manage, case_id: UUID) -> Case:
    with manage.database.reading() as session:
        return session.get_one(Case, case_id)


def acts(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.number)))


def test_an_empty_desk_says_so_in_words(manage: Manage) -> None:
    with manage.database.transaction() as session:
        session.execute(sa.update(Payment).values(municipality_id=0))
    page = manage.client(manage.manager).get("/manage/money").text
    assert "対応が必要な件はありません。" in page
    assert "まだ入金も返金もありません。" in page
    assert "まだありません" in page
    browser = manage.client(manage.manager)
    assert "対応が必要な件はありません。" in browser.get(CASES).text
    assert "対応済みの件はまだありません。" in browser.get(f"{CASES}?state=closed").text
    assert "支払はまだありません。" in browser.get("/manage/money/payments").text


def test_the_desk_adds_up_today_and_the_month_by_way(manage: Manage) -> None:
    card, _ = paid(manage, amount_yen=1200, mark="a"), paid(manage, amount_yen=800, method="cash", mark="b")
    paid(manage, amount_yen=5000, days_ago=3, mark="c")
    refunded(manage, card, amount_yen=200)
    refunded(manage, card, amount_yen=300, state="pending")
    page = manage.client(manage.manager).get("/manage/money").text
    assert "2,000<small>円</small></b><span>今日の入金" in page
    assert "200<small>円</small></b><span>今日の返金" in page
    assert "カード・コンビニ" in page
    assert "現金" in page
    assert "手続き中 <b>1件</b> 300円" in page


def test_days_are_of_tokyo_and_other_towns_money_is_not_counted(manage: Manage) -> None:
    payment_id = paid(manage, amount_yen=700)
    with manage.database.transaction() as session:
        # 00:30 of the day in Tokyo is the day before in UTC.
        session.get_one(Payment, payment_id).settled_at = NOW.replace(hour=0, minute=30)
    with manage.database.reading() as session:
        town = manage.manager.municipality_id
        days = flow.of_days(session, municipality_id=town, last=TODAY, days=2)
        others = flow.of_days(session, municipality_id=town + 1, last=TODAY, days=2)
    assert [day.whole.in_yen for day in days] == [0, 700]
    assert [day.whole.in_yen for day in others] == [0, 0]


def test_the_desk_costs_a_bounded_number_of_statements(manage: Manage) -> None:
    browser = manage.client(manage.manager)
    for number in range(3):
        paid(manage, days_ago=number, mark=str(number))
    browser.get("/manage/money")
    with counted(manage.database) as statements:
        browser.get("/manage/money")
    assert len([one for one in statements if not one.startswith("BEGIN")]) <= 9


def test_the_age_of_the_last_message_is_shown(manage: Manage) -> None:
    with manage.database.transaction() as session:
        session.add(
            WebhookEvent(
                event_id="evt_1",
                type="payment_intent.succeeded",
                received_at=NOW - timedelta(hours=3),
                result="parked",
                next_due_at=NOW,
            )
        )
    page = manage.client(manage.manager).get("/manage/money").text
    assert "3時間前" in page
    assert "<dt>調べている通知</dt><dd>1件" in page


def test_overdue_comes_first_then_what_is_urgent(manage: Manage) -> None:
    opened(manage, CaseKind.REFUND_SLOW, "a")
    opened(manage, CaseKind.DISPUTE, "b", detail={"state": "needs_response", "reason": "fraudulent"})
    late = opened(manage, CaseKind.STUCK, "c")
    with manage.database.transaction() as session:
        session.get_one(Case, late).next_due_at = NOW - timedelta(minutes=1)
    page = manage.client(manage.manager).get(CASES).text
    places = [page.index(f'<h2><a href="{CASES}/') for _ in (1,)]
    titles = [WORDS[kind].title for kind in (CaseKind.STUCK, CaseKind.DISPUTE, CaseKind.REFUND_SLOW)]
    body = page[places[0] :]
    assert sorted(titles, key=body.index) == titles
    assert "期限切れ" in body


def test_cases_are_filtered_by_kind_and_owner(manage: Manage) -> None:
    mine = opened(manage, CaseKind.STUCK, "a")
    opened(manage, CaseKind.REFUND_SLOW, "b")
    browser = manage.client(manage.manager)
    post(browser, f"{CASES}/{mine}", f"{CASES}/{mine}/take-on")

    def listed(query: str) -> int:
        return browser.get(f"{CASES}?{query}").text.count('<li class="card')

    assert [listed(query) for query in ("", "kind=stuck", "owner=me", "owner=nobody", "kind=dispute")] == [
        2,
        1,
        1,
        1,
        0,
    ]
    assert browser.get(f"{CASES}?kind=nonsense").status_code == 400


def test_taking_on_twice_is_once(manage: Manage) -> None:
    case_id = opened(manage)
    browser = manage.client(manage.manager)
    for _ in range(2):
        answer = post(browser, f"{CASES}/{case_id}", f"{CASES}/{case_id}/put-off", {"day": "x", "note": "y"})
        assert answer.status_code == 400
    for _ in range(2):
        token_page = f"{CASES}/{case_id}"
        assert post(browser, token_page, f"{CASES}/{case_id}/take-on").status_code == 303
    assert the_case(manage, case_id).owner == str(manage.manager.id)
    assert acts(manage) == ["money_case.take_on"]


def test_putting_off_keeps_it_until_that_morning(manage: Manage) -> None:
    case_id = opened(manage)
    browser = manage.client(manage.manager)
    day = (TODAY + timedelta(days=3)).isoformat()
    answer = post(
        browser, f"{CASES}/{case_id}", f"{CASES}/{case_id}/put-off", {"day": day, "note": "銀行の返事待ち"}
    )
    assert answer.status_code == 303
    due = the_case(manage, case_id).next_due_at
    assert due is not None
    assert due.isoformat() == f"{day}T00:00:00+00:00"
    page = browser.get(answer.location).text
    assert "銀行の返事待ち" in page
    assert "見本 係長さんが" in page


@pytest.mark.parametrize("day", ["", "2026-11-21", "2020-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_refused_with_the_input_kept(manage: Manage, day: str) -> None:
    case_id = opened(manage)
    browser = manage.client(manage.manager)
    answer = post(
        browser, f"{CASES}/{case_id}", f"{CASES}/{case_id}/put-off", {"day": day, "note": "待つ理由"}
    )
    assert answer.status_code == 400
    assert 'value="待つ理由"' in answer.text
    assert acts(manage) == []


def test_an_objection_cannot_be_put_off_past_its_evidence(manage: Manage) -> None:
    due = NOW + timedelta(days=5)
    case_id = opened(
        manage,
        CaseKind.DISPUTE,
        "dp_1",
        detail={"state": "needs_response", "reason": "duplicate", "evidence_due_at": due.isoformat()},
    )
    browser = manage.client(manage.manager)

    def put_off(days: int) -> int:
        day = (TODAY + timedelta(days=days)).isoformat()
        return post(
            browser, f"{CASES}/{case_id}", f"{CASES}/{case_id}/put-off", {"day": day, "note": "x"}
        ).status_code

    assert [put_off(6), put_off(3)] == [400, 303]


def test_closing_says_what_was_done_and_twice_is_once(manage: Manage) -> None:
    case_id = opened(manage)
    browser = manage.client(manage.manager)
    page = f"{CASES}/{case_id}"
    empty = post(browser, page, f"{page}/close", {"note": "  "})
    assert empty.status_code == 400
    assert "対応の内容を" in empty.text
    fields = {"note": "利用者に電話し、振込先を聞いた"}
    first = post(browser, page, f"{page}/close", fields)
    second = post(browser, "/sessions", f"{page}/close", fields)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert acts(manage) == ["money_case.close"]
    shown = browser.get(page).text
    assert fields["note"] in shown
    assert '<form method="post" action="/manage/money/cases' not in shown


def test_another_towns_case_looks_like_none_at_all(manage: Manage) -> None:
    with manage.database.transaction() as session:
        theirs = cases.open_case(
            session,
            municipality_id=manage.manager.municipality_id + 1,
            kind=CaseKind.STUCK,
            about=About(subject="x"),
            now=NOW,
        )
    browser = manage.client(manage.manager)
    assert browser.get(f"{CASES}/{theirs}").status_code == 404
    for act in ("take-on", "put-off", "close"):
        answer = post(browser, "/sessions", f"{CASES}/{theirs}/{act}", {"note": "x", "day": "2026-12-01"})
        assert answer.status_code == 404
    assert the_case(manage, theirs).owner is None


def test_nobody_but_managers_finds_the_desk(manage: Manage) -> None:
    case_id, payment_id = opened(manage), paid(manage)
    browser = manage.client(manage.resident)
    pages = ("/manage/money", CASES, f"{CASES}/{case_id}", "/manage/money/payments")
    for page in (*pages, f"/manage/money/payments/{payment_id}"):
        assert browser.get(page).status_code == 404
    assert manage.resident.role == Role.RESIDENT


@pytest.mark.parametrize("kind", list(CaseKind))
def test_every_kind_says_what_to_do_next(manage: Manage, kind: CaseKind) -> None:
    case_id = opened(manage, kind, "subject-1", amount_yen=1500, reference=reservation_of(manage))
    page = manage.client(manage.manager).get(f"{CASES}/{case_id}").text
    assert WORDS[kind].title in page
    assert WORDS[kind].next_step in page
    assert "1,500円" in page
    assert "subject-1" in page


def test_a_payment_is_found_by_whatever_somebody_has_in_hand(manage: Manage) -> None:
    payment_id = paid(manage, mark="x")
    refunded(manage, payment_id, amount_yen=100)
    with manage.database.transaction() as session:
        disputes.write(
            session,
            RemoteDispute("dp_9", "needs_response", 1200, "jpy", "fraudulent", "pi_x", None, NOW, 1200),
            municipality_id=manage.manager.municipality_id,
            now=NOW,
        )
    reference = reservation_of(manage)
    browser = manage.client(manage.manager)

    def hits(**query: str) -> int:
        return browser.get("/manage/money/payments", query_string=query).text.count(
            f"/manage/money/payments/{payment_id}"
        )

    found = ("見本団体", str(payment_id), str(reference), "pi_x", "cs_x", "re_succeeded", "dp_9")
    assert [hits(q=words) for words in found] == [1] * len(found)
    missed = ("別の団体", "pi_other", "%", "_", "999999")
    assert [hits(q=words) for words in missed] == [0] * len(missed)
    assert hits(day=TODAY.isoformat()) == 1
    assert hits(day=(TODAY - timedelta(days=1)).isoformat()) == 0
    assert browser.get("/manage/money/payments?day=nonsense").status_code == 400


def test_a_payments_page_shows_refunds_objections_cases_and_bookings(manage: Manage) -> None:
    payment_id = paid(manage, mark="x")
    refunded(manage, payment_id, amount_yen=100)
    with manage.database.transaction() as session:
        disputes.write(
            session,
            RemoteDispute("dp_9", "needs_response", 1200, "jpy", "fraudulent", "pi_x", None, NOW, 1200),
            municipality_id=manage.manager.municipality_id,
            now=NOW,
        )
    page = manage.client(manage.manager).get(f"/manage/money/payments/{payment_id}").text
    for words in (
        "見本団体01",
        "返金済み",
        "反証待ち",
        "本人が使った覚えがない",
        "異議申立てによる引去り",
        "決済会社預け金",
    ):
        assert words in page
    assert WORDS[CaseKind.DISPUTE].title in page
    assert "1,200" in page


def test_another_towns_payment_looks_like_none_at_all(manage: Manage) -> None:
    payment_id = paid(manage)
    with manage.database.transaction() as session:
        session.get_one(Payment, payment_id).municipality_id += 1
    browser = manage.client(manage.manager)
    assert browser.get(f"/manage/money/payments/{payment_id}").status_code == 404
    assert str(payment_id) not in browser.get("/manage/money/payments").text


def test_the_picture_has_one_scale_for_both_directions() -> None:
    days = [
        flow.DayFlow(date(2026, 11, 1), {"stripe": flow.Flow(10_000, 0)}),
        flow.DayFlow(date(2026, 11, 2), {"stripe": flow.Flow(0, 5_000), "cash": flow.Flow(2_500, 0)}),
        flow.DayFlow(date(2026, 11, 3), {}),
    ]
    drawn = chart.chart_of(days)
    assert [(bar.up, bar.down) for bar in drawn.bars] == [(150.0, 0.0), (37.5, 75.0), (0.0, 0.0)]
    assert drawn.bars[0].label == "1"
    assert "入金は合わせて12,500円、返金は5,000円" in drawn.summary


@pytest.mark.parametrize(
    ("yen", "top", "words"),
    [(0, 0, "0円"), (1, 1000, "1,000円"), (1001, 2000, "2,000円"), (49_000, 50_000, "5万円")],
)
def test_the_scale_ends_at_a_round_sum(yen: int, top: int, words: str) -> None:
    assert chart.round_up(yen) == top
    assert chart.short_yen(top) == words


def test_refund_states_all_have_words() -> None:
    from booking.money_desk.book_words import ACCOUNTS
    from booking.money_desk.payment_words import REFUND_STATES, STATES

    assert set(REFUND_STATES) == set(RefundState)
    assert set(STATES) == set(PaymentState)
    assert set(ACCOUNTS) == set(Account)
