"""What managers see and do about money that goes back, through the pages."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.people.models import Account, Role
from booking.refunding.models import AlertDay, RefundBatch, RefundReview
from booking.refunding.policy_models import RefundPolicy
from booking.reservations.models import Reservation, State
from core.audit import AuditEntry
from core.owed import Owed
from payments.models import Refund
from payments.states import RefundState
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import NOW, TODAY, Town, window

REFUNDS = "/manage/money/refunds"
BATCHES = f"{REFUNDS}/batches"
NEW = f"{BATCHES}/new?first={TODAY}&last={TODAY}"
PAGES = (REFUNDS, f"{BATCHES}/new", f"{REFUNDS}/alerts", f"{REFUNDS}/policies")


def confirmed(manage: Manage) -> UUID:
    with manage.database.reading() as session:
        return session.scalars(sa.select(Reservation.id).where(Reservation.state == State.CONFIRMED)).one()


def second(manage: Manage) -> FlaskClient:
    """The browser of another manager."""
    made: list[Account] = []
    manage.town(
        lambda town: made.append(town.account("second@example.jp", role=Role.MANAGER, name="見本 課長"))
    )
    return manage.client(made[0])


def refunds(manage: Manage) -> list[tuple[UUID, int, str]]:
    with manage.database.reading() as session:
        rows = session.scalars(sa.select(Refund).order_by(Refund.created_at, Refund.id))
        return [(row.reference, row.amount_yen, row.cause) for row in rows]


def batch_fields(*ids: UUID, yen: int = 300, **more: str) -> dict[str, str]:
    fields = {"reason": "暖房の故障のため(見本)", "how": "yen", "request_key": "k" * 20, **more}
    fields |= {f"yen-{id_}": str(yen) for id_ in ids}
    return {**fields, "reservation": str(ids[0])} if ids else fields


def batch_id(location: str) -> str:
    found = re.search(r"/batches/([0-9a-f-]{36})", location)
    assert found
    return found[1]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_empty_for_managers_and_is_not_there_for_residents(
    manage: Manage, desk: FlaskClient, page: str
) -> None:
    assert desk.get(page).status_code == 200
    assert manage.client(manage.resident).get(page).status_code == 404


def test_a_small_batch_is_looked_at_and_given_at_once(manage: Manage, desk: FlaskClient) -> None:
    wanted = confirmed(manage)
    assert "返せる金額 <b>800円</b>" in desk.get(NEW).get_data(as_text=True)
    fields = {
        "reservation": str(wanted),
        "how": "percent",
        "percent": "33",
        "reason": "暖房の故障のため(見本)",
    }
    looked = post(desk, NEW, f"{BATCHES}/preview", fields).get_data(as_text=True)
    assert "264円を還付する" in looked
    assert refunds(manage) == []
    made = post(desk, NEW, BATCHES, batch_fields(wanted, yen=264))
    again = post(desk, NEW, BATCHES, batch_fields(wanted, yen=264))
    assert made.headers["Location"] == again.headers["Location"]
    page = desk.get(made.headers["Location"]).get_data(as_text=True)
    assert "一人で決められる金額" in page
    assert refunds(manage) == [(wanted, 264, f"batch:{batch_id(made.headers['Location'])}")]
    listed = desk.get(REFUNDS).get_data(as_text=True)
    assert "264円" in listed
    assert "職員による返金" in listed
    told = manage.client(manage.resident).get(f"/reservations/{wanted}").get_data(as_text=True)
    assert "返金の予定" in told
    assert "お支払いのカードなどへお返しします" in told


def test_a_large_batch_waits_for_another_manager(manage: Manage, desk: FlaskClient) -> None:
    def add(town: Town) -> None:
        when = window(TODAY, 13, 17)
        town.reservation(manage.far.full, when, account=manage.resident, group=manage.group, amount_yen=12000)

    manage.town(add)
    with manage.database.reading() as session:
        big = session.scalars(sa.select(Reservation.id).where(Reservation.amount_yen == 12000)).one()
    made = post(desk, NEW, BATCHES, batch_fields(big, yen=11000)).headers["Location"]
    one = f"{BATCHES}/{batch_id(made)}"
    assert "作成した人は承認も却下もできません" in desk.get(one).get_data(as_text=True)
    assert f'href="{one}"' in desk.get(REFUNDS).get_data(as_text=True)
    refused = post(desk, NEW, f"{one}/approve")
    assert refused.status_code == 409
    assert "作成した人は" in refused.get_data(as_text=True)
    assert refunds(manage) == []
    other = second(manage)
    without = post(other, one, f"{one}/reject", {"reason": " "})
    assert without.status_code == 400
    assert post(other, one, f"{one}/approve").status_code == 303
    assert post(other, NEW, f"{one}/approve").status_code == 303
    assert [line[:2] for line in refunds(manage)] == [(big, 11000)]
    assert post(desk, NEW, f"{one}/reject", {"reason": "見本"}).status_code == 409
    with manage.database.reading() as session:
        acts = session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.number)).all()
    assert acts == ["refund_batch.make", "refund_batch.approve"]


def test_more_than_is_there_is_shown_line_by_line_and_never_given(manage: Manage, desk: FlaskClient) -> None:
    wanted = confirmed(manage)
    looked = post(desk, NEW, f"{BATCHES}/preview", batch_fields(wanted, yen=801)).get_data(as_text=True)
    assert "返せる金額を超えています" in looked
    assert "を還付する" not in looked
    made = post(desk, NEW, BATCHES, batch_fields(wanted, yen=801))
    assert made.status_code == 409
    assert "返せる金額を超えています" in made.get_data(as_text=True)
    assert refunds(manage) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"reservation": "no id"},
        {"reservation": ""},
        {"how": "percent", "percent": "101"},
        {"how": "percent", "percent": "0"},
        {"yen": "-1"},
        {"reason": " "},
        {"reason": "あ" * 201},
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_written_kept(
    manage: Manage, desk: FlaskClient, fields: dict[str, str]
) -> None:
    wanted = confirmed(manage)
    sent = {**batch_fields(wanted), "first": str(TODAY), "last": str(TODAY), **fields}
    if "yen" in fields:
        sent[f"yen-{wanted}"] = fields["yen"]
    for action in (f"{BATCHES}/preview", BATCHES):
        answer = post(desk, NEW, action, sent)
        assert answer.status_code == 400
        assert "見本団体01" in answer.get_data(as_text=True)
    assert refunds(manage) == []


def test_a_filter_that_makes_no_sense_is_said_so(desk: FlaskClient) -> None:
    for query in (
        "first=2026-11-21&last=2026-11-20",
        "first=x",
        "state=held",
        "first=2026-01-01&last=2026-11-01",
    ):
        assert desk.get(f"{BATCHES}/new?{query}").status_code == 400
    empty = desk.get(f"{BATCHES}/new?first={TODAY}&last={TODAY}&state=revoked").get_data(as_text=True)
    assert "返せるお金のある予約はありません" in empty
    other = desk.get(f"{BATCHES}/new?first={TODAY}&last={TODAY}&facility=110").get_data(as_text=True)
    assert "返せるお金のある予約はありません" in other


def test_a_batch_of_another_municipality_is_not_there(manage: Manage, desk: FlaskClient) -> None:
    unknown = f"{BATCHES}/01a1fb67-1800-778b-800f-88f30a855610"
    assert desk.get(unknown).status_code == 404
    assert post(desk, NEW, f"{unknown}/approve").status_code == 404
    assert post(desk, NEW, f"{unknown}/reject", {"reason": "見本"}).status_code == 404
    with manage.database.reading() as session:
        assert session.scalars(sa.select(RefundBatch)).all() == []


def test_an_alert_is_declared_once_told_once_and_withdrawn(manage: Manage, desk: FlaskClient) -> None:
    page = f"{REFUNDS}/alerts"
    fields = {
        "kind": "heat",
        "first_day": str(TODAY),
        "first_time": "600",
        "last_day": str(TODAY),
        "last_time": "1440",
        "note": "水分をとってください(見本)",
    }
    for _ in range(2):
        assert post(desk, page, page, fields).headers["Location"] == f"{page}?done=declared"
    with manage.database.reading() as session:
        (alert,) = session.scalars(sa.select(AlertDay)).all()
        (told,) = session.scalars(sa.select(Owed)).all()
        assert told.payload["template"] == "alert_declared"
        assert "19:00〜21:00 近くの小学校 体育館" in told.payload["params"]["lines"]
    wanted = confirmed(manage)
    resident = manage.client(manage.resident)
    shown = resident.get(f"/reservations/{wanted}").get_data(as_text=True)
    assert "熱中症警戒アラートが出ています" in shown
    assert "水分をとってください(見本)" in shown
    asked = resident.get(f"/reservations/{wanted}/cancel").get_data(as_text=True)
    assert "警戒アラートが出ているため、開始前の取消しは100%をお返しします。" in asked
    assert post(desk, page, f"{page}/{alert.id}/withdraw").status_code == 303
    assert "発表しているアラートはありません" in desk.get(page).get_data(as_text=True)
    asked = resident.get(f"/reservations/{wanted}/cancel").get_data(as_text=True)
    assert "取消しの期限を過ぎたため、お金は戻りません。" in asked
    assert post(desk, page, f"{page}/999/withdraw").status_code == 404


def test_an_alert_withdrawn_while_the_page_is_open_is_not_lost_in_silence(
    manage: Manage, desk: FlaskClient
) -> None:
    page = f"{REFUNDS}/alerts"
    fields = {
        "kind": "storm",
        "first_day": str(TODAY),
        "first_time": "0",
        "last_day": str(TODAY),
        "last_time": "1440",
    }
    post(desk, page, page, fields)
    wanted = confirmed(manage)
    resident = manage.client(manage.resident)
    cancel = f"/reservations/{wanted}/cancel"
    assert 'name="lost_yen" value="0"' in resident.get(cancel).get_data(as_text=True)
    post(desk, page, f"{page}/1/withdraw")
    answer = post(resident, cancel, cancel, {"lost_yen": "0", "quoted_yen": "800"})
    assert answer.status_code == 409
    shown = answer.get_data(as_text=True)
    assert "戻る金額が変わりました" in shown
    assert 'name="lost_yen" value="800"' in shown
    with manage.database.reading() as session:
        assert session.get_one(Reservation, wanted).state == State.CONFIRMED
    assert post(resident, cancel, cancel, {"lost_yen": "800"}).status_code == 303
    assert refunds(manage) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "rain"},
        {"last_time": "0"},
        {"first_day": "x"},
        {"note": "あ" * 201},
        {"last_day": "2027-01-31"},
    ],
)
def test_an_alert_that_makes_no_sense_is_refused(
    manage: Manage, desk: FlaskClient, changed: dict[str, str]
) -> None:
    page = f"{REFUNDS}/alerts"
    fields = {
        "kind": "heat",
        "first_day": str(TODAY),
        "first_time": "0",
        "last_day": str(TODAY),
        "last_time": "1440",
    }
    assert post(desk, page, page, {**fields, **changed}).status_code == 400
    with manage.database.reading() as session:
        assert session.scalars(sa.select(AlertDay)).all() == []


def test_a_policy_from_a_day_on_is_added_once_and_shown_in_words(manage: Manage, desk: FlaskClient) -> None:
    page = f"{REFUNDS}/policies"
    fields = {
        "scope": "kind-gym",
        "valid_from": str(TODAY),
        "before-1": "30",
        "unit-1": "days",
        "percent-1": "100",
        "before-2": "36",
        "unit-2": "hours",
        "percent-2": "50",
        "kept_yen": "100",
        "unused_percent": "50",
        "alert_percent": "100",
    }
    for _ in range(2):
        assert post(desk, page, page, fields).status_code == 303
    shown = desk.get(page).get_data(as_text=True)
    assert "開始の30日前の同じ時刻まで" in shown
    assert "開始の36時間前まで" in shown
    assert "適用中" in shown
    with manage.database.reading() as session:
        (policy,) = session.scalars(sa.select(RefundPolicy)).all()
    assert policy.stages == [{"before_s": 30 * 86400, "percent": 100}, {"before_s": 36 * 3600, "percent": 50}]
    assert (policy.kept_yen, policy.unused_percent, policy.alert_percent) == (100, 50, 100)


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": "moon"},
        {"scope": "kind-moon"},
        {"scope": "facility-x"},
        {"valid_from": "x"},
        {"valid_from": str(TODAY - timedelta(days=1))},
        {"percent-1": "101"},
        {"percent-1": "0"},
        {"before-1": "401"},
        {"before-2": "40", "percent-2": "50"},
        {"before-2": "1", "percent-2": "100"},
        {"kept_yen": "x"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_and_what_was_written_kept(
    manage: Manage, desk: FlaskClient, changed: dict[str, str]
) -> None:
    page = f"{REFUNDS}/policies"
    fields = {
        "scope": "town",
        "valid_from": str(TODAY),
        "before-1": "30",
        "percent-1": "100",
        "kept_yen": "77",
    }
    answer = post(desk, page, page, {**fields, **changed})
    assert answer.status_code == 400
    if "kept_yen" not in changed:
        assert 'value="77"' in answer.get_data(as_text=True)
    assert post(desk, page, page, {**fields, "scope": "facility-99"}).status_code == 404
    with manage.database.reading() as session:
        assert session.scalars(sa.select(RefundPolicy)).all() == []


def test_what_failed_stands_first_among_what_is_not_back(manage: Manage, desk: FlaskClient) -> None:
    wanted = confirmed(manage)
    for key, yen in (("a" * 20, 111), ("b" * 20, 222), ("c" * 20, 333)):
        post(desk, NEW, BATCHES, batch_fields(wanted, yen=yen, request_key=key))
    with manage.database.transaction() as session:
        failed = session.scalars(sa.select(Refund).where(Refund.amount_yen == 222)).one()
        failed.state, failed.last_error = RefundState.FAILED, "insufficient funds"
        back = session.scalars(sa.select(Refund).where(Refund.amount_yen == 333)).one()
        back.state, back.state_changed_at = RefundState.SUCCEEDED, NOW
    shown = desk.get(REFUNDS).get_data(as_text=True)
    assert shown.index("222円</p>") < shown.index("111円</p>") < shown.index("333円</p>")
    assert "insufficient funds" in shown
    told = manage.client(manage.resident).get(f"/reservations/{wanted}").get_data(as_text=True)
    assert [told.count(word) for word in ("遅れています", "返金の予定", "返金済み")] == [1, 1, 1]


def test_a_long_list_asks_the_database_the_same_few_times(manage: Manage, desk: FlaskClient) -> None:
    def more(town: Town) -> None:
        for number in range(12):
            town.reservation(
                manage.far.halves[number % 2],
                window(TODAY - timedelta(days=1 + number // 2), 9, 12),
                account=manage.resident,
                group=manage.group,
                state=State.USED,
                amount_yen=100 + number,
            )

    page = f"{BATCHES}/new"
    desk.get(page)
    with counted(manage.database) as few:
        desk.get(page)
    manage.town(more)
    with counted(manage.database) as many:
        assert "100円" in desk.get(page).get_data(as_text=True)
    assert len(many) <= len(few) + 1


def silent_lock(manage: Manage) -> UUID:
    """A use long over whose refund still waits for its lock's word."""
    id_ = confirmed(manage)
    with manage.database.transaction() as session:
        row = session.get_one(Reservation, id_)
        row.policy = {**row.policy, "version": 2, "stages": [], "unused_percent": 50}
        row.starts_at, row.ends_at = (at - timedelta(days=20) for at in (row.starts_at, row.ends_at))
        session.add(
            RefundReview(
                reservation_id=id_,
                municipality_id=row.municipality_id,
                percent=50,
                asked_at=NOW - timedelta(days=20),
                state="waiting",
                next_due_at=NOW,
                evidence={},
            )
        )
    return id_


