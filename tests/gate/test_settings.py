"""What an operator reads about settings and commands is what the program knows."""

import re
from typing import Any

import click
import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from booking.app.cli import main
from core.settings import Settings
from tests.gate.documents import code_of
from tests.servers.processes import ROOT

REQUIRED = "– (required)"


def known() -> dict[str, str]:
    """Every setting with its default, as the page writes it."""
    return {f"KAIHO_{name.upper()}": _written(field.default) for name, field in Settings.model_fields.items()}


def _written(default: Any) -> str:
    if default is PydanticUndefined:
        return REQUIRED
    if default is None:
        return "none"
    text = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
    if isinstance(default, bool):
        text = text.lower()
    return f"`{text}`" if text else "empty"


def described(page: str) -> dict[str, str]:
    """Every setting of the page's table with the default that stands there."""
    found: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`KAIHO_[^|]+) \| ([^|]+) \|", page, re.MULTILINE):
        variables = re.findall(r"`(KAIHO_\w+)`", names)
        given = [default.strip() for default in defaults.split(",")]
        # One default for several settings is that of each.
        found |= dict(zip(variables, given * len(variables) if len(given) == 1 else given, strict=False))
    return found


def variables_of(file: str) -> set[str]:
    """What a file of settings sets."""
    return set(re.findall(r"^(\w+)=", file, re.MULTILINE))


def commands_of(group: click.Group, said: str = "kaiho") -> list[str]:
    """Every command, as one types it."""
    found = []
    for name, command in group.commands.items():
        words = f"{said} {name}"
        found += commands_of(command, words) if isinstance(command, click.Group) else [words]
    return found


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_page_of_settings_lists_each_with_its_default() -> None:
    assert described(read("docs/settings.md")) == known()


@pytest.mark.parametrize(
    "before,after",
    [
        ("`8883`", "`1883`"),
        ("KAIHO_MAIL_FROM", "KAIHO_MAIL_FORM"),
        (REQUIRED, "empty"),
    ],
)
def test_a_page_that_says_otherwise_is_noticed(before: str, after: str) -> None:
    assert described(read("docs/settings.md").replace(before, after)) != known()


def test_the_environment_to_copy_names_known_settings_and_all_that_must_be_set() -> None:
    named = variables_of(read("deploy/environment.example"))
    assert named - known().keys() == set()
    assert {name for name, default in known().items() if default == REQUIRED} <= named
    assert not any("DEMO" in name for name in named)
    assert variables_of("KAIHO_NOTHING=1\n") - known().keys() == {"KAIHO_NOTHING"}


def test_every_command_is_in_the_readme() -> None:
    assert isinstance(main, click.Group)
    commands = commands_of(main)
    assert "kaiho lock add" in commands
    lines = [re.sub(r"kaiho( --environment \S+)?", "kaiho", line) for line in code_of(read("README.md"))]
    missing = [words for words in commands if not any(words in line for line in lines)]
    assert missing == []
