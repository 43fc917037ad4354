"""A command line over a fresh database."""

from pathlib import Path

import pytest

from tests.integration.app.command_line import CommandLine


@pytest.fixture
def line(database_url: str, tmp_path: Path) -> CommandLine:
    """Over a migrated, empty database; the test runs on SQLite and on PostgreSQL."""
    return CommandLine(database_url, tmp_path / "broker")


@pytest.fixture
def small_line(sqlite_database_url: str, tmp_path: Path) -> CommandLine:
    """The same on SQLite alone, for what does not depend on the database."""
    return CommandLine(sqlite_database_url, tmp_path / "broker")
