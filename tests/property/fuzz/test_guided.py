"""The same judge under coverage guidance; longer by hand: `python -m tests.fuzz --seconds 600`."""

import platform
import sys
import warnings
from pathlib import Path

import pytest

from tests.fuzz import campaign
from tests.fuzz.decoders import PLANTED

SECONDS = 20
HAS_WHEEL = sys.version_info < (3, 14) and sys.platform == "linux" and platform.machine() == "x86_64"
"""Where atheris 3.0.0 can be had; the development requirements ask for it under the same condition."""


class NotRun(UserWarning):
    """A part of the tests that this machine cannot run."""


def can_run() -> bool:
    """Whether atheris is here; not there where it should be is a failure, elsewhere it is said aloud."""
    if campaign.is_available():
        return True
    assert not HAS_WHEEL, "atheris is missing: run `make setup`"
    where = f"Python {platform.python_version()} on {sys.platform}/{platform.machine()}"
    warnings.warn(
        f"NOT RUN: there is no atheris for {where}; the guided fuzz did not run", NotRun, stacklevel=2
    )
    return False


@pytest.mark.filterwarnings("always::tests.property.fuzz.test_guided.NotRun")
def test_guided_octets_find_nothing(tmp_path: Path) -> None:
    if can_run():
        outcome = campaign.run(tmp_path, seconds=SECONDS)
        assert outcome.finding == ""
        assert outcome.figures["executions"] > 300
        assert outcome.figures["covered"] > 300


@pytest.mark.filterwarnings("always::tests.property.fuzz.test_guided.NotRun")
@pytest.mark.parametrize("plant", sorted(PLANTED))
def test_guided_octets_find_a_broken_decoder(tmp_path: Path, plant: str) -> None:
    """Negative control, from sound messages alone."""
    if can_run():
        assert "Finding" in campaign.run(tmp_path, seconds=3 * SECONDS, plant=plant).finding
