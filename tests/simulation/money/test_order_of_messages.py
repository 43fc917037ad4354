"""Whatever of Stripe's messages comes, how often and in which order: the money ends the same.

Source: reliability.md 4, S13.
"""

from collections.abc import Callable

import pytest

from tests.simulation.money.replay import Walk, Walked
from tests.simulation.money.stories import STORIES

Url = Callable[[], str]
BY_NAME = {story.name: story for story in STORIES}


def the_end(found: Walked) -> str:
    """The one end of all orders."""
    assert found.odd == []
    ends = {end: sorted(had) for end, had in found.ends.items()}
    assert len(ends) == 1, "\n\n".join(f"after {had}:\n{end}" for end, had in ends.items())
    return next(iter(ends))


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_order_subset_and_repetition_of_a_story_ends_the_same(name: str, fresh_url: Url) -> None:
    found = Walk(fresh_url(), BY_NAME[name]).run()
    end = the_end(found)
    story = BY_NAME[name]
    assert f'"state": "{story.ends}"' in end
    assert found.states >= 2**found.messages
