"""One run of the guided fuzz in a process of its own, and its figures."""

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from tests.fuzz import corpus
from tests.servers.processes import ROOT

MAX_LENGTH = 8192


@dataclass(frozen=True, slots=True)
class Outcome:
    """`finding` is empty where nothing was found."""

    figures: dict[str, int]
    finding: str


def is_available() -> bool:
    """Whether atheris is installed for this Python."""
    return find_spec("atheris") is not None


def run(folder: Path, *, seconds: int, plant: str | None = None) -> Outcome:
    """Fuzz for so long, or until something is found; the corpus in `folder` grows.

    A planted defect has to be found from sound messages alone: none that shows it is handed to the fuzzer.

    Raises:
        RuntimeError: the fuzzer itself did not work.
    """
    words = corpus.write(folder, corpus.sound() if plant else chain(corpus.sound(), corpus.unsound()))
    command = [sys.executable, "-m", "tests.fuzz.guided", plant or "-", str(folder / "corpus")]
    command += [f"-max_total_time={seconds}", f"-dict={words}", f"-artifact_prefix={folder}/", "-seed=1"]
    command += [f"-max_len={MAX_LENGTH}", "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=seconds + 120, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    finding = re.search(r"(?m)^\S*(?:Finding|Error|Exception)\b.*$|^.*(?:timeout|out-of-memory).*$", said)
    executions = _last(said, r"stat::number_of_executed_units: (\d+)") or _last(said, r"(?m)^#(\d+)\s")
    if done.returncode not in (0, 77) or not executions or (done.returncode == 77 and finding is None):
        raise RuntimeError(f"the fuzzer ended with {done.returncode}:\n{said[-4000:]}")
    figures = {
        "seconds": seconds,
        "executions": executions,
        "covered": _last(said, r"\bcov: (\d+)"),
        "features": _last(said, r"\bft: (\d+)"),
        "corpus": _last(said, r"\bcorp: (\d+)"),
    }
    return Outcome(figures, finding[0].strip()[:2000] if finding and done.returncode == 77 else "")


def _last(text: str, expression: str) -> int:
    found = re.findall(expression, text)
    return int(found[-1]) if found else 0
