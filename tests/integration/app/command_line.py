"""`kaiho` in this process, as an operator runs it: settings in the environment, words in, sentences out."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from click.testing import CliRunner, Result

from booking.app.cli import main
from booking.app.services import Services
from booking.app.wiring import build_services
from core.settings import Settings

MASTER_KEY = "5a" * 32


class CommandLine:
    """Runs commands over one database and one broker folder."""

    def __init__(self, database_url: str, broker_dir: Path) -> None:
        self.environment = {
            "KAIHO_DATABASE_URL": database_url,
            "KAIHO_SECRET_KEY": "secret-key-of-a-test",
            "KAIHO_MASTER_KEY": MASTER_KEY,
            "KAIHO_BROKER_DIR": str(broker_dir),
            "KAIHO_MQTT_PASSWORD": "gateway-password",
        }
        self.broker_dir = broker_dir

    def run(self, *words: str, **changed: str | None) -> Result:
        """One command; `changed` settings, None for one that is not set."""
        environment: dict[str, str | None] = {**self.environment, **changed}
        configured, root = structlog.get_config(), logging.getLogger()
        handlers, level = list(root.handlers), root.level
        root.handlers.clear()
        try:
            return CliRunner().invoke(main, list(words), env=environment)
        finally:
            # A program sets its logs up for itself alone; this process goes on.
            structlog.configure(**configured)
            root.handlers[:] = handlers
            root.setLevel(level)

    def ok(self, *words: str) -> str:
        """What a command that works says on standard output."""
        done = self.run(*words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def refused(self, *words: str, **changed: str | None) -> str:
        """The one sentence of a command that does not work."""
        done = self.run(*words, **changed)
        assert done.exit_code == 1, done.output
        assert isinstance(done.exception, SystemExit)
        (sentence,) = done.stderr.strip().splitlines()
        assert "Traceback" not in done.output
        assert done.stdout == ""
        return sentence.removeprefix("Error: ")

    def plant(self) -> None:
        """Sample data."""
        self.ok("seed", "--sample-password", "mihon-himitsu")

    def add_lock(self, *words: str) -> dict[str, Any]:
        """What the installer of a new lock is shown."""
        shown: dict[str, Any] = json.loads(self.ok("lock", "add", *words, "--json"))
        return shown


@contextmanager
def services_of(line: CommandLine) -> Iterator[Services]:
    """The collaborators that its commands have."""
    given = {name.removeprefix("KAIHO_").lower(): value for name, value in line.environment.items()}
    services = build_services(Settings.model_validate(given))
    try:
        yield services
    finally:
        services.database.dispose()
