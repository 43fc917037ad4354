"""The bench of Stripe's messages takes a whole burst, and notices one that is not taken."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from tests.bench.town import BenchTown
from tests.bench.webhooks import burst, figures_of


def test_a_burst_is_taken_whole_and_a_forged_one_is_noticed(database_url: str) -> None:
    town = BenchTown(database_url, residents=1)
    try:
        with town.serving(workers=1, threads=4):
            found = burst(town, events=40, connections=4)
            assert (found.stored, found.due) == (30, 10)
            assert 0 < found.waits.p50 <= found.waits.p99
            # The negative control: a sender whose secret is another.
            town.settings = town.settings.model_copy(update={"stripe_webhook_secret": SecretStr("whsec_x")})
            with pytest.raises(AssertionError, match="bad_signature"):
                burst(town, events=4, connections=1)
    finally:
        town.close()
    lines = figures_of("SQLite", [found], [0.001], 4)
    assert lines[0].what == "webhook: 40 signed messages at once, 4 connections"
    slow = replace(found, waits=replace(found.waits, p99=2.0))
    assert [line.is_met for line in figures_of("SQLite", [slow], [0.001], 4)] == [None, False]
