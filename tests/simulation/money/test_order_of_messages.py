"""Whatever of Stripe's messages comes, how often and in which order: the money ends the same.

Source: reliability.md 4, S13.
"""

from collections.abc import Callable
from datetime import datetime
from random import Random
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments import webhook
from payments.models import Payment, PaymentItem
from payments.states import PaymentState
from tests.simulation.money.replay import Walk, Walked, wander
from tests.simulation.money.stories import STORIES

Url = Callable[[], str]
BY_NAME = {story.name: story for story in STORIES}
LONG = {
    "refunded": 5,
    "refund_failed_then_sent_again": 6,
    "dispute_won": 6,
    "dispute_lost": 5,
    "voucher_paid_after_giving_up": 3,
}
"""Stories that are too long to be walked from each point, and how many messages they have when they are told;
what the worker then sets going brings some more.
"""


def the_end(found: Walked) -> str:
    """The one end of all orders."""
    assert found.odd == []
    ends = {end: sorted(had) for end, had in found.ends.items()}
    assert len(ends) == 1, "\n\n".join(f"after {had}:\n{end}" for end, had in ends.items())
    return next(iter(ends))


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - LONG.keys()))
def test_every_order_subset_and_repetition_ends_the_same_at_any_point_of_a_story(
    name: str, fresh_url: Url
) -> None:
    story = BY_NAME[name]
    found = Walk(fresh_url(), story).run()
    assert f'"state": "{story.ends}"' in the_end(found)
    assert found.states >= 2**found.messages - 1


@pytest.mark.parametrize("name", sorted(LONG))
def test_every_order_subset_and_repetition_ends_the_same_after_a_story(name: str, fresh_url: Url) -> None:
    story = BY_NAME[name]
    found = Walk(fresh_url(), story, is_interleaved=False).run()
    assert f'"state": "{story.ends}"' in the_end(found)
    assert found.messages >= LONG[name]
    assert found.states >= 2 ** LONG[name] - 1


@pytest.mark.parametrize("name", sorted(LONG))
def test_random_ways_through_a_long_story_end_the_same(name: str, fresh_url: Url) -> None:
    ends = {wander(fresh_url(), BY_NAME[name], Random(seed)) for seed in range(4)}
    assert len(ends) == 1, "\n\n".join(ends)
    assert f'"state": "{BY_NAME[name].ends}"' in ends.pop()


@pytest.mark.parametrize("name", ["konbini_paid", "refund_failed_then_sent_again"])
def test_random_ways_end_the_same_on_postgresql(
    name: str, fresh_url: Url, fresh_postgres_url: Callable[[], str]
) -> None:
    straight = wander(fresh_url(), BY_NAME[name], Random(0))
    assert "ledger_entry" in straight
    for seed in range(2):
        assert wander(fresh_postgres_url(), BY_NAME[name], Random(seed)) == straight


def test_believing_a_message_about_a_failure_makes_the_end_depend_on_order(
    fresh_url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = webhook._make_payment_due

    def believe(session: Session, payment_id: UUID, event_type: str, now: datetime) -> None:
        if not event_type.endswith("payment_failed"):
            really(session, payment_id, event_type, now)
            return
        over = {"state": PaymentState.EXPIRED, "next_due_at": None}
        session.execute(sa.update(Payment).where(Payment.id == payment_id).values(over))
        items = sa.update(PaymentItem).where(PaymentItem.payment_id == payment_id)
        session.execute(items.values(is_standing=False))

    monkeypatch.setattr(webhook, "_make_payment_due", believe)
    found = Walk(fresh_url(), BY_NAME["declined_then_paid"]).run()
    assert len(found.ends) > 1


def test_believing_that_complete_means_paid_is_noticed(
    fresh_url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = webhook._make_payment_due

    def believe(session: Session, payment_id: UUID, event_type: str, now: datetime) -> None:
        really(session, payment_id, event_type, now)
        if event_type == "checkout.session.completed":
            paid = {"state": PaymentState.SETTLED, "next_due_at": None, "settled_at": now}
            session.execute(sa.update(Payment).where(Payment.id == payment_id).values(paid))

    monkeypatch.setattr(webhook, "_make_payment_due", believe)
    found = Walk(fresh_url(), BY_NAME["konbini_lapsed"]).run()
    assert len(found.ends) > 1
