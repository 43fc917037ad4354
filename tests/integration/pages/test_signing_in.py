"""Signing in: nobody learns who has an account, nobody guesses for long, the owner is never locked out."""

import threading
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.people import passwords, sign_in
from booking.people.models import Account, AccountSession, SignInFailure
from booking.people.pages import local_path
from core.clock import Clock
from core.database import Database
from core.ids import token_digest
from tests.integration.pages.conftest import Site, build_site, send

PASSWORD = "kaihou-no-hi"
HASH = passwords.hash_password(PASSWORD)


def with_password(site: Site) -> UUID:
    with site.town.database.transaction() as session:
        session.get_one(Account, site.town.resident).password_hash = HASH
    return site.town.resident


def try_in(browser: FlaskClient, password: str, mail: str = "mihon@example.jp", **more: str) -> TestResponse:
    return send(browser, "/sign-in", "/sign-in", mail_address=mail, password=password, **more)


def test_the_right_password_opens_a_session_and_leads_on(site: Site) -> None:
    with_password(site)
    browser = site.browser()
    answer = try_in(browser, PASSWORD, mail=" Mihon@Example.JP ", next="/reservations?x=1")
    assert (answer.status_code, answer.location) == (303, "/reservations?x=1")
    assert browser.get("/reservations").status_code == 200


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(small_site: Site) -> None:
    with_password(small_site)
    wrong = try_in(small_site.browser(), "no", mail="mihon@example.jp")
    unknown = try_in(small_site.browser(), "no", mail="nobody@example.jp")
    assert wrong.status_code == unknown.status_code == 400
    shape = [answer.text.replace("nobody@", "mihon@").split("csrf_token")[0] for answer in (wrong, unknown)]
    assert shape[0] == shape[1]


@pytest.mark.parametrize("address", ["mihon\0@example.jp", "\0"])
def test_an_address_that_no_database_can_hold_is_bad_input(site: Site, address: str) -> None:
    answer = send(site.browser(), "/sign-in", "/sign-in", mail_address=address, password="x")
    assert answer.status_code == 400


def test_a_password_is_verified_even_where_no_account_has_the_address(small_site: Site) -> None:
    """Held up at the two places for passwords, a try with an unknown address waits like any other."""
    finished = threading.Event()

    def try_unknown() -> None:
        with pytest.raises(sign_in.WrongCredentials):
            sign_in.sign_in(
                small_site.town.database,
                small_site.clock,
                municipality_id=small_site.town.municipality_id,
                mail_address="nobody@example.jp",
                password="x",
                place="here",
                device="-",
            )
        finished.set()

    with passwords.turn(), passwords.turn():
        waiting = threading.Thread(target=try_unknown)
        waiting.start()
        assert not finished.wait(0.2)
    waiting.join(10)
    assert finished.is_set()


def test_five_failures_make_this_place_wait_and_the_right_password_too(small_site: Site) -> None:
    with_password(small_site)
    browser = small_site.browser()
    for _ in range(5):
        assert try_in(browser, "guess").status_code == 400
    refused = try_in(browser, PASSWORD)
    assert refused.status_code == 429
    assert "too_many_tries" in refused.text
    assert refused.headers["Retry-After"]
    small_site.clock.advance(minutes=16)
    assert try_in(browser, PASSWORD).status_code == 303


