"""The arrows between packages and the banned names are held by a program, and the program would notice."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.processes import ROOT

BIN = Path(sys.executable).parent

LAYERS = "booking knows locks and payments, all know core, and no arrow points back"
PLANTED_IMPORTS = [
    ("core/planted.py", "import booking", LAYERS),
    ("core/planted.py", "import payments", LAYERS),
    ("locks/planted.py", "import payments", LAYERS),
    ("payments/planted.py", "import locks", LAYERS),
    ("payments/planted.py", "import booking", LAYERS),
    ("firmware_sim/planted.py", "import core", "the simulated door shares no code with us"),
    ("locks/planted.py", "import firmware_sim", "we share no code with the simulated door"),
    ("payments/sandbox/planted.py", "import core", "the Stripe sandbox imports none of ours"),
    ("payments/sandbox/planted.py", "import payments.port", "the Stripe sandbox imports none of ours"),
    ("payments/planted.py", "import payments.sandbox", "nobody imports the Stripe sandbox"),
    ("booking/planted.py", "import payments.sandbox", "nobody imports the Stripe sandbox"),
    ("locks/planted.py", "import migrations", "only the command line and the demo run migrations"),
]


def _contracts_of(folder: Path) -> dict[str, bool]:
    """Whether each contract is kept in `folder`, by name."""
    done = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    kept = {line.removesuffix(" KEPT"): True for line in lines if line.endswith(" KEPT")}
    broken = {line.removesuffix(" BROKEN"): False for line in lines if line.endswith(" BROKEN")}
    assert kept or broken, done.stdout + done.stderr
    return kept | broken


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """The packages' names, empty, under the contracts of the real ones."""
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    names = (
        "booking",
        "booking/app",
        "booking/demo",
        "core",
        "firmware_sim",
        "locks",
        "migrations",
        "payments",
        "payments/sandbox",
    )
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "payments" / "port.py").touch()
    return tmp_path


def test_no_arrow_between_packages_points_back() -> None:
    assert set(_contracts_of(ROOT).values()) == {True}


def test_packages_that_do_not_know_each_other_keep_every_contract(skeleton: Path) -> None:
    assert set(_contracts_of(skeleton).values()) == {True}


@pytest.mark.parametrize("file,line,contract", PLANTED_IMPORTS)
def test_an_arrow_that_points_back_is_refused(skeleton: Path, file: str, line: str, contract: str) -> None:
    (skeleton / file).write_text(line + "\n", encoding="utf-8")
    assert _contracts_of(skeleton)[contract] is False


def _codes_of(code: str, file: str) -> dict[str, str]:
    """What ruff says about `code` if it stood in `file`: rule and message."""
    done = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--output-format", "json", "--stdin-filename", file, "-"],
        cwd=ROOT,
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )
    return {finding["code"]: finding["message"] for finding in json.loads(done.stdout)}


BANNED = [
    ("from datetime import UTC, datetime\n\nMADE_AT = datetime.now(UTC)\n", "core/clock.py"),
    ("from datetime import date\n\nMADE_ON = date.today()\n", "core/clock.py"),
    ("import time\n\nMADE = time.time()\n", "core/clock.py"),
    ("from time import time\n\nMADE = time()\n", "core/clock.py"),
    ("from sqlalchemy import func\n\nMADE = func.now()\n", "core/clock.py"),
    ("import sqlalchemy as sa\n\nMADE = sa.func.now()\n", "core/clock.py"),
    ("import uuid\n\nMADE = uuid.uuid4()\n", "core/ids.py"),
    ("import random\n\nMADE = random.Random(1)\n", "core/ids.py"),
    ("import secrets\n\nMADE = secrets.token_hex()\n", "core/ids.py"),
    ("import os\n\nMADE = os.environ\n", "core/settings.py"),
    ("from os import getenv\n\nMADE = getenv('A')\n", "core/settings.py"),
    ("from unittest.mock import patch\n\nMADE = patch\n", None),
]


@pytest.mark.parametrize("code,owner", BANNED)
def test_a_banned_name_is_refused_with_its_cure(code: str, owner: str | None) -> None:
    message = _codes_of(code, "booking/planted.py")["TID251"]
    assert any(cure in message for cure in ("core.", "keyword", "Bind", "double"))
    if owner is not None:
        assert "TID251" not in _codes_of(code, owner)


def test_a_harmless_line_is_not_refused() -> None:
    assert _codes_of("import time\n\nSTARTED = time.monotonic()\n", "booking/planted.py") == {}
