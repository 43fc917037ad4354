"""Giving somebody a staff code, seeing one's own and nobody else's, ending it, keeping a door open."""

import json
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.people.models import Account, Role
from booking.reservations.models import Claim, Reservation, State
from core.audit import AuditEntry
from core.owed import Owed
from locks.models import DesiredVersion
from locks.modes.models import ModeOrder
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode, StaffKind, StaffRight
from tests.integration.manage.conftest import Manage
from tests.integration.manage.doors import elsewhere, fit_door, fit_lock, services_of, somebody, speak
from tests.integration.manage.forms import post
from tests.integration.manage.town import TODAY

PAGE = "/manage/staff-codes"
MINE = "/my/staff-codes"
_DIGITS = re.compile(r'class="hidden-visually">([0-9 ]{19})</span>')


@pytest.fixture
def caretaker(manage: Manage) -> Account:
    return somebody(manage, "kanri@example.jp", name="見本 管理人")


def wanted(**changed: str) -> dict[str, str]:
    return {
        "mail_address": "kanri@example.jp",
        "label": "夜間の管理人",
        "scope": "all",
        "first_day": TODAY.isoformat(),
        "first_time": "600",
        "last_day": (TODAY + timedelta(days=10)).isoformat(),
        "last_time": "0",
        **changed,
    }


def shown(client: FlaskClient) -> list[str]:
    return [found.replace(" ", "") for found in _DIGITS.findall(client.get(MINE).get_data(as_text=True))]


def rows(manage: Manage, kind: type) -> list:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(kind)))


def persons(manage: Manage) -> list[StaffRight]:
    return [right for right in rows(manage, StaffRight) if right.kind == StaffKind.STAFF]


def test_a_code_is_seen_by_its_person_in_its_validity_only(
    manage: Manage, desk: FlaskClient, caretaker: Account
) -> None:
    fit_door(manage, manage.near)
    answer = post(desk, PAGE, PAGE, wanted(last_day=(TODAY + timedelta(days=1)).isoformat()))
    assert answer.status_code == 303
    page = desk.get(answer.location).get_data(as_text=True)
    for words in ("番号を発行しました", "見本 管理人", "夜間の管理人", "開始前", "体育館 入口"):
        assert words in page
    browser = manage.client(caretaker)
    before = browser.get(MINE)
    assert "開始の日時になると" in before.text
    assert shown(browser) == []
    manage.clock.advance(timedelta(hours=1))
    (code,) = shown(browser)
    assert re.fullmatch(r"[0-9]{10}", code)
    assert browser.get(MINE).headers["Cache-Control"] == "no-store"
    assert code not in desk.get(PAGE).text
    manage.clock.advance(timedelta(hours=22))
    assert browser.get(MINE).status_code == 404


def test_the_page_of_ones_own_codes_is_not_there_for_who_has_none(
    manage: Manage, desk: FlaskClient, caretaker: Account
) -> None:
    fit_door(manage, manage.near)
    post(desk, PAGE, PAGE, wanted(first_time="0"))
    assert len(shown(manage.client(caretaker))) == 1
    assert MINE in manage.client(caretaker).get("/sessions").text
    for other in (manage.manager, manage.resident):
        assert manage.client(other).get(MINE).status_code == 404
        assert MINE not in manage.client(other).get("/sessions").text
    assert manage.client(None).get(MINE).status_code == 303


def test_a_code_says_whether_the_lock_has_it(manage: Manage, desk: FlaskClient, caretaker: Account) -> None:
    door = fit_lock(manage, fit_door(manage, manage.near))
    speak(manage, door)
    post(desk, PAGE, PAGE, wanted(first_time="0"))
    browser = manage.client(caretaker)
    assert "電子錠の次の通信で使えます" in browser.get(MINE).text
    speak(manage, door)
    assert "電子錠に登録済み" in browser.get(MINE).text
    assert [row[1] for row in door.desired["staff"]] == ["emergency", "staff"]


def test_ending_a_right_takes_its_code_off_the_lock(
    manage: Manage, desk: FlaskClient, caretaker: Account
) -> None:
    door = fit_lock(manage, fit_door(manage, manage.near))
    post(desk, PAGE, PAGE, wanted(first_time="0"))
    (right,) = persons(manage)
    for _ in range(2):
        assert post(desk, PAGE, f"{PAGE}/{right.id}/end").status_code == 303
    speak(manage, door)
    assert [row[1] for row in door.desired["staff"]] == ["emergency"]
    assert manage.client(caretaker).get(MINE).status_code == 404
    acts = [entry.act for entry in rows(manage, AuditEntry)]
    assert acts.count("staff_right.give") == acts.count("staff_right.end") == 1