def test_tries_that_run_side_by_side_do_not_slip_past_the_limit(site: Site) -> None:
    with_password(site)
    clock: Clock = site.clock
    outcomes: list[str] = []

    def guess() -> None:
        try:
            sign_in.sign_in(
                site.town.database,
                clock,
                municipality_id=site.town.municipality_id,
                mail_address="mihon@example.jp",
                password="guess",
                place="here",
                device="-",
            )
        except (sign_in.WrongCredentials, sign_in.TooManyTries) as refused:
            outcomes.append(refused.code)

    threads = [threading.Thread(target=guess) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["too_many_tries"] * 4 + ["wrong_credentials"] * 5


def test_elsewhere_the_owner_signs_in_all_the_same(small_site: Site) -> None:
    with_password(small_site)
    for _ in range(6):
        try_in(small_site.browser(), "guess")
    elsewhere = small_site.app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    assert try_in(elsewhere, PASSWORD).status_code == 303


@pytest.mark.parametrize(("owners", "status"), [("2001:db8::ffff", 429), ("2001:db8:0:1::1", 303)])
def test_changing_the_address_within_a_household_makes_nobody_new(
    small_site: Site, owners: str, status: int
) -> None:
    with_password(small_site)
    for number in range(5):
        guesser = small_site.browser()
        guesser.environ_base["REMOTE_ADDR"] = f"2001:db8::{number}"
        try_in(guesser, "guess")
    owner = small_site.browser()
    owner.environ_base["REMOTE_ADDR"] = owners
    assert try_in(owner, PASSWORD).status_code == status


@pytest.mark.parametrize("hops, status", [(0, 429), (1, 303)])
def test_behind_a_proxy_of_ours_a_place_is_the_address_that_the_proxy_saw(
    sqlite_database_url: str, hops: int, status: int
) -> None:
    database = Database(sqlite_database_url)
    site = build_site(database, proxy_hops=hops)
    with_password(site)
    guesser, owner = site.browser(), site.browser()
    guesser.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.1"
    owner.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.2"
    for _ in range(5):
        try_in(guesser, "guess")
    assert try_in(owner, PASSWORD).status_code == status
    database.dispose()


def test_a_device_the_owner_has_used_is_not_slowed_by_others_on_its_network(
    small_site: Site,
) -> None:
    with_password(small_site)
    own = small_site.browser()
    assert try_in(own, PASSWORD).status_code == 303
    send(own, "/sessions", "/sign-out")
    for _ in range(6):
        try_in(small_site.browser(), "guess")
    assert try_in(small_site.browser(), PASSWORD).status_code == 429
    assert try_in(own, PASSWORD).status_code == 303


def test_a_success_takes_the_slips_before_it_back(site: Site) -> None:
    with_password(site)
    browser = site.browser()
    for _ in range(4):
        try_in(browser, "oops")
    assert try_in(browser, PASSWORD).status_code == 303
    with site.town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SignInFailure)) == 0


def test_the_cookie_holds_a_token_and_the_database_only_its_digest(small_site: Site) -> None:
    with_password(small_site)
    browser = small_site.browser()
    answer = try_in(browser, PASSWORD)
    header = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("kaiho="))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    with browser.session_transaction() as cookie:
        token = cookie["token"]
    with small_site.town.database.reading() as session:
        kept = session.scalars(sa.select(AccountSession.token_digest)).all()
    assert kept == [token_digest(token)]


def test_signing_in_starts_a_new_cookie_so_that_none_can_be_planted(small_site: Site) -> None:
    with_password(small_site)
    browser = small_site.browser()
    with browser.session_transaction() as cookie:
        cookie["planted"] = "yes"
    try_in(browser, PASSWORD)
    with browser.session_transaction() as cookie:
        assert "planted" not in cookie


def test_a_revoked_device_is_out_at_once(site: Site) -> None:
    lost, kept = site.resident(), site.resident()
    with lost.session_transaction() as cookie:
        handle = token_digest(cookie["token"]).hex()
    assert lost.get("/reservations").status_code == 200
    send(kept, "/sessions", f"/sessions/{handle}/revoke")
    assert lost.get("/reservations").status_code == 303
    assert kept.get("/reservations").status_code == 200


def test_nobody_ends_anothers_session(site: Site) -> None:
    theirs = site.resident()
    with theirs.session_transaction() as cookie:
        handle = token_digest(cookie["token"]).hex()
    answer = send(site.browser(site.town.manager), "/sessions", f"/sessions/{handle}/revoke")
    assert answer.status_code == 404
    assert theirs.get("/reservations").status_code == 200


def test_a_session_runs_out(small_site: Site) -> None:
    browser = small_site.resident()
    small_site.clock.advance(days=30, seconds=1)
    assert browser.get("/reservations").status_code == 303


def test_a_disabled_account_is_out_at_once(small_site: Site) -> None:
    browser = small_site.resident()
    with small_site.town.database.transaction() as session:
        session.get_one(Account, small_site.town.resident).disabled_at = small_site.clock.now()
    assert browser.get("/reservations").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "evil.example",
        "/a\nb",
        "",
        None,
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_site(wanted: str | None) -> None:
    assert local_path(wanted) == "/"


def test_after_signing_in_one_goes_on_where_one_was() -> None:
    assert local_path("/offerings/3/book?start=1&length=2") == "/offerings/3/book?start=1&length=2"
