"""Whoever follows a document finds what it names."""

import re

import click
import pytest

from booking.app.cli import main
from tests.gate.documents import code_of, path_exists, paths_of, wrong_commands
from tests.gate.tracked import tracked_files
from tests.servers.processes import ROOT

PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    *(name for name in tracked_files() if re.fullmatch(r"docs/.*\.md", name)),
]


@pytest.fixture(scope="module")
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_a_document_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [path for path in paths_of(text) if not path_exists(path)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_document_exists(page: str, make_targets: set[str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [wrong for line in code_of(text) for wrong in wrong_commands(line, main, make_targets)] == []


def test_the_first_pages_name_paths_and_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    architecture = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert {"make demo", "make test"} <= {line.partition("#")[0].strip() for line in code_of(readme)}
    assert len(list(paths_of(architecture))) >= 10


def test_every_make_target_is_announced_at_the_top_of_the_makefile(make_targets: set[str]) -> None:
    assert {"setup", "demo", "test", "bench", "lint", "clean"} <= make_targets


@pytest.mark.parametrize(
    "line,wrong",
    [
        ("make demo", []),
        ("make demo ARGS=--tour", []),
        ("cd kaiho && make test", []),
        ("make dmeo", ["make dmeo"]),
        ("kaiho demo --tour", []),
        (".venv/bin/kaiho lock add --access-point 見本 --json", []),
        ("kaiho demo --tuor", ["kaiho demo --tuor"]),
        ("kaiho lokc add", ["kaiho lokc"]),
        ("kaiho lock remove-all", ["kaiho lock remove-all"]),
        ("python -m firmware_sim", []),
        ("python -m no_such_module", ["python -m no_such_module"]),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(
    line: str, wrong: list[str], make_targets: set[str]
) -> None:
    assert isinstance(main, click.Group)
    assert wrong_commands(line, main, make_targets) == wrong


@pytest.mark.parametrize(
    "path,exists",
    [
        ("core/clock.py", True),
        ("clock.py", True),
        ("tests/gate/", True),
        ("migrations/versions/*.py", True),
        ("var/demo/environment", True),
        ("core/clokc.py", False),
        ("no_such.py", False),
        ("gaet/", False),
    ],
)
def test_a_path_that_does_not_exist_is_noticed(path: str, exists: bool) -> None:
    assert list(paths_of(f"see `{path}` here")) == [path]
    assert path_exists(path) is exists
