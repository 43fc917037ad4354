"""One sandbox in this process, on a clock that stands still until it is moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sandbox.account import Account, opened_account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """A fresh account that nobody has paid into."""
    with opened_account(tmp_path / "stripe.db") as account:
        yield account
