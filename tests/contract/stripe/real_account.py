"""Runs `test_stripe_api.py` against Stripe's own test mode, where a key and the internet are at hand.

    pytest -p tests.contract.stripe.real_account --confcutdir tests/contract \\
        --stripe-secret-key sk_test_... tests/contract/stripe/test_stripe_api.py

`--confcutdir` leaves out the guard that keeps every other test on this machine. Paying needs a person on
Stripe's own page, so the files that pay or plan faults are for the sandbox.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The key of an account in test mode."""
    parser.addoption("--stripe-secret-key", dest="stripe_secret_key", default=None)
