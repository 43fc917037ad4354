"""Closing a place: whom it would hit, doing it, and opening it again."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.places.models import Closure
from booking.reservations.models import Claim, Reservation
from core.owed import Owed
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import post
from tests.integration.manage.town import TODAY, Town

PAGE = "/manage/closures"


def tonight(manage: Manage, **changed: str) -> dict[str, str]:
    return {
        "place": f"{manage.near.facility_id}",
        "first_day": TODAY.isoformat(),
        "first_time": "1080",
        "last_day": TODAY.isoformat(),
        "last_time": "1440",
        "reason": "床の工事のため",
        **changed,
    }


def closures(manage: Manage) -> list[Closure]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(Closure).order_by(Closure.id)))


def states(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(Reservation.state).order_by(Reservation.starts_at)))


def test_the_preview_names_whom_it_would_hit_and_writes_nothing(manage: Manage, desk: FlaskClient) -> None:
    answer = post(desk, PAGE, f"{PAGE}/preview", tonight(manage))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    for words in ("予約1件が取り消されます", "見本団体01", "19:00〜21:00", "800円", "近くの小学校 全体"):
        assert words in page
    assert "2026年11月21日(土) 18:00〜24:00" in page
    assert closures(manage) == []
    assert states(manage) == ["used", "confirmed", "requested"]


def test_closing_revokes_and_tells_and_lifting_opens_again(manage: Manage, desk: FlaskClient) -> None:
    answer = post(desk, PAGE, PAGE, tonight(manage))
    assert answer.status_code == 303
    (closure,) = closures(manage)
    assert states(manage) == ["used", "revoked", "requested"]
    with manage.database.reading() as session:
        (owed,) = session.scalars(sa.select(Owed).where(Owed.kind == "mail"))
    assert owed.payload["template"] == "revoked"
    assert owed.payload["params"]["reason"] == "床の工事のため"

    page = desk.get(answer.headers["Location"]).get_data(as_text=True)
    assert "利用不可日を登録しました。" in page
    assert "床の工事のため" in page

    lifted = post(desk, PAGE, f"{PAGE}/{closure.id}/lift")
    assert lifted.status_code == 303
    assert closures(manage)[0].lifted_at is not None
    with manage.database.reading() as session:
        assert session.scalars(sa.select(Claim).where(Claim.closure_id == closure.id)).all() == []
    assert "これからの利用不可日はありません。" in desk.get(PAGE).get_data(as_text=True)


def test_a_half_that_is_untouched_stays(manage: Manage, desk: FlaskClient) -> None:
    place = f"{manage.near.facility_id}-{manage.near.space_id}"
    page = post(desk, PAGE, f"{PAGE}/preview", tonight(manage, place=place, first_time="1260")).get_data(
        as_text=True
    )
    assert "取り消される予約はありません。" in page
    assert "近くの小学校 体育館" in page


@pytest.mark.parametrize(
    "changed",
    [
        {"place": ""},
        {"place": "x-1"},
        {"first_day": "soon"},
        {"first_time": "1085"},
        {"last_time": "9999"},
        {"last_day": (TODAY - timedelta(days=1)).isoformat()},
        {"first_day": "2026-11-01", "last_day": "2026-11-02"},
        {"last_day": (TODAY + timedelta(days=93)).isoformat()},
        {"reason": " "},
        {"reason": "あ" * 81},
        {"first_day": "0001-01-01"},
    ],
)
def test_what_cannot_be_is_refused_and_the_form_keeps_what_was_written(
    manage: Manage, desk: FlaskClient, changed: dict[str, str]
) -> None:
    for action in (f"{PAGE}/preview", PAGE):
        answer = post(desk, PAGE, action, tonight(manage, **changed))
        assert answer.status_code == 400, action
        page = answer.get_data(as_text=True)
        assert 'role="alert"' in page
        assert "reason" in changed or 'value="床の工事のため"' in page
    assert closures(manage) == []


@pytest.mark.parametrize("number", ["99", "2147483647", "2147483648", "9" * 30])
def test_lifting_what_is_no_closure_is_not_there(desk: FlaskClient, number: str) -> None:
    assert post(desk, PAGE, f"{PAGE}/{number}/lift").status_code == 404


@pytest.mark.parametrize("action", [f"{PAGE}/preview", PAGE])
def test_another_municipalitys_school_is_not_there(manage: Manage, desk: FlaskClient, action: str) -> None:
    def elsewhere(town: Town) -> None:
        Town(town.session, number=2).found().school("よその小学校")

    manage.town(elsewhere)
    assert post(desk, PAGE, action, tonight(manage, place="200")).status_code == 404
    assert (
        post(desk, PAGE, action, tonight(manage, place=f"{manage.near.facility_id}-200")).status_code == 404
    )
    assert closures(manage) == []
