"""Cancelled while the payer's bank has the money: the page says where it is, and the end is told."""

import sqlalchemy as sa

from payments import loops
from payments.models import Payment
from tests.integration.pages.conftest import Site, send
from tests.integration.pages.test_known_failures import on_the_card_page
from tests.integration.pages.test_paying_later import mails, refunds, work

ASKED = "カード会社の確認を待っています"
CAME = "カード会社を通じて返金されました"


def cancelled_while_disputed(site: Site) -> tuple[str, str]:
    """The reservation's page and Stripe's dispute."""
    page, session_id = on_the_card_page(site)
    site.stripe.pay(session_id)
    site.clock.advance(seconds=30)
    work(site)
    with site.town.database.reading() as session:
        intent = str(session.scalars(sa.select(Payment)).one().stripe_payment_intent_id)
    opened = site.stripe.books.open_dispute(intent, 600)
    look(site)
    send(site.resident(), f"{page}/cancel", f"{page}/cancel", lost_yen=0)
    work(site)
    return page, opened.id


def look(site: Site) -> None:
    """The worker hears what Stripe says of disputes."""
    given = site.services
    loops.find_disputes(given.database, given.stripe, given.clock, lambda: site.town.municipality_id)


def decided(site: Site, dispute_id: str, *, is_won: bool) -> None:
    site.stripe.books.close_dispute(dispute_id, is_won=is_won)
    look(site)
    site.clock.advance(hours=6)
    work(site)


def test_a_refund_waits_for_the_card_company_and_the_page_says_so(site: Site) -> None:
    page, _ = cancelled_while_disputed(site)
    text = site.resident().get(page).text
    assert ASKED in text
    assert CAME not in text
    assert refunds(site) == [("owed", 600)]
    assert "refunded_by_card_company" not in mails(site)


def test_what_a_lost_dispute_brought_back_is_told_by_page_and_mail_once(site: Site) -> None:
    page, dispute_id = cancelled_while_disputed(site)
    decided(site, dispute_id, is_won=False)
    work(site)
    text = site.resident().get(page).text
    assert CAME in text
    assert ASKED not in text
    assert "手続き中" not in text
    assert mails(site).count("refunded_by_card_company") == 1
    assert "refunded" not in mails(site)
    assert site.stripe.calls["create_refund"] == 0


def test_won_it_goes_back_by_ourselves_and_is_told_as_any_other(site: Site) -> None:
    page, dispute_id = cancelled_while_disputed(site)
    decided(site, dispute_id, is_won=True)
    assert refunds(site) == [("succeeded", 600)]
    assert CAME not in site.resident().get(page).text
    assert (mails(site).count("refunded"), mails(site).count("refunded_by_card_company")) == (1, 0)


def test_control_without_the_sender_of_refunds_nobody_is_told(site: Site) -> None:
    page, dispute_id = cancelled_while_disputed(site)
    site.stripe.books.close_dispute(dispute_id, is_won=False)
    look(site)
    site.clock.advance(days=30)
    assert ASKED in site.resident().get(page).text
    assert "refunded_by_card_company" not in mails(site)


def test_control_what_the_dispute_did_not_bring_back_is_still_owed(site: Site) -> None:
    page, dispute_id = cancelled_while_disputed(site)
    site.stripe.books.close_dispute(dispute_id, is_won=False)
    look(site)
    with site.town.database.transaction() as session:
        session.execute(sa.text("UPDATE dispute SET withdrawn_yen = :yen"), {"yen": 599})
    site.clock.advance(hours=6)
    work(site)
    assert refunds(site) == [("owed", 600)]
    assert CAME not in site.resident().get(page).text
