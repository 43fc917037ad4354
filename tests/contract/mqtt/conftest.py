"""A town's command line, two locks, and the broker that they speak with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mqtt.shipped import GATEWAY, ShippedBroker, Talker, talking
from tests.integration.app.command_line import CommandLine
from tests.servers.processes import Processes

SCHOOLS = ("福生東小学校", "義方小学校")


@pytest.fixture
def line(sqlite_database_url: str, tmp_path: Path) -> CommandLine:
    started = CommandLine(sqlite_database_url, tmp_path / "broker")
    started.plant()
    return started


@pytest.fixture
def broker(line: CommandLine, processes: Processes) -> ShippedBroker:
    """Not started yet; its files are what `kaiho` wrote."""
    assert line.ok("broker-certificates").startswith("changed\n")
    assert line.ok("broker-files") == "changed\n"
    return ShippedBroker(line, processes)


@pytest.fixture
def locks(line: CommandLine, broker: ShippedBroker) -> list[dict[str, Any]]:
    """Two locks as their installers were shown them."""
    assert broker.line is line
    return [line.add_lock("--facility", school) for school in SCHOOLS]


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
