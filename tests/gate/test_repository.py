"""What may not be in the repository, and what must agree with what."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from migrations.run import configuration
from tests.gate.tracked import tracked_files, tracked_texts
from tests.servers.processes import ROOT

OURS = ("booking", "core", "firmware_sim", "locks", "migrations", "payments", "wsgi")

# Written in two halves, so that this file does not find itself.
FORBIDDEN = {
    "a registry's host": r"(?:py"
    r"pi\.org|pythonhos"
    r"ted\.org|npm"
    r"js\.org|npm"
    r"js\.com|index-"
    r"url)",
    "a machine's path": r"(?<![\w.-])/(?:wo" r"rk|ro" r"ot|ho" r"me)/\w",
    "a scratch folder": r"(?<![\w.-])/tm" r"p/(?:brief|bash)",
    "a note to self": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
}
FORBIDDEN_IN_TESTS = {
    "a test that is not run": r"pytest\.(?:mark\.)?(?:sk" r"ip|xf" r"ail|import" r"orskip)",
    "a patched neighbour": r"mock\.pat" r"ch",
}


def _lines_with(pattern: str, texts: dict[Path, str]) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if expression.search(line)
    ]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds_what_belongs_to_one_machine(what: str) -> None:
    assert _lines_with(FORBIDDEN[what], tracked_texts()) == []


@pytest.mark.parametrize("what", FORBIDDEN_IN_TESTS)
def test_every_test_is_run_against_the_real_thing(what: str) -> None:
    texts = {path: text for path, text in tracked_texts().items() if path.parts[0] == "tests"}
    assert _lines_with(FORBIDDEN_IN_TESTS[what], texts) == []


@pytest.mark.parametrize(
    "what,line",
    [
        ("a registry's host", "https://" + "py" + "pi.org/simple"),
        ("a machine's path", "see " + "/ro" + "ot/x"),
        ("a scratch folder", "/tm" + "p/brief/x"),
        ("a note to self", "# TO" + "DO later"),
    ],
)
def test_what_may_not_be_in_a_file_would_be_found(what: str, line: str) -> None:
    assert _lines_with(FORBIDDEN[what], {Path("planted"): line}) == [f"planted:1: {line}"]


def test_every_python_package_is_pinned_with_its_hashes() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 40
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_requirements_hold_exactly_the_versions_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==([^\s;]+)", text, re.MULTILINE))
    wanted = dict(re.sub(r"\[[\w,]+\]|;.*", "", entry).split("==") for entry in asked)
    assert {name: pinned.get(name) for name in wanted} == wanted


def test_every_imported_package_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {_normal(re.split(r"[\[=]", entry)[0]) for entry in project["dependencies"]}
    provided_by = packages_distributions()
    missing = set()
    for name in tracked_files():
        if not name.endswith(".py") or name.split("/")[0].removesuffix(".py") not in OURS:
            continue
        for top in _imported_by((ROOT / name).read_text(encoding="utf-8")):
            if top in OURS or top in sys.stdlib_module_names:
                continue
            if not {_normal(distribution) for distribution in provided_by.get(top, [top])} & asked:
                missing.add((name, top))
    assert missing == set()


def _normal(distribution: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _imported_by(code: str) -> set[str]:
    tree = ast.parse(code)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def test_front_end_packages_are_pinned_by_content_and_name_no_host() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [
        name for name, package in packages.items() if not package["integrity"].startswith("sha512-")
    ] == []
    manifest = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    for name, version in {**manifest["dependencies"], **manifest["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_migrations_have_one_head_and_are_numbered_without_gaps() -> None:
    scripts = ScriptDirectory.from_config(configuration("sqlite://"))
    assert len(scripts.get_heads()) == 1
    newest_first = [Path(script.path).name for script in scripts.walk_revisions()]
    assert [name[:5] for name in reversed(newest_first)] == [
        f"{n:04}_" for n in range(1, len(newest_first) + 1)
    ]


def test_every_test_file_lies_in_a_layer_and_is_found() -> None:
    outside = [
        name
        for name in tracked_files()
        if Path(name).name.startswith("test_")
        and name.endswith(".py")
        and (Path(name).parts[1] not in _layers() or not (ROOT / name).with_name("__init__.py").exists())
    ]
    assert outside == []


def _layers() -> set[str]:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = configured["tool"]["pytest"]["ini_options"]["markers"]
    return {marker.split(":")[0] for marker in markers}


@pytest.mark.parametrize("program", ["deploy/setup", ".ci/run"])
def test_a_program_can_be_run_as_it_is(program: str) -> None:
    assert (ROOT / program).stat().st_mode & 0o111 == 0o111
