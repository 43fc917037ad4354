"""The manager's page of fee tables: what counts, what is to come, changing it, trying it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from booking.fees.models import FeeFactor, FeeRate, FeeTerms, ReliefRate
from booking.places.models import Municipality
from core.audit import AuditEntry
from tests.integration.booking.town import DAY, NOW
from tests.integration.fees.asking import EVENING, next_day
from tests.integration.pages.conftest import CSRF, Site, booking_fields, send

PAGE = "/manage/money/fees"
TODAY = date(2026, 11, 21)
RATE = {
    "space_kind": "gym",
    "size": "full",
    "item": "base",
    "unit": "hour",
    "yen": "400",
    "step_minutes": "60",
    "from_minute": "0",
    "until_minute": "1440",
    "months": [str(month) for month in range(1, 13)],
    "valid_from": "2026-11-29",
}


def manager(site: Site) -> FlaskClient:
    return site.browser(site.town.manager)


def change(site: Site, what: str, fields: Mapping[str, Any]) -> TestResponse:
    client = manager(site)
    found = CSRF.search(client.get(PAGE).text)
    assert found
    return client.post(f"{PAGE}/{what}", data=MultiDict({**fields, "csrf_token": found[1]}))


def acts(site: Site) -> list[str]:
    with site.town.database.reading() as session:
        statement = sa.select(AuditEntry.act).where(AuditEntry.act.like("fees.%"))
        return list(session.scalars(statement.order_by(AuditEntry.number)))


def tried(site: Site, **fields: object) -> str:
    wanted = {
        "offering": site.town.full,
        "on": DAY.isoformat(),
        "first": 1080,
        "last": 1200,
        "category": "general",
        **fields,
    }
    return manager(site).get(PAGE, query_string=wanted).text


def priced(site: Site, day_later: bool = False) -> int:
    """What the general group pays for two evening hours, held as residents do."""
    wanted = next_day(EVENING) if day_later else EVENING
    fields = booking_fields(site, wanted)
    answer = send(site.resident(), "/sessions", f"/offerings/{site.town.full}/holds", **fields)
    assert answer.status_code == 303, answer.text
    return site.town.reservation(UUID(answer.location.rpartition("/")[2])).amount_yen


def test_the_tables_of_a_day_are_shown(site: Site) -> None:
    page = manager(site).get(PAGE).text
    for words in (
        "体育館 全面 使用料",
        "1時間 300円",
        "通年・17:00から",
        "少年団 使用料",
        "100%減免",
        "内税",
    ):
        assert words in page
    assert "これから変わる分" not in page


def test_a_rate_is_added_from_a_day_on_and_changes_nothing_before(site: Site) -> None:
    sold = priced(site)
    answer = change(site, "rates", RATE)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}?done=added")
    assert "これから変わる分" in manager(site).get(PAGE).text
    later = manager(site).get(f"{PAGE}?day=2026-11-29").text
    assert "1時間 400円" in later
    assert "これまでの使用料（1件）" in later
    assert (sold, priced(site, day_later=True)) == (1200, 1400)
    assert acts(site) == ["fees.rate"]


def test_a_double_tap_adds_one_rate(site: Site) -> None:
    for _ in range(2):
        assert change(site, "rates", RATE).status_code == 303
    with site.town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).where(FeeRate.yen_per_hour == 400)) == 1
    assert acts(site) == ["fees.rate"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"space_kind": "pool"},
        {"size": "third"},
        {"item": "tax"},
        {"unit": "day"},
        {"yen": "-1"},
        {"yen": "1000001"},
        {"yen": "3.5"},
        {"from_minute": "1080", "until_minute": "1080"},
        {"from_minute": "15"},
        {"until_minute": "1441"},
        {"months": []},
        {"months": ["13"]},
        {"valid_from": "2026-11-20"},
        {"valid_from": ""},
    ],
)
def test_a_rate_that_says_nothing_sound_is_refused_and_the_input_kept(
    site: Site, wrong: Mapping[str, Any]
) -> None:
    answer = change(site, "rates", {**RATE, "yen": "4321", **wrong})
    assert answer.status_code == 400
    assert "できませんでした" in answer.text
    assert "4321" in answer.text or "yen" in wrong
    assert acts(site) == []


def test_a_rate_from_today_on_is_taken(site: Site) -> None:
    assert change(site, "rates", {**RATE, "valid_from": TODAY.isoformat()}).status_code == 303
    assert priced(site) == 1400


def test_an_item_ends_and_begins_again(site: Site) -> None:
    fields = {"which": "gym/full/lighting", "valid_from": DAY.isoformat()}
    for _ in range(2):
        answer = change(site, "rates/end", fields)
        assert (answer.status_code, answer.location) == (303, f"{PAGE}?done=ended")
    assert priced(site) == 600
    assert acts(site) == ["fees.end"]
    assert "gym/full/lighting" in manager(site).get(PAGE).text
    again = {**RATE, "item": "lighting", "yen": "200", "from_minute": "1020", "valid_from": "2026-11-29"}
    change(site, "rates", again)
    assert priced(site, day_later=True) == 1000


def test_what_was_to_come_is_taken_back_by_ending_it(site: Site) -> None:
    change(site, "rates", {**RATE, "item": "cooling"})
    change(site, "rates/end", {"which": "gym/full/cooling", "valid_from": "2026-11-25"})
    with site.town.database.reading() as session:
        row = session.scalars(sa.select(FeeRate).where(FeeRate.item == "cooling")).one()
        assert row.valid_until == row.valid_from
    assert "gym/full/cooling" not in manager(site).get(PAGE).text


@pytest.mark.parametrize("which", ["", "gym", "pool/full/base", "gym/full/"])
def test_only_what_is_on_the_table_ends(site: Site, which: str) -> None:
    answer = change(site, "rates/end", {"which": which, "valid_from": DAY.isoformat()})
    assert answer.status_code == 400
    assert acts(site) == []


def test_an_item_that_never_was_is_not_there(site: Site) -> None:
    fields = {"which": "gym/full/heating", "valid_from": DAY.isoformat()}
    assert change(site, "rates/end", fields).status_code == 404


@pytest.mark.parametrize(
    "what, fields, value, model",
    [
        ("factors", {"kind": "out_of_town", "item": "base"}, ("percent", "200", "150"), FeeFactor),
        ("relief", {"category": "general", "item": "base"}, ("percent", "10", "20"), ReliefRate),
        (
            "terms",
            {"rounding": "half_up", "tax_percent": "10", "tax": "added"},
            ("round_to_yen", "10", "100"),
            FeeTerms,
        ),
    ],
)
def test_a_value_to_come_is_put_right_and_one_in_force_is_not(
    site: Site,
    what: str,
    fields: Mapping[str, Any],
    value: tuple[str, str, str],
    model: type[FeeFactor] | type[ReliefRate] | type[FeeTerms],
) -> None:
    name, first, second = value
    for day, wanted, status in (
        (TODAY + timedelta(days=1), first, 303),
        (TODAY + timedelta(days=1), first, 303),
        (TODAY + timedelta(days=1), second, 303),
        (TODAY, first, 303),
        (TODAY, first, 303),
        (TODAY, second, 409),
        (TODAY - timedelta(days=1), first, 400),
    ):
        sent = {**fields, name: wanted, "valid_from": day.isoformat()}
        assert change(site, what, sent).status_code == status
    with site.town.database.reading() as session:
        rows = session.scalars(sa.select(model).where(model.valid_from >= TODAY).order_by(model.valid_from))
        assert [str(getattr(row, name)) for row in rows] == [first, second]
    act = {"factors": "fees.factor", "relief": "fees.relief", "terms": "fees.terms"}[what]
    assert acts(site) == [act] * 3
    with site.town.database.reading() as session:
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == act)).all()
        assert [str(entry.detail["before"][name]) for entry in entries if "before" in entry.detail] == [first]


@pytest.mark.parametrize(
    "what, fields",
    [
        ("factors", {"kind": "out_of_town", "item": "base", "percent": "99"}),
        ("factors", {"kind": "poor", "item": "base", "percent": "200"}),
        ("relief", {"category": "general", "item": "base", "percent": "101"}),
        ("relief", {"category": "nobody", "item": "base", "percent": "50"}),
        ("terms", {"rounding": "sideways", "tax_percent": "10", "round_to_yen": "10"}),
        ("terms", {"rounding": "down", "tax_percent": "10", "round_to_yen": "0"}),
        ("terms", {"rounding": "down", "tax_percent": "101", "round_to_yen": "1"}),
    ],
)
def test_a_value_out_of_bounds_is_refused(site: Site, what: str, fields: Mapping[str, Any]) -> None:
    assert change(site, what, {**fields, "valid_from": DAY.isoformat()}).status_code == 400
    assert acts(site) == []


def test_a_booking_is_tried_for_every_class(site: Site) -> None:
    factor = {"kind": "out_of_town", "item": "base", "percent": "200", "valid_from": DAY.isoformat()}
    change(site, "factors", factor)
    assert "1,200円" in tried(site)
    youth = tried(site, category="youth")
    for words in ("減免（使用料 100%）", "-600円", "300円"):
        assert words in youth
    for words in ("使用料（市外2倍）", "1,800円", "うち消費税（10%）163円"):
        assert words in tried(site, out_of_town="1")
    assert "使用料（市外2倍）" not in tried(site, on="2026-11-27", out_of_town="1")


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"first": 1110}, "利用区分に合いません"),
        ({"first": 1200, "last": 1080}, "はじまりより後"),
        ({"category": "nobody"}, "団体の区分を選んでください"),
        ({"on": "someday"}, "日付は"),
    ],
)
def test_a_trial_that_cannot_be_says_why(site: Site, wrong: Mapping[str, Any], words: str) -> None:
    page = tried(site, **wrong)
    assert words in page
    assert "試算の結果" not in page


def test_an_offering_of_nobody_is_not_there(site: Site) -> None:
    assert (
        manager(site)
        .get(
            PAGE,
            query_string={
                "offering": 9999,
                "on": DAY.isoformat(),
                "first": 1080,
                "last": 1200,
                "category": "general",
            },
        )
        .status_code
        == 404
    )


@pytest.mark.parametrize("what", ["rates", "rates/end", "factors", "relief", "terms"])
def test_residents_change_nothing(site: Site, what: str) -> None:
    answer = send(site.resident(), "/sessions", f"{PAGE}/{what}", valid_from=DAY.isoformat())
    assert answer.status_code == 404
    assert site.resident().get(PAGE).status_code == 404


def test_every_change_makes_the_kept_catalogue_old(site: Site) -> None:
    def version() -> int:
        with site.town.database.reading() as session:
            return session.scalars(sa.select(Municipality.catalogue_version)).one()

    seen = {version()}
    change(site, "rates", RATE)
    seen.add(version())
    change(site, "rates/end", {"which": "gym/full/base", "valid_from": "2026-12-01"})
    seen.add(version())
    assert len(seen) == 3
    assert NOW.date() == TODAY
