"""A day before it the lock does not know of a reservation: what its maker reads, and what giving up costs."""

from datetime import timedelta

import sqlalchemy as sa

from booking.reservations.door import start_unreached
from payments.models import Refund
from tests.integration.booking.town import at
from tests.integration.pages.conftest import Site, send

TOLD = "入口の電子錠と通信できないことがありました"


def test_who_may_find_the_door_shut_reads_it_and_gives_up_for_nothing_after_the_deadline(
    small_site: Site,
) -> None:
    reservation_id = small_site.town.confirmed()
    page = f"/reservations/{reservation_id}"
    small_site.clock.instant = small_site.town.reservation(reservation_id).starts_at - timedelta(hours=3)
    browser = small_site.browser(small_site.town.resident)
    assert TOLD not in browser.get(page).text
    assert "全額をお返しします" not in browser.get(page).text
    with small_site.town.database.transaction() as session:
        start_unreached(session, holder=reservation_id, access_point_id=1, now=at(9))
    shown = browser.get(page).text
    assert TOLD in shown
    assert "全額をお返しします" in shown
    assert send(browser, f"{page}/cancel", f"{page}/cancel").status_code == 303
    assert small_site.town.reservation(reservation_id).state == "cancelled"
    with small_site.town.database.reading() as session:
        back = session.scalars(sa.select(Refund.amount_yen)).all()
    assert list(back) == [small_site.town.reservation(reservation_id).amount_yen]