@pytest.mark.usefixtures("caretaker")
def test_the_same_form_twice_is_one_right(manage: Manage, desk: FlaskClient) -> None:
    fit_door(manage, manage.near)
    fit_door(manage, manage.far, "武道場 入口")
    for _ in range(2):
        assert post(desk, PAGE, PAGE, wanted()).status_code == 303
    assert len(persons(manage)) == 1
    staff = [code for code in rows(manage, StaffCode) if code.gid.startswith("s-")]
    assert len({code.code_group_id for code in staff}) == len(staff) == 2


@pytest.mark.usefixtures("caretaker")
def test_only_the_schools_with_a_tick_are_reached(manage: Manage, desk: FlaskClient) -> None:
    fit_door(manage, manage.near)
    fit_door(manage, manage.far, "武道場 入口")
    post(desk, PAGE, PAGE, wanted(scope="chosen", facility=str(manage.far.facility_id)))
    staff = [code for code in rows(manage, StaffCode) if code.gid.startswith("s-")]
    assert len(staff) == 1


@pytest.mark.usefixtures("caretaker")
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"mail_address": "nobody@example.jp"}, 400),
        ({"label": " "}, 400),
        ({"label": "あ" * 81}, 400),
        ({"scope": "chosen"}, 400),
        ({"scope": "chosen", "facility": "x"}, 400),
        ({"first_day": "soon"}, 400),
        ({"last_day": TODAY.isoformat(), "last_time": "0"}, 400),
        ({"last_day": (TODAY + timedelta(days=500)).isoformat()}, 400),
        ({"mail_address": "manager@example.jp"}, 409),
        ({"scope": "chosen", "facility": "99999"}, 404),
    ],
)
def test_what_cannot_be_given_is_refused_and_the_form_keeps_what_was_written(
    manage: Manage, desk: FlaskClient, changed: dict[str, str], status: int
) -> None:
    fit_door(manage, manage.near)
    answer = post(desk, PAGE, PAGE, wanted(**changed))
    assert answer.status_code == status
    if status != 404:
        assert 'role="alert"' in answer.text
    assert persons(manage) == []


@pytest.mark.usefixtures("caretaker")
def test_another_municipalitys_school_and_right_are_not_there(manage: Manage, desk: FlaskClient) -> None:
    fit_door(manage, manage.near)
    place = elsewhere(manage)
    answer = post(desk, PAGE, PAGE, wanted(scope="chosen", facility=str(place.facility_id)))
    assert answer.status_code == 404
    assert post(desk, PAGE, f"{PAGE}/999999/end").status_code == 404


@pytest.mark.usefixtures("caretaker")
def test_a_form_without_its_token_writes_nothing(manage: Manage, desk: FlaskClient) -> None:
    point = fit_door(manage, manage.near)
    assert desk.post(PAGE, data=wanted()).status_code == 400
    assert desk.post(f"/manage/access-points/{point}/hold-open", data={"until": "1"}).status_code == 400
    assert persons(manage) == []


def test_a_manager_keeps_a_door_open_and_sees_when_the_lock_knows(manage: Manage, desk: FlaskClient) -> None:
    point = fit_door(manage, manage.near)
    door = fit_lock(manage, point)
    page = f"/manage/access-points/{point}/hold-open"
    until = re.findall(r'<option value="(\d+)"', desk.get(page).text)[3]
    for _ in range(2):
        assert post(desk, page, page, {"until": until}).status_code == 303
    assert len(rows(manage, ModeOrder)) == 1
    assert "を待っています" in desk.get(page).text
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "passage"
    assert "電子錠はこの指示を受け取りました" in desk.get(page).text
    for _ in range(2):
        assert post(desk, page, f"{page}/end").status_code == 303
    assert "まだ開いたままかもしれません" in desk.get(page).text
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "normal"
    assert "まだ開いたままかもしれません" not in desk.get(page).text


