"""Every route says who may use it, and means it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from booking.app.factory import create_app
from booking.app.guards import guard_of, public, reading, require_guards, signed_in
from booking.app.services import EXTENSION
from core.database import Database
from core.errors import ContractBroken
from tests.integration.booking.town import account, window
from tests.integration.pages.conftest import CSRF, Site, booking_fields, build_site, send

RESIDENTS = {
    ("/", "GET"): "public",
    ("/api/v1/availability", "GET"): "public",
    ("/api/v1/reservations/<uuid:reservation_id>/codes-standing", "GET"): "signed_in",
    ("/days/<day>", "GET"): "public",
    ("/demo/mails", "GET"): "public_demo",
    ("/facilities/<int:facility_id>", "GET"): "public",
    ("/healthz", "GET"): "public",
    ("/locks/v1/<lock_id>/sync", "POST"): "lock_signature",
    ("/metrics", "GET"): "operator",
    ("/my/access-points/<int(max=2147483647):access_point_id>/hold-open", "GET"): "signed_in",
    ("/my/access-points/<int(max=2147483647):access_point_id>/hold-open", "POST"): "signed_in",
    ("/my/access-points/<int(max=2147483647):access_point_id>/hold-open/end", "POST"): "signed_in",
    ("/my/papers", "GET"): "signed_in",
    ("/my/bills", "GET"): "signed_in",
    ("/my/bills/invoices/<uuid:invoice_id>", "GET"): "signed_in",
    ("/my/bills/payments", "POST"): "signed_in",
    ("/my/bills/return", "GET"): "signed_in",
    ("/my/relief", "GET"): "signed_in",
    ("/my/relief", "POST"): "signed_in",
    ("/my/relief/<uuid:application_id>/withdraw", "POST"): "signed_in",
    ("/my/staff-codes", "GET"): "signed_in",
    ("/offerings/<int:offering_id>", "GET"): "public",
    ("/offerings/<int:offering_id>/book", "GET"): "public",
    ("/offerings/<int:offering_id>/holds", "POST"): "signed_in",
    ("/papers", "POST"): "signed_in",
    ("/papers/<uuid:paper_id>", "GET"): "signed_in",
    ("/papers/<uuid:paper_id>.pdf", "GET"): "signed_in",
    ("/papers/<uuid:paper_id>/addressee", "POST"): "signed_in",
    ("/reservations", "GET"): "signed_in",
    ("/reservations/<uuid:reservation_id>", "GET"): "signed_in",
    ("/reservations/<uuid:reservation_id>/cancel", "GET"): "signed_in",
    ("/reservations/<uuid:reservation_id>/cancel", "POST"): "signed_in",
    ("/reservations/<uuid:reservation_id>/code", "GET"): "signed_in",
    ("/reservations/<uuid:reservation_id>/papers", "GET"): "signed_in",
    ("/reservations/<uuid:reservation_id>/payments", "POST"): "signed_in",
    ("/reservations/<uuid:reservation_id>/return", "GET"): "signed_in",
    ("/sessions", "GET"): "signed_in",
    ("/sessions/<handle>/revoke", "POST"): "signed_in",
    ("/sign-in", "GET"): "public",
    ("/sign-in", "POST"): "public",
    ("/sign-out", "POST"): "signed_in",
    ("/static/<path:filename>", "GET"): "public",
    ("/stripe/webhook", "POST"): "stripe_signature",
    ("/sw.js", "GET"): "public",
}
"""Everything outside /manage, each route with its guard: a new route is written down here on purpose."""


@pytest.fixture
def demo_site(sqlite_database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A site that shows the mails it caught."""
    database = Database(sqlite_database_url)
    yield build_site(database, mails=tmp_path)
    database.dispose()