@pytest.mark.parametrize(("decision", "given"), [("give", [400]), ("refuse", [])])
def test_a_review_for_which_no_lock_speaks_is_decided_on_the_page_once(
    manage: Manage, desk: FlaskClient, decision: str, given: list[int]
) -> None:
    id_ = silent_lock(manage)
    page = desk.get(REFUNDS).get_data(as_text=True)
    assert "職員が決める" in page
    assert "400円を返金する" in page
    action = f"{REFUNDS}/reviews/{id_}"
    refused = post(desk, REFUNDS, action, {"decision": decision, "reason": " "})
    assert refused.status_code == 400
    assert "理由を1行、200字までで入力してください" in refused.get_data(as_text=True)
    sent = {"decision": decision, "reason": "電池切れのため(見本)"}
    done = [post(desk, "/sessions", action, sent).location for _ in range(2)]
    assert done == [f"{REFUNDS}?done={'given' if given else 'refused'}", f"{REFUNDS}?done=decided"]
    assert [amount for _, amount, _ in refunds(manage)] == given
    assert "職員が決める" not in desk.get(REFUNDS).get_data(as_text=True)


def test_control_a_review_that_waits_for_days_only_is_left_to_the_locks(
    manage: Manage, desk: FlaskClient
) -> None:
    id_ = silent_lock(manage)
    with manage.database.transaction() as session:
        session.get_one(RefundReview, id_).asked_at = NOW - timedelta(days=13)
    page = desk.get(REFUNDS).get_data(as_text=True)
    assert "記録待ち" in page
    assert "職員が決める" not in page


def test_a_review_is_not_there_for_residents(manage: Manage) -> None:
    id_ = silent_lock(manage)
    sent = {"decision": "give", "reason": "x"}
    answer = post(manage.client(manage.resident), "/sessions", f"{REFUNDS}/reviews/{id_}", sent)
    assert answer.status_code == 404
    assert refunds(manage) == []
