"""`make mutation`: plant mistakes in the arithmetic and decisions of money, count those that a test finds.

    python -m tests.mutation [--left] [MUTANT ...]

mutmut plants each mistake in a copy of the sources (var/mutation) and runs the tests that come through the
function it is in. Which files and which tests: `[tool.mutmut]` in pyproject.toml. Ends with 1 under the aim.

`--left` goes on where the last run ended: it tries again what was left over then, with today's tests.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrations.run import upgrade
from tests.mutation.fast_runs import TEMPLATE
from tests.servers.schema import sqlite_url

AIM_PERCENT = 90
CHILDREN = 2
"""Processes at a time; mutmut's own is the third and mostly waits."""
HERE = Path(__file__).parents[2]
WORK = HERE / "var" / "mutation"
SOURCES = ("booking", "core", "firmware_sim", "locks", "migrations", "payments", "tests", "pyproject.toml")

_KILLED = frozenset({1, 3})
_TIMED_OUT = frozenset({-24, 24, 36, 152, 255})
_NOT_REACHED = frozenset({5, 33})


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the mutants of one file, or of all."""

    name: str
    killed: int
    """A test failed, or did not come to an end."""
    not_reached: int
    """No test comes through the function."""
    left: tuple[str, ...]
    """Names of those that no test minded, whether reached or not."""

    @property
    def of(self) -> int:
        """All mutants."""
        return self.killed + len(self.left)

    @property
    def percent(self) -> float:
        """The share that was found; nothing to find is all of it."""
        return 100 * self.killed / self.of if self.of else 100.0


def main() -> int:
    """Run, print the scores, say whether the aim is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--left", action="store_true", help="try again what the last run left over")
    parser.add_argument("mutants", nargs="*", help="only these: names, * stands for anything")
    wanted = parser.parse_args()
    names = list(wanted.mutants)
    if wanted.left:
        names += [name for score in scores() for name in score.left]
        if not names:
            print("Nothing is left over.")
            return 0
    elif not names:
        shutil.rmtree(WORK, ignore_errors=True)
    prepare()
    program = Path(sys.executable).with_name("mutmut")
    ended = subprocess.run([program, "run", "--max-children", str(CHILDREN), *names], cwd=WORK, check=False)
    if ended.returncode:
        return ended.returncode
    found = scores()
    print(table(found))
    return 0 if is_met(found) else 1


def prepare() -> None:
    """A folder that shows mutmut the sources and keeps its copies, and a database with today's tables."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        link = WORK / name
        if not link.is_symlink():
            link.symlink_to(HERE / name)
    (WORK / TEMPLATE).unlink(missing_ok=True)
    upgrade(sqlite_url(WORK / TEMPLATE))


def settings() -> dict[str, list[str]]:
    """What pyproject.toml tells mutmut."""
    read: dict[str, list[str]] = tomllib.loads((HERE / "pyproject.toml").read_text())["tool"]["mutmut"]
    return read


def scores(work: Path = WORK) -> list[Score]:
    """Of the files that mutants are made of, as the last run left them, in the order of pyproject.toml."""
    return [_score(work, name) for name in settings()["only_mutate"]]


def is_met(found: Sequence[Score]) -> bool:
    """Whether tests find enough; that nothing was planted is no proof of anything."""
    return total(found).of > 0 and total(found).percent >= AIM_PERCENT


def _score(work: Path, name: str) -> Score:
    kept = work / "mutants" / f"{name}.meta"
    codes: dict[str, int | None] = json.loads(kept.read_text())["exit_code_by_key"] if kept.exists() else {}
    killed = sum(code in _KILLED | _TIMED_OUT for code in codes.values())
    left = [key for key, code in codes.items() if code not in _KILLED | _TIMED_OUT]
    return Score(name, killed, sum(code in _NOT_REACHED for code in codes.values()), tuple(left))


def total(found: Sequence[Score]) -> Score:
    """All files together."""
    left = tuple(name for score in found for name in score.left)
    return Score("all", sum(score.killed for score in found), sum(score.not_reached for score in found), left)


def table(found: Sequence[Score]) -> str:
    """As printed: what is left over, then a row for each file."""
    lines = [f"left: {name}" for score in found for name in score.left]
    if lines:
        lines.append("What one changes: cd var/mutation && ../../.venv/bin/mutmut show NAME\n")
    lines.append(f"{'file':<36}{'mutants':>8}{'found':>8}{'left':>6}{'no test':>9}{'score':>9}")
    for score in (*found, total(found)):
        figures = f"{score.of:>8}{score.killed:>8}{len(score.left):>6}{score.not_reached:>9}"
        lines.append(f"{score.name:<36}{figures}{score.percent:>7.1f} %")
    return "\n".join([*lines, f"aim: {AIM_PERCENT} % of all"])


if __name__ == "__main__":
    sys.exit(main())
