"""All locks at a glance, their alarms, and what was not proved to come from one."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from locks.alarms.kinds import AlarmKind
from locks.alarms.models import Alarm
from locks.models import LockState, QuarantinedMessage
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.test_board_pages import add_lock
from tests.integration.manage.town import NOW, Town

PAGES = ["/manage/locks", "/manage/alarms", "/manage/quarantine"]


def alarmed(town: Town, number: int, kind: AlarmKind, **facts: Any) -> None:
    defaults: dict[str, Any] = {"began_at": NOW - timedelta(hours=2), "last_at": NOW, "detail": {}}
    town.session.add(
        Alarm(
            municipality_id=town.number,
            access_point_id=number,
            lock_id=f"{number:016x}",
            kind=kind,
            **{**defaults, **facts},
        )
    )
    town.session.flush()


def alarm(manage: Manage) -> Alarm:
    with manage.database.reading() as session:
        return session.scalars(sa.select(Alarm)).one()


@pytest.mark.parametrize("page", PAGES)
def test_with_nothing_to_show_a_page_says_so(desk: FlaskClient, page: str) -> None:
    answer = desk.get(page)
    assert answer.status_code == 200
    assert 'class="empty"' in answer.get_data(as_text=True)


@pytest.mark.parametrize("page", [*PAGES, "/manage/locks.csv"])
def test_nobody_else_finds_these_pages(manage: Manage, page: str) -> None:
    assert manage.client(manage.resident).get(page).status_code == 404
    assert manage.client(None).get(page).status_code == 303


def test_the_fleet_lists_troubled_locks_first(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "あ入口")
        add_lock(town, 2, "い入口", battery_mv=4500)
        add_lock(town, 3, "う入口", last_contact_at=NOW - timedelta(hours=30))
        alarmed(town, 2, AlarmKind.BATTERY_LOW)
        alarmed(town, 3, AlarmKind.LOST)

    manage.town(build)
    page = desk.get("/manage/locks").get_data(as_text=True)
    listed = page[page.index("<tbody") :]
    assert listed.index("う入口") < listed.index("い入口") < listed.index("あ入口")
    assert "通信が途絶えています" in listed
    assert "異常なし" in listed
    assert "同じ内容が下の表にあります" in page


@pytest.mark.parametrize(
    ("show", "found"),
    [
        ("all", {1, 2, 3, 4}),
        ("troubled", {2}),
        ("silent", {3}),
        ("battery", {2}),
        ("behind", {3}),
        ("new", {4}),
    ],
)
def test_a_filter_shows_its_locks_only(manage: Manage, desk: FlaskClient, show: str, found: set[int]) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口1")
        add_lock(town, 2, "入口2")
        alarmed(town, 2, AlarmKind.BATTERY_LOW)
        add_lock(town, 3, "入口3", last_contact_at=NOW - timedelta(hours=30), desired_version=9)
        add_lock(town, 4, "入口4", state=LockState.PROVISIONED, last_contact_at=None, next_sync_at=None)

    manage.town(build)
    page = desk.get(f"/manage/locks?show={show}").get_data(as_text=True)
    listed = {number for number in range(1, 5) if f"/manage/locks/{number:016x}" in page}
    assert listed == found


def test_a_lock_is_found_by_its_doors_or_schools_name_or_its_id(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "北門")
        add_lock(town, 2, "南門")

    manage.town(build)
    for text in ("北", f"{1:016x}"[:16]):
        page = desk.get("/manage/locks", query_string={"q": text}).get_data(as_text=True)
        assert "北門" in page
        assert "南門" not in page
    assert "当てはまる電子錠はありません" in desk.get("/manage/locks?q=100%25").get_data(as_text=True)
    assert desk.get("/manage/locks", query_string={"q": "x" * 61}).status_code == 400
    assert desk.get("/manage/locks?show=stolen").status_code == 400


def test_a_long_fleet_comes_in_pages_with_as_many_statements(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: add_lock(town, 1, "入口000"))
    desk.get("/manage/locks")
    with counted(manage.database) as few:
        desk.get("/manage/locks")

    def build(town: Town) -> None:
        for number in range(2, 122):
            add_lock(town, number, f"入口{number:03}")
            alarmed(town, number, AlarmKind.LATE)

    manage.town(build)
    with counted(manage.database) as many:
        first = desk.get("/manage/locks").get_data(as_text=True)
    assert len(many) == len(few) <= 8
    assert "1 / 3 ページ" in first
    assert first.count('<th scope="row"') == 50
    assert desk.get("/manage/locks?page=99").get_data(as_text=True).count('<th scope="row"') == 21


def test_the_file_has_every_lock_and_no_formula(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "=1+1")
        add_lock(town, 2, "入口")
        alarmed(town, 2, AlarmKind.LATE)

    manage.town(build)
    answer = desk.get("/manage/locks.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["場所", "入口", "'=1+1"]
    assert rows[1][-1] == "通信が遅れています"


def test_another_towns_locks_and_alarms_are_not_there(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        foreign = Town(town.session, number=2).found()
        add_lock(foreign, 1, "よその入口")
        alarmed(foreign, 1, AlarmKind.LOST)
        town.session.add(
            QuarantinedMessage(
                claimed_lock=f"{1:016x}", why="bad_envelope", received_at=NOW, size=3, head=b"abc"
            )
        )

    manage.town(build)
    for page in PAGES:
        assert "よその" not in desk.get(page).get_data(as_text=True)
    manage.town(lambda town: add_lock(town, 5, "入口"))
    manage.town(lambda town: alarmed(town, 5, AlarmKind.LATE))
    theirs = 1
    answer = post(desk, "/manage/alarms", f"/manage/alarms/{theirs}/acknowledge", {"note": ""})
    assert answer.status_code == 404


def test_a_manager_says_once_that_an_alarm_was_seen_however_often_the_button_is_tapped(
    manage: Manage, desk: FlaskClient
) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        alarmed(town, 1, AlarmKind.DOOR_FORCED_OPEN)

    manage.town(build)
    page = desk.get("/manage/alarms").get_data(as_text=True)
    assert "こじ開けの疑い" in page
    assert "至急" in page
    alarm_id = alarm(manage).id
    token = {"note": "現地を確認、異常なし"}
    address = f"/manage/alarms/{alarm_id}/acknowledge"
    first = post(desk, "/manage/alarms", address, token)
    assert (first.status_code, first.location) == (303, "/manage/alarms?done=1")
    manage.town(lambda town: add_lock(town, 2, "入口2"))
    manage.town(lambda town: alarmed(town, 2, AlarmKind.LATE))
    again = post(desk, "/manage/alarms", address, {"note": "二度目"})
    assert again.status_code == 303
    with manage.database.reading() as session:
        seen = session.get_one(Alarm, alarm_id)
    assert (seen.note, seen.ended_at) == ("現地を確認、異常なし", NOW)
    page = desk.get("/manage/alarms?done=1").get_data(as_text=True)
    assert "見本 係長が確認:現地を確認、異常なし" in page


def test_what_lasts_stays_on_the_page_after_a_look(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        alarmed(town, 1, AlarmKind.BATTERY_LOW, detail={"battery_mv": 4700, "days_left": 12})

    manage.town(build)
    assert "4,700 mV、あと約12日" in desk.get("/manage/alarms").get_data(as_text=True)
    post(desk, "/manage/alarms", f"/manage/alarms/{alarm(manage).id}/acknowledge", {"note": ""})
    page = desk.get("/manage/alarms").get_data(as_text=True)
    assert "確認待ちの警報はありません" in page
    assert page.index("確認済みで、続いているもの") < page.index("電池の残りが少ない")


def test_a_note_that_is_too_long_comes_back_with_a_sentence(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        alarmed(town, 1, AlarmKind.LATE)

    manage.town(build)
    address = f"/manage/alarms/{alarm(manage).id}/acknowledge"
    answer = post(desk, "/manage/alarms", address, {"note": "長" * 401})
    assert answer.status_code == 400
    assert "400文字以内" in answer.get_data(as_text=True)
    assert alarm(manage).acknowledged_at is None


def test_after_an_outage_all_of_a_kind_are_seen_at_once_but_not_what_came_since(
    manage: Manage, desk: FlaskClient
) -> None:
    def build(town: Town) -> None:
        for number in range(1, 8):
            add_lock(town, number, f"入口{number}")
            alarmed(town, number, AlarmKind.LOST)
        alarmed(town, 1, AlarmKind.TAMPER)

    manage.town(build)
    with manage.database.reading() as session:
        newest = max(session.scalars(sa.select(Alarm.id).where(Alarm.kind == "lost")))
    fields = {"kind": "lost", "until": str(newest - 1), "note": "停電"}
    page = "/manage/alarms?kind=lost"
    assert "まとめて確認済みにする" in desk.get(page).get_data(as_text=True)
    assert post(desk, page, "/manage/alarms/acknowledge", fields).status_code == 303
    with manage.database.reading() as session:
        left = session.scalars(sa.select(Alarm.kind).where(Alarm.acknowledged_at.is_(None))).all()
    assert sorted(left) == ["lost", "tamper"]


def test_whoever_is_no_manager_learns_nothing_of_the_form_of_a_kind(
    manage: Manage, desk: FlaskClient
) -> None:
    address = "/manage/alarms/acknowledge"
    for fields in ({"kind": "lost", "until": "1"}, {"kind": "x"}, {}):
        resident = manage.client(manage.resident)
        assert post(resident, "/sessions", address, fields).status_code == 404
    # The control: a manager is told that it cannot be read.
    assert post(desk, "/sessions", address, {"kind": "x"}).status_code == 400


def test_an_opening_by_a_cancelled_code_leads_to_its_reservation(manage: Manage, desk: FlaskClient) -> None:
    holder = "019aa000-0000-7000-8000-000000000001"

    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        alarmed(town, 1, AlarmKind.CANCELLED_OPENING, subject=holder, detail={"offline": True})

    manage.town(build)
    page = desk.get("/manage/alarms").get_data(as_text=True)
    assert f'href="/reservations/{holder}"' in page
    assert "通信のない間の解錠" in page


def test_the_board_shows_what_waits_for_a_look(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        alarmed(town, 1, AlarmKind.TAMPER)

    assert "確認待ちの警報" not in desk.get("/manage").get_data(as_text=True)
    manage.town(build)
    page = desk.get("/manage").get_data(as_text=True)
    assert "確認待ちの警報" in page
    assert 'href="/manage/alarms"' in page
    assert "機器への細工の疑い" in page


def test_the_board_shows_the_locks_that_want_a_look_and_leads_to_the_others(
    manage: Manage, desk: FlaskClient
) -> None:
    def build(town: Town) -> None:
        for number in range(1, 41):
            add_lock(town, number, f"入口{number:02}", bolt="jammed" if number == 37 else "locked")

    manage.town(build)
    page = desk.get("/manage").get_data(as_text=True)
    assert page.index("入口37") < page.index("入口01")
    assert page.count('class="card lock') == 12
    assert "ほか 28台" in page


def test_what_was_not_proved_is_shown_in_digits_and_never_as_it_came(
    manage: Manage, desk: FlaskClient
) -> None:
    def build(town: Town) -> None:
        add_lock(town, 1, "入口")
        for claimed, head in ((f"{1:016x}", b"<script>alert(1)</script>"), ("", b"\x00" * 300)):
            town.session.add(
                QuarantinedMessage(
                    claimed_lock=claimed, why="bad_envelope", received_at=NOW, size=len(head), head=head
                )
            )

    manage.town(build)
    page = desk.get("/manage/quarantine").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "0000  3c 73 63 72 69 70 74 3e" in page
    assert "送り主不明" in page
    assert "00f8  " in page
    assert "0100  " not in page
