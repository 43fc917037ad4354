"""After every kind of day at the counter the nightly audit finds nothing, and finds what is tampered with."""

from datetime import date

import sqlalchemy as sa

from booking.money_desk import nightly
from payments.invoice_models import Charge
from payments.states import Method
from tests.integration.booking.town import window
from tests.integration.counter.conftest import Counter
from tests.integration.counter.test_invoices import (
    FIRST_OF_DECEMBER,
    all_invoices,
    at,
    carried,
    give_up,
    run,
    take,
)
from tests.integration.counter.test_paying_out import hand_in, owed_back, pay_out


def findings(office: Counter) -> dict[str, list[str]]:
    with office.database.reading() as session:
        night = nightly.audit_night(session, municipality_id=office.site.town.municipality_id, now=office.now)
    return {
        name: [finding.subject for finding in checked.findings]
        for name, checked in night.checks.items()
        if checked.findings
    }


def a_full_month(office: Counter) -> None:
    """Cash, a slip in time, a slip too late, cash paid out, invoices paid by transfer and carried."""
    pay_out(office, owed_back(office))
    office.cash(office.held(window(8, 10)))
    hand_in(office, 300, counted=600)
    office.book_slip(office.slip(office.held(window(13, 15))))
    kept = office.postpaid(window(18, 20))
    given_up = office.postpaid(window(20, 22))
    give_up(office, given_up)
    late = office.slip(office.held(window(10, 12)))
    office.site.clock.advance(days=4)
    office.expire_slips()
    office.held(window(10, 12))
    office.book_slip(late)
    at(office, FIRST_OF_DECEMBER)
    run(office)
    assert kept
    take(office, all_invoices(office)[0], Method.TRANSFER)


def test_after_a_full_month_nothing_is_found(office: Counter) -> None:
    a_full_month(office)
    assert findings(office) == {}


def test_a_charge_changed_by_hand_is_found(office: Counter) -> None:
    a_full_month(office)
    office.postpaid(window(8, 10, date(2026, 12, 12)))
    with office.database.transaction() as session:
        session.execute(sa.update(Charge).where(Charge.invoice_id.is_(None)).values(amount_yen=1))
    office.site.clock.advance(minutes=1)
    assert findings(office) != {}


def test_what_is_carried_keeps_the_audit_quiet(office: Counter) -> None:
    carried(office)
    assert findings(office) == {}
