"""Looking for a place: everybody may, whatever they type."""

import pytest

from tests.integration.booking.town import DAY, window
from tests.integration.manage.forms import counted
from tests.integration.pages.conftest import Site


def test_a_taken_band_is_a_sign_and_a_word_and_no_link(small_site: Site) -> None:
    small_site.town.held(wanted=window(10, 12))
    page = small_site.browser().get(f"/facilities/{small_site.town.gym}?day={DAY}").text
    assert page.count("予約あり") == 3 + 1, "the full gym and both halves, and the legend"
    taken = window(10, 12).granules.start
    assert f"start={taken}&amp;" not in page


def test_the_list_of_a_day_costs_the_same_statements_with_and_without_reservations(site: Site) -> None:
    visitor = site.browser()
    visitor.get(f"/days/{DAY}")
    with counted(site.town.database) as empty:
        visitor.get(f"/days/{DAY}")
    for first, last in ((8, 10), (10, 12), (13, 15)):
        site.town.held(wanted=window(first, last))
    with counted(site.town.database) as full:
        visitor.get(f"/days/{DAY}")
    assert len(full) == len(empty) <= 4


@pytest.mark.parametrize(
    "query, found",
    [
        ("q=武道", ["見本武道館"]),
        ("kind=gym", ["見本小学校"]),
        ("kind=gym&q=武道", []),
        ("sport=バレーボール", ["見本小学校", "見本武道館"]),
        ("sport=相撲", []),
    ],
)
def test_the_filter_narrows_the_list(small_site: Site, query: str, found: list[str]) -> None:
    page = small_site.browser().get(f"/days/{DAY}?{query}").text
    assert [name for name in ("見本小学校", "見本武道館") if f"{name}の案内" in page] == found
    assert ("条件に合う施設がありません" in page) is (not found)


def test_the_date_field_leads_to_the_days_own_address(small_site: Site) -> None:
    answer = small_site.browser().get("/?day=2026-11-28&kind=gym")
    assert (answer.status_code, answer.location) == (303, "/days/2026-11-28?kind=gym")


@pytest.mark.parametrize(
    "address, status",
    [
        ("/days/2026-02-30", 400),
        ("/days/tomorrow", 400),
        ("/days/9999-12-31", 400),
        ("/days/0001-01-01", 400),
        ("/facilities/99999", 404),
        ("/offerings/99999", 404),
        ("/offerings/99999999999999999999", 404),
        ("/api/v1/availability?courts=1;2", 400),
        ("/api/v1/availability?courts=99999", 404),
        ("/api/v1/availability?days=0", 400),
        ("/api/v1/availability?days=63", 400),
        ("/api/v1/availability?first=x", 400),
        ("/nowhere", 404),
    ],
)
def test_an_address_that_makes_no_sense_gets_a_sentence_and_never_a_crash(
    small_site: Site, address: str, status: int
) -> None:
    answer = small_site.browser().get(address)
    assert answer.status_code == status
    if address.startswith("/api/"):
        assert answer.json is not None
        assert set(answer.json) == {"code", "message"}
    else:
        assert "<h1>" in answer.text


def test_the_masks_tell_which_half_hours_of_which_court_are_gone(site: Site) -> None:
    site.town.held(offering=site.town.half_a, wanted=window(10, 12))
    first, second = site.town.courts
    answer = site.browser().get(f"/api/v1/availability?first={DAY}&days=2&courts={first},{second}")
    assert answer.json is not None
    assert answer.json["taken"] == {str(first): [0b1111 << 20, 0], str(second): [0, 0]}
    assert answer.json["closed"] == {str(first): [0, 0], str(second): [0, 0]}


def test_static_files_are_kept_by_browsers_until_they_change(small_site: Site) -> None:
    visitor = small_site.browser()
    plain = visitor.get("/static/style.css")
    assert plain.headers["Cache-Control"] == "no-cache"
    again = visitor.get("/static/style.css", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304
    versioned = visitor.get("/static/style.css?v=1")
    assert "immutable" in versioned.headers["Cache-Control"]
    for answer in (plain, again, versioned):
        answer.close()


def test_health_answers_while_the_database_does(site: Site) -> None:
    assert site.browser().get("/healthz").json == {"status": "ok"}
