"""Requests that wait for a word, and the word."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.reservations.models import Claim, Reservation, State
from core.owed import Owed
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import TODAY, Town, window

PAGE = "/manage/approvals"


def requested(manage: Manage) -> UUID:
    with manage.database.reading() as session:
        return session.scalars(sa.select(Reservation.id).where(Reservation.state == State.REQUESTED)).one()


def row(manage: Manage, reservation_id: UUID) -> Reservation:
    with manage.database.reading() as session:
        return session.get_one(Reservation, reservation_id)


def owed_templates(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return [owed.payload["template"] for owed in session.scalars(sa.select(Owed))]


def test_a_request_is_shown_with_all_one_needs_to_decide(desk: FlaskClient) -> None:
    page = desk.get(PAGE).get_data(as_text=True)
    for words in (
        "遠くの中学校 体育館 全面",
        "2026年11月22日(日)",
        "09:00〜12:00",
        "見本団体01",
        "見本 花子",
        "800円",
    ):
        assert words in page


def test_approving_holds_it_for_payment_and_tells_the_group(manage: Manage, desk: FlaskClient) -> None:
    reservation_id = requested(manage)
    answer = post(desk, PAGE, f"{PAGE}/{reservation_id}/approve")
    assert answer.status_code == 303
    assert row(manage, reservation_id).state == State.HELD
    assert owed_templates(manage) == ["approved"]
    after = desk.get(answer.headers["Location"]).get_data(as_text=True)
    assert "承認しました。" in after
    assert "承認を待っている申込みはありません。" in after


def test_approving_what_costs_nothing_confirms_it(manage: Manage, desk: FlaskClient) -> None:
    def free(town: Town) -> None:
        town.reservation(
            manage.far.full,
            window(TODAY + timedelta(days=3), 9, 12),
            account=manage.resident,
            group=manage.group,
            state=State.REQUESTED,
            amount_yen=0,
        )

    manage.town(free)
    with manage.database.reading() as session:
        free_id = session.scalars(sa.select(Reservation.id).where(Reservation.amount_yen == 0)).one()
    answer = post(desk, PAGE, f"{PAGE}/{free_id}/approve")
    assert row(manage, free_id).state == State.CONFIRMED
    assert owed_templates(manage) == ["confirmed"]
    assert "予約は確定しました。" in desk.get(answer.headers["Location"]).get_data(as_text=True)


def test_rejecting_needs_a_reason_and_gives_the_courts_back(manage: Manage, desk: FlaskClient) -> None:
    reservation_id = requested(manage)
    without = post(desk, PAGE, f"{PAGE}/{reservation_id}/reject", {"reason": "  "})
    assert without.status_code == 400
    assert "理由を200文字以内で書いてください。" in without.get_data(as_text=True)
    assert row(manage, reservation_id).state == State.REQUESTED

    answer = post(desk, PAGE, f"{PAGE}/{reservation_id}/reject", {"reason": "学校行事のため"})
    assert answer.status_code == 303
    assert row(manage, reservation_id).state == State.REJECTED
    assert owed_templates(manage) == ["rejected"]
    with manage.database.reading() as session:
        claims = session.scalars(sa.select(Claim).where(Claim.reservation_id == reservation_id)).all()
    assert claims == []


def test_deciding_twice_says_that_it_is_decided(manage: Manage, desk: FlaskClient) -> None:
    reservation_id = requested(manage)
    post(desk, PAGE, f"{PAGE}/{reservation_id}/reject", {"reason": "学校行事のため"})

    def one_more(town: Town) -> None:
        town.reservation(
            manage.far.full,
            window(TODAY + timedelta(days=2), 9, 12),
            account=manage.resident,
            group=manage.group,
            state=State.REQUESTED,
        )

    manage.town(one_more)
    answer = post(desk, PAGE, f"{PAGE}/{reservation_id}/approve")
    assert answer.status_code == 409
    assert 'data-code="state_changed"' in answer.get_data(as_text=True)
    assert row(manage, reservation_id).state == State.REJECTED


@pytest.mark.parametrize("deed", ["approve", "reject"])
def test_only_a_manager_of_the_municipality_decides(manage: Manage, desk: FlaskClient, deed: str) -> None:
    reservation_id = requested(manage)
    resident = manage.client(manage.resident)
    answer = post(resident, "/sessions", f"{PAGE}/{reservation_id}/{deed}", {"reason": "x"})
    assert answer.status_code == 404

    def elsewhere(town: Town) -> None:
        foreign = Town(town.session, number=2).found()
        school = foreign.school("よその小学校")
        account = foreign.account("yoso@example.jp")
        group = foreign.group("よその団体", account)
        foreign.reservation(
            school.full, window(TODAY, 13, 17), account=account, group=group, state=State.REQUESTED
        )

    manage.town(elsewhere)
    with manage.database.reading() as session:
        foreign_id = session.scalars(sa.select(Reservation.id).where(Reservation.municipality_id == 2)).one()
    assert "よその団体" not in desk.get(PAGE).get_data(as_text=True)
    assert post(desk, PAGE, f"{PAGE}/{foreign_id}/{deed}", {"reason": "x"}).status_code == 404
    assert row(manage, foreign_id).state == State.REQUESTED
    assert row(manage, reservation_id).state == State.REQUESTED


def test_a_form_without_its_token_changes_nothing(manage: Manage, desk: FlaskClient) -> None:
    reservation_id = requested(manage)
    assert desk.post(f"{PAGE}/{reservation_id}/approve").status_code == 400
    assert row(manage, reservation_id).state == State.REQUESTED


def test_the_list_takes_as_many_statements_however_long_it_is(manage: Manage, desk: FlaskClient) -> None:
    desk.get(PAGE)
    with counted(manage.database) as few:
        desk.get(PAGE)

    def more(town: Town) -> None:
        for day in range(2, 8):
            town.reservation(
                manage.far.full,
                window(TODAY + timedelta(days=day), 9, 12),
                account=manage.resident,
                group=manage.group,
                state=State.REQUESTED,
            )

    manage.town(more)
    with counted(manage.database) as many:
        assert desk.get(PAGE).get_data(as_text=True).count("承認しないと伝える") == 7
    assert len(many) == len(few)
