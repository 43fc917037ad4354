"""A town's command line, two locks, and the broker that they speak with."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mqtt.shipped import GATEWAY, ShippedBroker, Talker, talking
from tests.integration.app.command_line import CommandLine
from tests.servers.processes import Processes
from tests.servers.schema import copy_sqlite_template

SCHOOLS = ("就将小学校", "義方小学校")


@dataclass(frozen=True)
class Planted:
    """A town made once, to copy: its database, the broker's files, two locks as their installers saw them."""

    database: Path
    broker_dir: Path
    locks: list[dict[str, Any]]


@pytest.fixture(scope="session")
def planted(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    url = copy_sqlite_template(sqlite_template, folder)
    line = CommandLine(url, folder / "broker")
    line.plant()
    assert line.ok("broker-certificates").startswith("changed\n")
    assert line.ok("broker-files") == "changed\n"
    locks = [line.add_lock("--facility", school) for school in SCHOOLS]
    return Planted(Path(url.removeprefix("sqlite:///")), line.broker_dir, locks)


@pytest.fixture
def line(planted: Planted, tmp_path: Path) -> CommandLine:
    """The town's command line; nothing is written for a broker yet."""
    copied = shutil.copy(planted.database, tmp_path / "kaiho.sqlite3")
    return CommandLine(f"sqlite:///{copied}", tmp_path / "broker")


@pytest.fixture
def broker(planted: Planted, line: CommandLine, processes: Processes) -> ShippedBroker:
    """Not started yet; its files are what `kaiho` wrote."""
    shutil.copytree(planted.broker_dir, line.broker_dir)
    return ShippedBroker(line, processes)


@pytest.fixture
def locks(planted: Planted) -> list[dict[str, Any]]:
    """Two locks as their installers were shown them."""
    return planted.locks


def user_of(shown: dict[str, Any]) -> tuple[str, str]:
    """A lock's name and password at the broker."""
    return shown["username"], shown["password"]


@pytest.fixture
def gateway(broker: ShippedBroker, locks: list[dict[str, Any]]) -> Iterator[Talker]:
    """A running broker and a gateway on it that hears every lock."""
    assert len(locks) == 2
    broker.start()
    with talking(broker, GATEWAY) as talker:
        talker.subscribe("kaiho/v1/locks/+/up/#")
        yield talker
