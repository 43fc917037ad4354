"""Whatever the policy, the sum and the instant: never more than was paid, never less than nothing, never
more for waiting.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from booking.refunding.policy import Cause, Why, quote_back, stages_of

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
PERCENT = st.integers(0, 100)
BEFORE = st.integers(-10 * 86400, 60 * 86400)
AMOUNT = st.integers(0, 10**7)


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """Any policy that could be stored, also one whose stages are in no order and give more for waiting."""
    if draw(st.booleans()):
        return {"free_cancel_until": (START - timedelta(seconds=draw(BEFORE))).isoformat()}
    stage = st.fixed_dictionaries({"before_s": st.integers(0, 60 * 86400), "percent": PERCENT})
    return {
        "version": 2,
        "stages": draw(st.lists(stage, max_size=5)),
        "kept_yen": draw(st.integers(0, 2000)),
        "unused_percent": draw(PERCENT),
        "alert_percent": draw(PERCENT),
        "free_cancel_until": START.isoformat(),
    }


def back(policy: dict[str, Any], amount_yen: int, before_s: int, cause: Cause) -> int:
    now = START - timedelta(seconds=before_s)
    return quote_back(policy, amount_yen, START, now, cause=cause).refund_yen


@given(policies(), AMOUNT, BEFORE, st.sampled_from(list(Cause)))
def test_what_comes_back_is_a_part_of_what_was_paid(
    policy: dict[str, Any], amount_yen: int, before_s: int, cause: Cause
) -> None:
    now = START - timedelta(seconds=before_s)
    quote = quote_back(policy, amount_yen, START, now, cause=cause)
    assert 0 <= quote.refund_yen <= amount_yen
    assert quote.refund_yen + quote.lost_yen == amount_yen
    assert isinstance(quote.refund_yen, int)
    assert quote.kept_yen >= 0
    if amount_yen:
        assert quote.refund_yen == amount_yen * quote.percent // 100 - quote.kept_yen


@given(policies(), AMOUNT, BEFORE, BEFORE, st.sampled_from([Cause.OWN, Cause.ALERT]))
@example({"free_cancel_until": START.isoformat()}, 1, 0, 1, Cause.OWN)
def test_earlier_never_gives_less(
    policy: dict[str, Any], amount_yen: int, one: int, other: int, cause: Cause
) -> None:
    late, early = sorted((one, other))
    assert back(policy, amount_yen, early, cause) >= back(policy, amount_yen, late, cause)


@given(policies(), AMOUNT, BEFORE)
def test_an_alert_never_takes_anything_away(policy: dict[str, Any], amount_yen: int, before_s: int) -> None:
    own, alert = (back(policy, amount_yen, before_s, cause) for cause in (Cause.OWN, Cause.ALERT))
    assert alert >= own
    if before_s <= 0:
        assert alert == own


@given(policies(), AMOUNT, BEFORE)
def test_the_operators_cause_is_always_full(policy: dict[str, Any], amount_yen: int, before_s: int) -> None:
    assert back(policy, amount_yen, before_s, Cause.OPERATOR) == amount_yen


@given(policies(), st.integers(1, 10**7), BEFORE)
def test_the_listed_stages_say_what_the_quote_says(
    policy: dict[str, Any], amount_yen: int, before_s: int
) -> None:
    now = START - timedelta(seconds=before_s)
    stages = stages_of(policy, amount_yen, START)
    ahead = next(stage for stage in stages if stage.until is None or now <= stage.until)
    quote = quote_back(policy, amount_yen, START, now, cause=Cause.OWN)
    assert quote.refund_yen == ahead.refund_yen
    assert (quote.why in (Why.TOO_LATE, Why.NEVER)) == (ahead.until is None)
    sums = [stage.refund_yen for stage in stages]
    assert sums == sorted(sums, reverse=True)
