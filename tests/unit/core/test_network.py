"""Whose tries count together."""

import pytest

from core.network import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::2", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unix", "unix"),
        (None, ""),
    ],
)
def test_the_addresses_of_one_household_are_one_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
