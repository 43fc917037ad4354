"""The bench of settlements goes through several rounds in one town."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.bench import measure, settlements
from tests.bench.town import BenchTown
from tests.integration.payments.stripe_double import StripeDouble


def test_rounds_share_one_stripe_for_each_would_number_its_sessions_anew(database_url: str) -> None:
    town = BenchTown(database_url, residents=2)
    town.plant(20)
    try:
        with town.serving(workers=1, threads=2):
            _, held = measure.holds(town, "paid", count=6, clients=2)
        double = StripeDouble(town.services.clock)
        for first in (0, 2):
            assert settlements.by_double(town, double, held[first : first + 2]).per_s > 0
        # The negative control: a Stripe of its own for the next round.
        with pytest.raises(IntegrityError, match="stripe_session_id"):
            settlements.by_double(town, StripeDouble(town.services.clock), held[4:])
    finally:
        town.close()
