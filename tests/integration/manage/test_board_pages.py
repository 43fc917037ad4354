"""The day's board: reservations, codes and locks, as they are and never as one hopes."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from booking.reservations.lock_panel import event_in_words
from booking.reservations.models import State
from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.models import AccessPoint, CodeGroup, Lock, LockEvent, LockState
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted
from tests.integration.manage.town import NOW, TODAY, Town, window

PAGES = ["/manage", "/manage/approvals", "/manage/closures", "/manage/mail"]


def add_lock(town: Town, number: int, name: str, **said: object) -> None:
    """A lock that spoke a minute ago and has all it should, unless told otherwise."""
    facts: dict[str, object] = {
        "state": LockState.ACTIVE,
        "last_contact_at": NOW - timedelta(minutes=1),
        "next_sync_at": NOW + timedelta(hours=5),
        "battery_mv": 5800,
        "desired_version": 7,
        "applied_version": 7,
        "bolt": "locked",
        "door": "closed",
        "clock_quality": "synced",
    }
    session = town.session
    session.add(CodeGroup(id=number, municipality_id=town.number, wrapped_code_root=b"-"))
    session.flush()
    session.add(
        AccessPoint(id=number, municipality_id=town.number, code_group_id=number, kind="door_lock", name=name)
    )
    session.flush()
    session.add(
        Lock(
            id=f"{number:016x}",
            municipality_id=town.number,
            access_point_id=number,
            added_at=NOW - timedelta(days=9),
            wrapped_root=b"-",
            broker_password_hash="-",
            **{**facts, **said},
        )
    )
    session.flush()


def opened_at(number: int, at: datetime, **detail: object) -> LockEvent:
    return LockEvent(
        lock_id=f"{number:016x}",
        seq=int(at.timestamp()),
        access_point_id=number,
        at=at,
        clock_quality="synced",
        kind="lock_operation",
        detail={"operation": "unlock", "source": "keypad", **detail},
        stored_at=NOW,
    )


@pytest.mark.parametrize("page", PAGES)
def test_who_is_no_manager_finds_no_such_page(manage: Manage, page: str) -> None:
    assert manage.client(manage.resident).get(page).status_code == 404
    stranger = manage.client(None).get(page)
    assert stranger.status_code == 303
    assert stranger.headers["Location"].startswith("/sign-in?next=/manage")


def test_the_board_shows_today_by_facility_with_states_in_words(desk: FlaskClient) -> None:
    page = desk.get("/manage").get_data(as_text=True)
    for words in (
        "近くの小学校",
        "見本団体01",
        "19:00〜21:00",
        "利用中",
        "08:54 に解錠",
        "予約確定",
        "解錠なし",
    ):
        assert words in page
    assert "遠くの中学校" not in page, "it has nothing today"


def test_another_day_shows_its_own_reservations(desk: FlaskClient) -> None:
    tomorrow = desk.get(f"/manage?day={TODAY + timedelta(days=1)}").get_data(as_text=True)
    assert "遠くの中学校" in tomorrow
    assert "承認待ち" in tomorrow
    assert "近くの小学校" not in tomorrow


def test_a_day_without_reservations_says_so(desk: FlaskClient) -> None:
    page = desk.get(f"/manage?day={TODAY + timedelta(days=40)}").get_data(as_text=True)
    assert "この日の予約はありません。" in page
    assert "電子錠はまだ登録されていません。" in page


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "1800-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_refused(desk: FlaskClient, day: str) -> None:
    assert desk.get(f"/manage?day={day}").status_code == 400


def test_a_lock_that_has_applied_everything_reads_so(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: add_lock(town, 1, "正面入口"))
    page = desk.get("/manage").get_data(as_text=True)
    for words in ("正面入口", "異常なし", "反映済み", "版 7", "1分前", "5,800 mV", "施錠中・閉"):
        assert words in page
    assert "反映待ち" not in page


@pytest.mark.parametrize(
    "said,words",
    [
        ({"applied_version": 5}, "反映待ち"),
        ({"applied_version": 5}, "版 5 → 7"),
        ({"next_sync_at": NOW - timedelta(hours=2)}, "通信が遅れています"),
        ({"last_contact_at": NOW - timedelta(hours=27)}, "通信が途絶えています"),
        ({"battery_mv": 4700}, "4,700 mV(低)"),
        ({"bolt": "jammed"}, "かんぬきが動かない"),
        ({"clock_quality": "unknown"}, "時計が不明"),
        ({"state": LockState.PROVISIONED, "last_contact_at": None, "battery_mv": None}, "設置の確認中"),
    ],
)
def test_what_is_wrong_with_a_lock_is_said_in_words(
    manage: Manage, desk: FlaskClient, said: dict[str, object], words: str
) -> None:
    manage.town(lambda town: add_lock(town, 1, "正面入口", **said))
    assert words in desk.get("/manage").get_data(as_text=True)


def test_an_alarm_that_lasts_is_said_at_its_lock_and_counted(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "正面入口")
        add_lock(town, 2, "通用口")
        for number, kind, ended_at in ((1, AlarmKind.DOOR_FORCED_OPEN, None), (2, AlarmKind.TAMPER, NOW)):
            town.session.add(
                Alarm(
                    municipality_id=1,
                    access_point_id=number,
                    lock_id=f"{number:016x}",
                    kind=kind,
                    began_at=NOW,
                    last_at=NOW,
                    ended_at=ended_at,
                    detail={},
                )
            )

    manage.town(build)
    page = desk.get("/manage").get_data(as_text=True)
    assert "こじ開けの疑い</span>" in page
    assert "機器への細工の疑い" not in page, "that one is over"
    assert '<b>1</b><span><a href="#locks">要確認の電子錠' in page
    assert page.count("異常なし") == 1


def test_a_lock_whose_clock_the_first_answer_has_set_is_no_trouble(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: add_lock(town, 1, "正面入口", clock_quality="unknown", why="boot"))
    assert "異常なし" in desk.get("/manage").get_data(as_text=True)


def test_what_opened_today_is_listed_and_yesterday_is_not(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "正面入口")
        town.session.add(opened_at(1, NOW - timedelta(minutes=30), offline=True))
        town.session.add(opened_at(1, NOW - timedelta(hours=20)))

    manage.town(build)
    page = desk.get("/manage").get_data(as_text=True)
    assert page.count("暗証番号で解錠") == 1
    assert "暗証番号で解錠(通信なし)" in page
    assert "08:30" in page


def test_what_staff_need_not_know_is_left_out_of_the_events() -> None:
    assert event_in_words("lock_operation", {"operation": "lock", "source": "auto"}) == ""
    assert event_in_words("desired_applied", {}) == ""
    assert event_in_words("lock_operation_error", {"error": "invalid_credential", "count": 3}) == (
        "暗証番号の入力間違い 3回"
    )
    assert event_in_words("door_lock_alarm", {"alarm": "battery_low"}) == "警報: 電池の残りが少ない"


def test_another_municipality_is_invisible(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        foreign = Town(town.session, number=2).found()
        school = foreign.school("よその小学校")
        account = foreign.account("yoso@example.jp")
        group = foreign.group("よその団体", account)
        foreign.reservation(school.full, window(TODAY, 13, 17), account=account, group=group)
        add_lock(foreign, 2, "よその入口")
        foreign.session.add(opened_at(2, NOW - timedelta(minutes=5)))

    manage.town(build)
    page = desk.get("/manage").get_data(as_text=True)
    assert "よその" not in page
    assert "暗証番号で解錠" not in page


def test_the_board_takes_as_many_statements_for_a_full_day_as_for_an_empty_one(
    manage: Manage, desk: FlaskClient
) -> None:
    manage.town(lambda town: add_lock(town, 1, "正面入口"))
    desk.get("/manage")
    with counted(manage.database) as few:
        desk.get("/manage")

    def fill(town: Town) -> None:
        for number in range(2, 6):
            add_lock(town, number, f"入口{number}")
            town.session.add(opened_at(number, NOW - timedelta(minutes=number)))
        account = town.account("many@example.jp")
        group = town.group("見本団体99", account)
        for place in (manage.near, manage.far):
            for first in (13, 14.5):
                offering = place.halves[1] if first == 13 else place.halves[0]
                town.reservation(offering, window(TODAY, first, first + 1), account=account, group=group)

    manage.town(fill)
    desk.get("/manage")
    with counted(manage.database) as many:
        page = desk.get("/manage").get_data(as_text=True)
    assert page.count("見本団体99") >= 4
    assert len(many) == len(few) <= 12


def test_a_finished_reservation_that_nobody_reported_is_not_called_unused(
    manage: Manage, desk: FlaskClient
) -> None:
    manage.clock.advance(timedelta(hours=13))
    page = desk.get(f"/manage?day={TODAY}").get_data(as_text=True)
    assert "報告待ち" in page
    assert "利用なし" not in page


def test_the_board_can_be_kept_still(desk: FlaskClient) -> None:
    assert "hx-trigger" in desk.get("/manage").get_data(as_text=True)
    assert "hx-trigger" not in desk.get("/manage?live=0").get_data(as_text=True)


def test_states_on_the_board_are_those_that_hold_courts(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        account = town.account("gone@example.jp")
        group = town.group("消えた団体", account)
        for state in (State.CANCELLED, State.EXPIRED, State.REJECTED, State.REVOKED):
            town.reservation(
                manage.near.full, window(TODAY, 13, 17), account=account, group=group, state=state
            )

    manage.town(build)
    assert "消えた団体" not in desk.get("/manage").get_data(as_text=True)