def guards(app: Flask) -> dict[tuple[str, str], str | None]:
    return {
        (rule.rule, method): guard_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_outside_the_manager_pages_has_the_guard_of_the_table(demo_site: Site) -> None:
    found = {route: guard for route, guard in guards(demo_site.app).items() if "/manage" not in route[0]}
    assert found == RESIDENTS


def test_every_manager_page_is_for_managers_only(small_site: Site) -> None:
    found = {guard for (rule, _), guard in guards(small_site.app).items() if rule.startswith("/manage")}
    assert found == {"manager_only"}


def test_the_mails_of_a_demo_are_a_page_only_in_a_demo(small_site: Site) -> None:
    assert ("/demo/mails", "GET") not in guards(small_site.app)


def test_a_route_without_a_guard_keeps_the_application_from_starting(small_site: Site) -> None:
    app = create_app(small_site.services)
    app.add_url_rule("/bare", view_func=lambda: "anything")
    with pytest.raises(ContractBroken, match="/bare"):
        require_guards(app)


def test_a_view_that_promises_an_actor_and_reads_none_does_not_answer(small_site: Site) -> None:
    app = create_app(small_site.services)
    app.add_url_rule("/forgot", view_func=signed_in(lambda: "somebody's things"))
    answer = app.test_client().get("/forgot")
    assert answer.status_code == 500
    assert "somebody" not in answer.text


def test_the_same_view_declared_public_does_answer(small_site: Site) -> None:
    app = create_app(small_site.services)
    app.add_url_rule("/open", view_func=public(lambda: "everybody's things"))
    assert app.test_client().get("/open").text == "everybody's things"


def test_a_transaction_of_a_view_without_a_guard_is_refused(small_site: Site) -> None:
    def bare() -> str:
        with reading():
            return "never"

    app = create_app(small_site.services)
    app.add_url_rule("/bare", view_func=bare)
    assert app.extensions[EXTENSION] is small_site.services
    assert app.test_client().get("/bare").status_code == 500


def test_nobody_signed_in_is_sent_to_sign_in_and_back(small_site: Site) -> None:
    answer = small_site.browser().get("/reservations?x=1")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/reservations%3Fx%3D1"


def test_a_form_sent_after_the_session_ended_leads_back_to_the_page_it_stood_on(small_site: Site) -> None:
    browser = small_site.resident()
    page = f"/offerings/{small_site.town.full}/book?start=997360&length=4"
    data = {"csrf_token": CSRF.findall(browser.get("/sessions").text)[0]}
    small_site.clock.advance(days=31)
    action = f"/offerings/{small_site.town.full}/holds"
    fields = booking_fields(small_site, window(10, 12))
    for referrer, back in (
        (f"http://localhost{page}", "/offerings/"),
        ("http://evil.example/offerings/1", "/&"),
    ):
        answer = browser.post(action, data={**fields, **data}, headers={"Referer": referrer})
        assert answer.status_code == 303
        assert f"{answer.location}&".startswith(f"/sign-in?next={back}")


@pytest.mark.parametrize("page", ["", "/code", "/cancel", "/return"])
def test_another_groups_reservation_looks_like_none_at_all(site: Site, page: str) -> None:
    theirs = site.town.confirmed()
    with site.town.database.transaction() as session:
        stranger = account(session, site.town.municipality_id, "stranger@example.jp")
    browser = site.browser(stranger)
    answer = browser.get(f"/reservations/{theirs}{page}")
    missing = browser.get(f"/reservations/{UUID(int=1)}{page}")
    assert answer.status_code == missing.status_code == 404
    assert answer.text == missing.text


@pytest.mark.parametrize("act", ["payments", "cancel"])
def test_nobody_pays_or_cancels_for_another_group(site: Site, act: str) -> None:
    theirs = site.town.held()
    with site.town.database.transaction() as session:
        stranger = account(session, site.town.municipality_id, "stranger@example.jp")
    for who in (stranger, site.town.manager):
        answer = send(site.browser(who), "/sessions", f"/reservations/{theirs}/{act}")
        assert answer.status_code == 404
    assert site.town.reservation(theirs).state == "held"
    assert site.town.reservation(theirs).cancel_asked_at is None


def test_a_manager_sees_a_reservation_but_never_its_code(small_site: Site) -> None:
    theirs = small_site.town.confirmed()
    browser = small_site.browser(small_site.town.manager)
    shown = browser.get(f"/reservations/{theirs}")
    assert shown.status_code == 200
    assert "/code" not in shown.text
    assert f'href="/reservations/{theirs}/cancel"' not in shown.text
    assert f'href="/manage/reservations/{theirs}/cancel"' in shown.text
    assert browser.get(f"/reservations/{theirs}/code").status_code == 404


def test_a_resident_finds_no_manager_page(small_site: Site) -> None:
    assert small_site.resident().get("/manage").status_code == 404


def test_metrics_are_for_this_machine_and_not_for_who_comes_through_a_proxy(small_site: Site) -> None:
    browser = small_site.browser()
    assert browser.get("/metrics").status_code == 200
    assert browser.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    assert browser.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404
