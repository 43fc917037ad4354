"""The counter's pages: found, taken, handed out, printed; a double tap is one; what is refused says why."""

import re
from uuid import UUID

from flask.testing import FlaskClient

from booking.reservations.models import State
from core.ids import new_id
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.manage.forms import counted
from tests.integration.pages.conftest import send

PAGE = "/manage/money/counter"
GROUPS = "/manage/money/invoices/groups"


def desk_of(office: Counter) -> FlaskClient:
    return office.site.browser(office.staff.account_id)


def take(office: Counter, reservation_id: UUID, **fields: object) -> str:
    page = f"{PAGE}/reservations/{reservation_id}"
    sent = {"payment_id": new_id(NOW), "amount_yen": 600} | fields
    return send(desk_of(office), page, f"{page}/cash", **sent).location


def test_a_reservation_is_found_by_group_day_permit_and_slip(office: Counter) -> None:
    paid, with_slip = office.held(window(10, 12)), office.held(window(13, 15))
    office.cash(paid)
    office.slip(with_slip)
    desk = desk_of(office)
    assert f"reservations/{paid}" in desk.get(f"{PAGE}?q=見本団体01").text
    assert f"reservations/{paid}" in desk.get(f"{PAGE}?day=2026-11-28").text
    by_number = desk.get(f"{PAGE}?q=1").text
    assert f"reservations/{paid}" in by_number
    assert f"reservations/{with_slip}" in by_number
    assert "この条件に合う予約はありません" in desk.get(f"{PAGE}?q=100%").text
    assert desk.get(f"{PAGE}?day=x").status_code == 400


def test_cash_through_the_page_confirms_once_for_two_taps(office: Counter) -> None:
    reservation_id, tap = office.held(), new_id(NOW)
    assert take(office, reservation_id, payment_id=tap).endswith("done=paid")
    page = f"{PAGE}/reservations/{reservation_id}"
    again = send(desk_of(office), "/sessions", f"{page}/cash", payment_id=tap, amount_yen=600)
    assert again.location.endswith("done=paid")
    assert office.books() == {"cash": 600, "usage_fees": -600}
    assert "受領済み 600円" in desk_of(office).get(page).text


def test_with_the_card_page_open_staff_are_told_to_take_nothing_yet(office: Counter) -> None:
    reservation_id = office.held()
    page = f"/reservations/{reservation_id}"
    send(office.site.resident(), page, f"{page}/payments")
    assert take(office, reservation_id).endswith("done=closing")
    assert office.books() == {}
    told = desk_of(office).get(f"{PAGE}/reservations/{reservation_id}?done=closing").text
    assert "まだ受け取らないでください" in told
    office.stripe_works()
    assert take(office, reservation_id).endswith("done=paid")


def test_a_slip_is_handed_out_printed_booked_and_said_to_be_booked(office: Counter) -> None:
    reservation_id, tap = office.held(), new_id(NOW)
    desk, page = desk_of(office), f"{PAGE}/reservations/{reservation_id}"
    slip = f"{PAGE}/slips/{tap}"
    for _ in range(2):
        assert send(desk, "/sessions", f"{page}/slip", payment_id=tap).location == f"{slip}?done=issued"
    sheet = desk.get(f"{slip}/sheet").text
    assert "第1号" in sheet
    assert "見本団体01 様" in sheet
    assert "600円" in sheet
    assert send(desk, slip, f"{slip}/book", paid_on="2026-11-21").location.endswith("done=booked")
    assert send(desk, "/sessions", f"{slip}/book", paid_on="2026-11-21").location.endswith("done=again")
    assert office.reservation(reservation_id).state == State.CONFIRMED


def test_a_day_in_the_future_or_before_the_slip_is_refused(office: Counter) -> None:
    slip = f"{PAGE}/slips/{office.slip(office.held())}"
    for day in ("2026-11-22", "2026-11-20", "gestern"):
        assert send(desk_of(office), slip, f"{slip}/book", paid_on=day).status_code == 400
    assert office.books() == {}


def test_a_slip_is_taken_back_on_its_page(office: Counter) -> None:
    reservation_id = office.held()
    slip = f"{PAGE}/slips/{office.slip(reservation_id)}"
    assert send(desk_of(office), slip, f"{slip}/void").location.endswith("done=void")
    assert office.reservation(reservation_id).pays_by == "stripe"


def test_cash_is_brought_to_the_bank_on_the_page(office: Counter) -> None:
    office.cash(office.held())
    desk = desk_of(office)
    fields = {"hand_in_id": new_id(NOW), "counted_yen": 600, "handed_in_yen": 601}
    refused = send(desk, PAGE, f"{PAGE}/hand-in", **fields)
    assert refused.status_code == 400
    assert "1円から600円まで" in refused.text
    done = send(desk, PAGE, f"{PAGE}/hand-in", **(fields | {"handed_in_yen": 600}))
    assert done.location.endswith("done=handed_in")
    assert office.books() == {"bank": 600, "usage_fees": -600}


def test_a_resident_finds_none_of_these_pages(office: Counter) -> None:
    resident = office.site.resident()
    reservation_id = office.held()
    slip_id = office.slip(reservation_id)
    for path in (
        PAGE,
        f"{PAGE}/reservations/{reservation_id}",
        f"{PAGE}/slips/{slip_id}",
        f"{PAGE}/slips/{slip_id}/sheet",
        f"{PAGE}/pay-outs",
        "/manage/money/invoices",
        GROUPS,
    ):
        assert resident.get(path).status_code == 404


def test_listing_many_reservations_asks_no_more_of_the_database(office: Counter) -> None:
    desk = desk_of(office)
    office.held(window(8, 10))
    with counted(office.database) as few:
        desk.get(f"{PAGE}?q=見本")
    for hours in ((10, 12), (13, 15), (18, 20), (20, 22)):
        office.held(window(*hours))
    with counted(office.database) as many:
        desk.get(f"{PAGE}?q=見本")
    assert len(many) == len(few)


def test_each_button_of_the_counter_sends_an_id_of_its_own(office: Counter) -> None:
    held = f"{PAGE}/reservations/{office.held()}"
    ids = re.findall('name="payment_id" value="([^"]+)"', desk_of(office).get(held).text)
    assert len(ids) == len(set(ids)) == 2
