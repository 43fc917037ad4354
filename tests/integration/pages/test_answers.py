"""What every answer carries, and how errors read."""

import gzip

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from booking.app.factory import create_app
from booking.app.guards import public
from booking.app.headers import content_policy
from booking.app.http_errors import STATUS, status_of
from booking.reservations.refusals import SlotTaken
from core.database import TryAgain
from core.errors import KaihoError, NotThere, Refused, RejectedOutside, TooMany, Unavailable
from tests.integration.pages.conftest import Site


def app_that_raises(site: Site, error: Exception) -> Flask:
    app = create_app(site.services)

    def fail() -> str:
        raise error

    app.add_url_rule("/fails", view_func=public(fail))
    app.add_url_rule("/api/v1/fails", "api_fails", view_func=public(fail))
    return app


def test_nothing_inline_runs_and_forms_go_to_stripe_or_stay(small_site: Site) -> None:
    policy = small_site.browser().get("/").headers["Content-Security-Policy"]
    assert policy == content_policy(small_site.services.settings)
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://checkout.stripe.com" in policy
    assert "frame-ancestors 'none'" in policy


def test_no_page_has_a_script_or_a_style_inside(small_site: Site) -> None:
    browser = small_site.resident()
    for page in ("/", "/sign-in", "/sessions", "/reservations", f"/offerings/{small_site.town.full}"):
        text = browser.get(page).text
        assert " style=" not in text
        assert "<style" not in text
        assert " on" + "click=" not in text
        assert "<script>" not in text


def test_what_one_person_sees_is_kept_by_no_cache(small_site: Site) -> None:
    assert small_site.resident().get("/reservations").headers["Cache-Control"] == "private, no-cache"


def test_long_lists_travel_small_and_pages_with_tokens_as_they_are(small_site: Site) -> None:
    browser, willing = small_site.resident(), {"Accept-Encoding": "gzip, br"}
    plain, small = browser.get("/"), browser.get("/", headers=willing)
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) < len(plain.data) / 2
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Content-Encoding" not in browser.get("/sessions", headers=willing).headers


def test_answers_are_counted_by_route_and_class_of_status(small_site: Site) -> None:
    browser = small_site.browser()
    browser.get("/offerings/999")
    browser.get("/anything/at/all/somebody")
    told = browser.get("/metrics").text
    assert 'kaiho_http_answers_total{route="availability.month",status="4xx"}' in told
    assert "somebody" not in told


def test_a_strange_host_is_refused(small_site: Site) -> None:
    assert small_site.browser().get("/", headers={"Host": "evil.example"}).status_code == 400
    assert small_site.browser().get("/", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_a_body_beyond_the_limit_is_refused(small_site: Site) -> None:
    answer = small_site.browser().post("/sign-in", data={"password": "x" * 300_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "error, status",
    [
        (NotThere(), 404),
        (SlotTaken(), 409),
        (TooMany(), 429),
        (TryAgain(), 503),
        (Unavailable(), 503),
        (RejectedOutside(), 502),
        (KaihoError(), 500),
        (RuntimeError("a secret detail"), 500),
    ],
)
def test_every_error_has_a_page_and_a_problem_object(small_site: Site, error: Exception, status: int) -> None:
    browser = app_that_raises(small_site, error).test_client()
    page, problem = browser.get("/fails"), browser.get("/api/v1/fails")
    assert page.status_code == problem.status_code == status
    assert "<h1>" in page.text
    assert problem.json is not None
    assert set(problem.json) == {"code", "message"}
    assert "secret" not in page.text + problem.text
    assert ("Retry-After" in page.headers) is (status in (429, 503))


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 'a secret detail'", {}, RuntimeError("connection refused")),
        PoolExhausted("a secret detail"),
    ],
)
def test_while_the_database_is_away_the_answer_is_to_come_back_later(
    small_site: Site, error: Exception
) -> None:
    answer = app_that_raises(small_site, error).test_client().get("/fails")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "secret" not in answer.text


def test_the_table_of_statuses_reaches_every_error_there_is() -> None:
    def leaves(kind: type[KaihoError]) -> set[type[KaihoError]]:
        return {kind}.union(*(leaves(below) for below in kind.__subclasses__()))

    assert STATUS[Refused] == 409
    assert all(
        400 <= status_of(kind()) < 600 for kind in leaves(KaihoError) if kind.__init__ is KaihoError.__init__
    )


def test_a_lost_race_inside_the_database_is_tried_again_before_anybody_sees_it(small_site: Site) -> None:
    app = create_app(small_site.services)
    tries: list[int] = []

    def second_time_lucky() -> str:
        tries.append(1)
        if len(tries) < 2:
            raise TryAgain
        return "done"

    app.add_url_rule("/lucky", view_func=public(second_time_lucky))
    assert app.test_client().get("/lucky").text == "done"
    assert len(tries) == 2