def test_a_manager_lets_a_door_rest_where_nobody_has_booked_and_wakes_it(
    manage: Manage, desk: FlaskClient
) -> None:
    point = fit_door(manage, manage.near)
    door = fit_lock(manage, point)
    page, last_day = f"/manage/access-points/{point}/hold-open", (TODAY + timedelta(days=3)).isoformat()
    with manage.database.transaction() as session:
        session.execute(sa.delete(Claim))
        session.execute(sa.update(Reservation).values(state=State.CANCELLED))
    act = f"/manage/access-points/{point}/rest"
    for _ in range(2):
        assert post(desk, page, act, {"last_day": last_day}).status_code == 303
    assert len(rows(manage, ModeOrder)) == 1
    assert "休止の指示が出ています" in desk.get(page).text
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "vacation"
    assert "電子錠はこの指示を受け取りました" in desk.get(page).text
    for _ in range(2):
        assert post(desk, page, f"{act}/end").status_code == 303
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "normal"
    for refused in ("", "soon", (TODAY - timedelta(days=1)).isoformat(), "2027-06-01"):
        assert post(desk, page, act, {"last_day": refused}).status_code == 400
    assert len(rows(manage, ModeOrder)) == 1


@pytest.mark.parametrize("state", [State.REQUESTED, State.HELD, State.CONFIRMED, State.CANCELLED])
def test_a_door_that_somebody_has_booked_does_not_rest(
    manage: Manage, desk: FlaskClient, state: State
) -> None:
    point = fit_door(manage, manage.far)
    with manage.database.transaction() as session:
        session.execute(
            sa.update(Reservation).where(Reservation.offering_id == manage.far.full).values(state=state)
        )
    page = f"/manage/access-points/{point}/hold-open"
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    answer = post(desk, page, f"/manage/access-points/{point}/rest", {"last_day": tomorrow})
    may_rest = state is State.CANCELLED
    assert answer.status_code == (303 if may_rest else 409)
    assert ("この期間に予約があります" in answer.text) is not may_rest
    assert len(rows(manage, ModeOrder)) == may_rest


@pytest.mark.parametrize("until", ["", "x", "0", "3999999"])
def test_a_time_that_is_over_or_too_far_is_refused(manage: Manage, desk: FlaskClient, until: str) -> None:
    page = f"/manage/access-points/{fit_door(manage, manage.near)}/hold-open"
    answer = post(desk, page, page, {"until": until})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert rows(manage, ModeOrder) == []


def test_a_caretaker_keeps_open_only_where_the_right_is_valid(
    manage: Manage, desk: FlaskClient, caretaker: Account
) -> None:
    near, far = fit_door(manage, manage.near), fit_door(manage, manage.far, "武道場 入口")
    chosen = str(manage.near.facility_id)
    tomorrow = {"last_day": (TODAY + timedelta(days=1)).isoformat(), "last_time": "0"}
    post(desk, PAGE, PAGE, wanted(scope="chosen", facility=chosen, first_time="0", **tomorrow))
    browser = manage.client(caretaker)
    page = f"/my/access-points/{near}/hold-open"
    until = re.findall(r'<option value="(\d+)"', browser.get(page).text)[0]
    assert post(browser, page, page, {"until": until}).status_code == 303
    assert [order.access_point_id for order in rows(manage, ModeOrder)] == [near]
    assert browser.get(f"/my/access-points/{far}/hold-open").status_code == 404
    assert browser.get(f"/manage/access-points/{near}/hold-open").status_code == 404
    assert manage.client(manage.resident).get(page).status_code == 404
    assert post(browser, page, f"/my/access-points/{far}/hold-open", {"until": until}).status_code == 404
    manage.clock.advance(timedelta(hours=23))
    assert browser.get(page).status_code == 404


def test_a_manager_is_no_caretaker_without_a_right(manage: Manage) -> None:
    other = somebody(manage, "second@example.jp", role=Role.MANAGER)
    point = fit_door(manage, manage.near)
    assert manage.client(other).get(f"/my/access-points/{point}/hold-open").status_code == 404
    assert manage.client(other).get(f"/manage/access-points/{point}/hold-open").status_code == 200


def test_no_digits_are_in_a_log_an_address_a_mail_or_the_audit_chain(
    manage: Manage, desk: FlaskClient, caretaker: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    door = fit_lock(manage, fit_door(manage, manage.near))
    given = post(desk, PAGE, PAGE, wanted(first_time="0"))
    speak(manage, door)
    browser = manage.client(caretaker)
    (own,) = shown(browser)
    post(desk, "/manage/shelter", "/manage/shelter/sheet")
    keyring = services_of(manage).keyring
    every = {digits_of(keyring, code) for code in rows(manage, StaffCode)}
    assert own in every
    told = "".join(capfd.readouterr()) + given.location
    for kind, member in ((AuditEntry, "detail"), (Owed, "payload")):
        told += "".join(str(getattr(row, member)) for row in rows(manage, kind))
    told += "".join(str(json.loads(row.payload)) for row in rows(manage, DesiredVersion))
    assert "夜間の管理人" in told
    for code in every:
        assert code not in told
