"""What comes back when: which policy is sold, what it gives at each instant, to the second and the yen."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from booking.places.entries import PolicyEntry
from booking.places.models import SpaceKind
from booking.refunding.policies import MAX_STAGES, Terms, require_sensible
from booking.refunding.policy import (
    BackQuote,
    Cause,
    Stage,
    Why,
    as_sold,
    kept_of,
    policy_of,
    quote_back,
    stages_of,
    unused_percent_of,
)
from booking.reservations.words import back_reason, before_start, refund_cause
from core.errors import BadInput, ContractBroken
from core.window import Window
from tests.unit.booking.places import FULL, catalogue

NOW = datetime.fromisoformat("2026-11-21T09:00:00+09:00")
START = datetime.fromisoformat("2026-11-28T18:00:00+09:00")
WINDOW = Window(START, START + timedelta(hours=2))
TODAY = date(2026, 11, 21)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def entry(
    *stages: tuple[int, int],
    facility_id: int | None = None,
    space_kind: str | None = None,
    valid_from: date = TODAY,
    kept_yen: int = 0,
    unused_percent: int = 0,
    alert_percent: int = 100,
) -> PolicyEntry:
    return PolicyEntry(facility_id, space_kind, valid_from, stages, kept_yen, unused_percent, alert_percent)


def policy(*stages: tuple[int, int], **terms: int) -> dict[str, Any]:
    sold = [{"before_s": before_s, "percent": percent} for before_s, percent in stages]
    return {"version": 2, "stages": sold, "free_cancel_until": START.isoformat(), **terms}


STAGED = policy((30 * 86400, 100), (7 * 86400, 50))
OLD = {"free_cancel_until": (START - DAY).isoformat()}


def back(
    terms: dict[str, Any], before: timedelta, amount_yen: int = 1001, cause: Cause = Cause.OWN
) -> BackQuote:
    return quote_back(terms, amount_yen, START, START - before, cause=cause)


def test_a_day_before_counts_to_the_second_for_what_was_sold_before_there_were_policies() -> None:
    assert back(OLD, DAY) == BackQuote(1001, 1001, 100, 0, Why.IN_TIME, START - DAY)
    assert back(OLD, DAY - SECOND) == BackQuote(0, 1001, 0, 0, Why.TOO_LATE)
    assert (back(OLD, DAY).is_free, back(OLD, DAY - SECOND).is_free) == (True, False)
    assert back(OLD, HOUR, cause=Cause.ALERT).refund_yen == 1001
    assert back(OLD, HOUR, cause=Cause.UNUSED).refund_yen == 0
    assert (unused_percent_of(OLD), kept_of(OLD)) == (0, 0)


def test_stages_give_their_percent_until_their_last_second_rounded_down() -> None:
    assert back(STAGED, 30 * DAY) == BackQuote(1001, 1001, 100, 0, Why.IN_TIME, START - 30 * DAY)
    assert back(STAGED, 30 * DAY - SECOND) == BackQuote(500, 1001, 50, 0, Why.STAGED, START - 7 * DAY)
    assert back(STAGED, 7 * DAY) == BackQuote(500, 1001, 50, 0, Why.STAGED, START - 7 * DAY)
    assert back(STAGED, 7 * DAY - SECOND) == BackQuote(0, 1001, 0, 0, Why.TOO_LATE)
    assert back(STAGED, 8 * DAY).lost_yen == 501


def test_a_policy_without_stages_never_gives_anything() -> None:
    assert back(policy(), 300 * DAY) == BackQuote(0, 1001, 0, 0, Why.NEVER)
    assert stages_of(policy(), 1001, START) == [Stage(None, 0, 0)]


def test_the_kept_fee_is_taken_off_and_never_more_than_there_is() -> None:
    kept = policy((86400, 100), (0, 10), kept_yen=300)
    assert back(kept, DAY) == BackQuote(701, 1001, 100, 300, Why.IN_TIME, START - DAY)
    assert back(kept, HOUR) == BackQuote(0, 1001, 10, 100, Why.STAGED, START)
    assert not back(kept, DAY).is_free
    assert kept_of(kept) == 300


@pytest.mark.parametrize("before", [30 * DAY, HOUR, -HOUR])
def test_the_operators_cause_is_always_full_and_nothing_is_kept(before: timedelta) -> None:
    kept = policy((86400, 50), kept_yen=300)
    assert back(kept, before, cause=Cause.OPERATOR) == BackQuote(1001, 1001, 100, 0, Why.OPERATOR)


def test_an_alert_counts_before_the_start_alone_and_keeps_no_fee() -> None:
    terms = policy((86400, 50), kept_yen=300, alert_percent=80)
    assert back(terms, SECOND, cause=Cause.ALERT) == BackQuote(800, 1001, 80, 0, Why.ALERT, START)
    assert back(terms, 0 * SECOND, cause=Cause.ALERT) == BackQuote(0, 1001, 0, 0, Why.TOO_LATE)
    assert back(terms, SECOND) == BackQuote(0, 1001, 0, 0, Why.TOO_LATE)


def test_an_alert_never_gives_less_than_giving_up_without_one() -> None:
    terms = policy((86400, 90), alert_percent=50)
    assert back(terms, DAY, cause=Cause.ALERT) == back(terms, DAY)
    assert back(policy((86400, 50), alert_percent=50), DAY, cause=Cause.ALERT).why is Why.STAGED
    assert back(policy((86400, 50)), HOUR, cause=Cause.ALERT).percent == 100


def test_what_nobody_used_gives_its_percent_less_the_kept_fee() -> None:
    terms = policy((86400, 100), unused_percent=50, kept_yen=100)
    assert back(terms, -HOUR, cause=Cause.UNUSED) == BackQuote(400, 1001, 50, 100, Why.UNUSED)
    assert unused_percent_of(terms) == 50


@pytest.mark.parametrize("cause", list(Cause))
def test_nothing_paid_gives_nothing_and_costs_nothing(cause: Cause) -> None:
    assert back(STAGED, HOUR, 0, cause) == BackQuote(0, 0, 100, 0, Why.NOTHING_PAID)
    assert back(STAGED, HOUR, 0, cause).is_free
    with pytest.raises(ContractBroken, match=r"^nobody pays less than nothing$"):
        back(STAGED, HOUR, -1, cause)


def test_a_yen_is_the_least_that_comes_back() -> None:
    assert back(policy((0, 100)), HOUR, 1).refund_yen == 1
    assert back(policy((0, 99)), HOUR, 1).refund_yen == 0
    assert back(policy((0, 1)), HOUR, 100).refund_yen == 1


def test_stages_are_listed_from_the_earliest_deadline_with_what_is_left_at_the_end() -> None:
    shuffled = policy((7 * 86400, 50), (30 * 86400, 100), kept_yen=1)
    assert stages_of(shuffled, 1001, START) == [
        Stage(START - 30 * DAY, 100, 1000),
        Stage(START - 7 * DAY, 50, 499),
        Stage(None, 0, 0),
    ]
    assert stages_of(OLD, 600, START) == [Stage(START - DAY, 100, 600), Stage(None, 0, 0)]


def test_a_stage_that_gives_nothing_is_no_stage() -> None:
    assert stages_of(policy((86400, 100), (0, 0)), 600, START) == [
        Stage(START - DAY, 100, 600),
        Stage(None, 0, 0),
    ]


def test_without_a_row_the_rule_of_the_municipality_is_sold() -> None:
    places = catalogue()
    sold = as_sold(places, places.offering(FULL), WINDOW, now=NOW)
    assert sold == {
        "version": 2,
        "stages": [{"before_s": 86400, "percent": 100}],
        "kept_yen": 0,
        "unused_percent": 0,
        "alert_percent": 100,
        "free_cancel_until": (START - DAY).isoformat(),
    }
    assert policy_of(places, places.offering(FULL), now=NOW) == entry((86400, 100))


def test_what_is_sold_holds_all_the_terms_and_until_when_it_is_free() -> None:
    chosen = entry((30 * 86400, 100), (20 * 86400, 100), (7 * 86400, 50), unused_percent=30, alert_percent=70)
    places = replace(catalogue(), refund_policies=(chosen,))
    sold = as_sold(places, places.offering(FULL), WINDOW, now=NOW)
    assert sold["stages"] == [
        {"before_s": 30 * 86400, "percent": 100},
        {"before_s": 20 * 86400, "percent": 100},
        {"before_s": 7 * 86400, "percent": 50},
    ]
    assert (sold["kept_yen"], sold["unused_percent"], sold["alert_percent"]) == (0, 30, 70)
    assert sold["free_cancel_until"] == (START - 20 * DAY).isoformat()


@pytest.mark.parametrize("chosen", [entry((86400, 100), kept_yen=1), entry((86400, 99)), entry()])
def test_what_is_never_free_is_free_until_now(chosen: PolicyEntry) -> None:
    places = replace(catalogue(), refund_policies=(chosen,))
    sold = as_sold(places, places.offering(FULL), WINDOW, now=NOW)
    assert sold["free_cancel_until"] == NOW.isoformat()
    assert sold["kept_yen"] == chosen.kept_yen


def test_the_narrowest_scope_counts_then_the_newest_day_then_the_last_written() -> None:
    town = entry((1, 10))
    kind = entry((1, 20), space_kind="gym", valid_from=TODAY - 2 * DAY)
    facility = entry((1, 30), facility_id=1, valid_from=TODAY - 3 * DAY)
    both = entry((1, 40), facility_id=1, space_kind="gym", valid_from=TODAY - 4 * DAY)
    ladder = [town, kind, facility, both]
    for count in range(1, 5):
        for order in (ladder[:count], ladder[:count][::-1]):
            places = replace(catalogue(), refund_policies=tuple(order))
            assert policy_of(places, places.offering(FULL), now=NOW) == ladder[count - 1]
    older = entry((1, 50), valid_from=TODAY - DAY)
    places = replace(catalogue(), refund_policies=(town, older))
    assert policy_of(places, places.offering(FULL), now=NOW) == town
    again = entry((1, 60))
    places = replace(catalogue(), refund_policies=(town, again))
    assert policy_of(places, places.offering(FULL), now=NOW) == again


def test_others_places_and_days_to_come_do_not_count() -> None:
    strangers = (
        entry((1, 1), facility_id=2),
        entry((1, 2), space_kind="ground"),
        entry((1, 3), valid_from=TODAY + DAY),
        entry((1, 4), facility_id=1, space_kind="ground"),
    )
    places = replace(catalogue(), refund_policies=strangers)
    assert policy_of(places, places.offering(FULL), now=NOW).stages == ((86400, 100),)
    midnight = datetime.fromisoformat("2026-11-22T00:00:00+09:00")
    assert policy_of(places, places.offering(FULL), now=midnight - SECOND).stages == ((86400, 100),)
    assert policy_of(places, places.offering(FULL), now=midnight).stages == ((1, 3),)
    assert places.offering(FULL).space_kind is SpaceKind.GYM


GOOD = Terms(((30 * 86400, 100), (7 * 86400, 50)), 0, 0, 100)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (replace(GOOD, stages=((9, 9), (8, 8), (7, 7), (6, 6), (5, 5))), "段階"),
        (replace(GOOD, stages=((1, 101),)), "割合"),
        (replace(GOOD, stages=((1, -1),)), "割合"),
        (replace(GOOD, unused_percent=101), "割合"),
        (replace(GOOD, alert_percent=-1), "割合"),
        (replace(GOOD, stages=((400 * 86400 + 1, 100),)), "期限"),
        (replace(GOOD, stages=((-1, 100),)), "期限"),
        (replace(GOOD, stages=((2, 100), (2, 50))), "早い期限"),
        (replace(GOOD, stages=((2, 50), (1, 50))), "早い期限"),
        (replace(GOOD, stages=((1, 0),)), "戻らない"),
        (replace(GOOD, kept_yen=-1), "手数料"),
        (replace(GOOD, kept_yen=1_000_001), "手数料"),
    ],
)
def test_terms_that_nobody_could_be_told_are_refused(terms: Terms, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        require_sensible(terms)
    assert words in refused.value.sentence


@pytest.mark.parametrize(
    "terms",
    [
        GOOD,
        replace(GOOD, stages=()),
        replace(GOOD, stages=((400 * 86400, 100), (3, 99), (2, 2), (0, 1)), kept_yen=1_000_000),
        replace(GOOD, unused_percent=100, alert_percent=0),
    ],
)
def test_terms_at_the_edges_pass(terms: Terms) -> None:
    require_sensible(terms)
    assert len(terms.stages) <= MAX_STAGES


def test_every_reason_and_cause_has_its_words() -> None:
    quotes = [BackQuote(5, 10, 50, 3, why) for why in Why]
    sentences = [back_reason(quote) for quote in quotes]
    assert len(set(sentences)) == len(Why)
    assert back_reason(quotes[list(Why).index(Why.STAGED)]) == (
        "取消しの期限により、お支払いの50%をお返しします。取消手数料3円を差し引きます。"
    )
    assert back_reason(BackQuote(10, 10, 100, 0, Why.IN_TIME)) == "取消しの期限前です。全額をお返しします。"
    assert (
        back_reason(BackQuote(7, 10, 100, 3, Why.IN_TIME))
        == "取消しの期限前です。取消手数料3円を差し引きます。"
    )
    assert (refund_cause("late:01"), refund_cause("cancelled")) == ("遅れて届いたお支払い", "取消し")
    assert [before_start(s) for s in (0, 3600, 86400, 36 * 3600)] == [
        "開始まで",
        "開始の1時間前まで",
        "開始の1日前の同じ時刻まで",
        "開始の36時間前まで",
    ]
