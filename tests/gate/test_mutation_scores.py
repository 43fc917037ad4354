"""`make mutation` counts what it found and what it did not, and asks for files and tests that are there."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutation.__main__ import AIM_PERCENT, HERE, is_met, scores, settings, table, total

LEDGER = "payments/ledger.py"


def ran(work: Path, codes: Sequence[int | None], name: str = LEDGER) -> None:
    """A run as mutmut leaves it, with the exit codes of its tests."""
    kept = work / "mutants" / f"{name}.meta"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"exit_code_by_key": {f"m{n}": code for n, code in enumerate(codes)}}))


def test_every_file_and_every_test_that_it_names_is_there() -> None:
    named = [*settings()["only_mutate"], *settings()["pytest_add_cli_args_test_selection"]]
    assert [name for name in named if not (HERE / name).exists()] == []
    assert LEDGER in named


def test_a_mistake_is_found_where_tests_fail_or_never_end(tmp_path: Path) -> None:
    ran(tmp_path, [1, 3, 36, -24, 0, 33, 5, None, -11])
    [score] = [one for one in scores(tmp_path) if one.name == LEDGER]
    assert (score.killed, score.of, score.not_reached) == (4, 9, 2)
    assert score.left == ("m4", "m5", "m6", "m7", "m8")
    assert score.percent == pytest.approx(400 / 9)
    assert total(scores(tmp_path)).left == score.left
    shown = table(scores(tmp_path))
    assert "left: m4" in shown
    assert f"{LEDGER:<36}       9       4     5        2   44.4 %" in shown


@pytest.mark.parametrize(("found", "is_enough"), [(90, True), (89, False), (100, True)])
def test_fewer_than_the_aim_are_not_enough(tmp_path: Path, found: int, is_enough: bool) -> None:
    ran(tmp_path, [1] * found + [0] * (100 - found))
    assert AIM_PERCENT == 90
    assert is_met(scores(tmp_path)) is is_enough


def test_a_run_that_planted_nothing_proves_nothing(tmp_path: Path) -> None:
    assert {one.percent for one in scores(tmp_path)} == {100.0}
    assert not is_met(scores(tmp_path))
