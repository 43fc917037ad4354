"""Writing to everybody who has a place, from the form to the count of what was sent."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from core.owed import Owed, mark_done, take_due
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import post
from tests.integration.manage.town import TODAY

PAGE = "/manage/mail"


def about_heating(manage: Manage, **changed: str) -> dict[str, str]:
    return {
        "facility": str(manage.near.facility_id),
        "day": TODAY.isoformat(),
        "subject": "暖房について",
        "body": "暖房が動きません。\r\n<b>暖かい服</b>でお越しください。",
        **changed,
    }


def owed(manage: Manage) -> int:
    with manage.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Owed)) or 0


def test_the_preview_says_how_many_it_reaches_and_writes_nothing(manage: Manage, desk: FlaskClient) -> None:
    page = post(desk, PAGE, f"{PAGE}/preview", about_heating(manage)).get_data(as_text=True)
    assert "1人" in page
    assert "予約2件" in page
    assert "&lt;b&gt;暖かい服&lt;/b&gt;" in page
    assert "<b>暖かい服</b>" not in page
    assert owed(manage) == 0


def test_sending_leads_to_a_page_that_counts_what_was_sent(manage: Manage, desk: FlaskClient) -> None:
    answer = post(desk, PAGE, PAGE, about_heating(manage))
    assert answer.status_code == 303
    assert owed(manage) == 1
    waiting = desk.get(answer.headers["Location"]).get_data(as_text=True)
    assert "送っています。" in waiting
    assert 'data-watch="0/0/1"' in waiting
    with manage.database.transaction() as session:
        (taken,) = take_due(session, "mail", limit=5, now=manage.clock.now())
        mark_done(session, taken, now=manage.clock.now())
    assert "全員に送りました。" in desk.get(answer.headers["Location"]).get_data(as_text=True)


def test_a_second_tap_sends_nothing_more(manage: Manage, desk: FlaskClient) -> None:
    first = post(desk, PAGE, PAGE, about_heating(manage))
    second = post(desk, PAGE, PAGE, about_heating(manage))
    assert first.headers["Location"] == second.headers["Location"]
    assert owed(manage) == 1


@pytest.mark.parametrize(
    "changed,status",
    [
        ({"facility": ""}, 400),
        ({"day": "soon"}, 400),
        ({"day": "0001-01-01"}, 400),
        ({"day": "9999-12-31"}, 400),
        ({"subject": ""}, 400),
        ({"subject": "a\r\nBcc: x@example.jp"}, 400),
        ({"body": " "}, 400),
        ({"body": "あ" * 2001}, 400),
        ({"day": "2026-12-24"}, 409),
        ({"facility": "200"}, 404),
    ],
)
def test_what_cannot_be_sent_is_refused_and_nothing_is_owed(
    manage: Manage, desk: FlaskClient, changed: dict[str, str], status: int
) -> None:
    answer = post(desk, PAGE, PAGE, about_heating(manage, **changed))
    assert answer.status_code == status
    assert owed(manage) == 0


def test_a_count_of_a_mail_that_is_none_is_not_there(desk: FlaskClient) -> None:
    assert desk.get(f"{PAGE}/{'0' * 24}").status_code == 404
    assert desk.get(f"{PAGE}/%25").status_code == 404
