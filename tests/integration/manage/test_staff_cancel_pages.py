"""A manager takes a reservation back."""

from uuid import UUID

import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.reservations.models import Claim, Reservation, State
from core.audit import AuditEntry
from core.owed import Owed
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import post


def requested(manage: Manage) -> UUID:
    with manage.database.reading() as session:
        return session.scalars(sa.select(Reservation.id).where(Reservation.state == State.REQUESTED)).one()


def address(reservation_id: UUID) -> str:
    return f"/manage/reservations/{reservation_id}/cancel"


def test_it_is_cancelled_with_its_reason_and_the_group_is_told(manage: Manage, desk: FlaskClient) -> None:
    wanted = requested(manage)
    detail = desk.get(f"/reservations/{wanted}").get_data(as_text=True)
    assert address(wanted) in detail
    answer = post(desk, address(wanted), address(wanted), {"reason": "床の補修（見本）"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/reservations/{wanted}")
    with manage.database.reading() as session:
        row = session.get_one(Reservation, wanted)
        assert (row.state, row.reason) == (State.CANCELLED, "床の補修（見本）")
        assert session.scalars(sa.select(Claim).where(Claim.reservation_id == wanted)).all() == []
        assert [owed.payload["template"] for owed in session.scalars(sa.select(Owed))] == ["cancelled"]
        assert session.scalars(sa.select(AuditEntry.subject)).all() == [str(wanted)]
    assert "床の補修（見本）" in desk.get(f"/reservations/{wanted}").get_data(as_text=True)


def test_without_a_reason_nothing_happens_and_what_was_written_is_kept(
    manage: Manage, desk: FlaskClient
) -> None:
    wanted = requested(manage)
    too_long = "あ" * 201
    answer = post(desk, address(wanted), address(wanted), {"reason": too_long})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "理由を200文字以内で書いてください。" in page
    assert too_long in page
    with manage.database.reading() as session:
        assert session.get_one(Reservation, wanted).state == State.REQUESTED


def test_nobody_else_finds_the_page(manage: Manage, desk: FlaskClient) -> None:
    wanted = requested(manage)
    resident = manage.client(manage.resident)
    assert resident.get(address(wanted)).status_code == 404
    assert address(wanted) not in resident.get(f"/reservations/{wanted}").get_data(as_text=True)
    stolen = post(resident, "/sessions", address(wanted), {"reason": "見本"})
    assert stolen.status_code == 404
    unknown = UUID("01a1fb67-1800-778b-800f-88f30a855610")
    assert desk.get(address(unknown)).status_code == 404


def test_one_that_is_over_has_no_such_page(manage: Manage, desk: FlaskClient) -> None:
    wanted = requested(manage)
    post(desk, address(wanted), address(wanted), {"reason": "見本"})
    again = desk.get(address(wanted))
    assert (again.status_code, again.headers["Location"]) == (303, f"/reservations/{wanted}")
