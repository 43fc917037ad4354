"""The broker of the demo is as strict as the one that is shipped, and options stand where they work."""

from pathlib import Path

import pytest

from booking.demo.broker import mosquitto_command
from tests.contract.mqtt.shipped import CONFIGURATION

SECURE = {
    "use_username_as_clientid": "true",
    "tls_version": "tlsv1.2",
    "allow_anonymous": "false",
    "max_connections": "20000",
    "max_packet_size": "65536",
    "max_inflight_messages": "100",
    "max_queued_messages": "10000",
    "persistent_client_expiration": "1d",
}
OF_THE_LISTENER = ("use_username_as_clientid", "certfile", "keyfile", "tls_version", "max_connections")


def options(text: str) -> list[tuple[str, str]]:
    """(name, value) in order, without comments."""
    lines = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, value) for name, value in lines]


def shipped(_folder: Path) -> str:
    return CONFIGURATION.read_text(encoding="utf-8")


def of_the_demo(folder: Path) -> str:
    mosquitto_command(folder, 1884, is_root=False, is_tls=True)
    return (folder / "mosquitto.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize("text_of", [shipped, of_the_demo])
def test_every_protection_is_set_once_and_the_listener_stands_first(text_of: object, tmp_path: Path) -> None:
    assert callable(text_of)
    found = options(text_of(tmp_path))
    names = [name for name, _ in found]
    assert names[0] == "listener"
    assert {name: value for name, value in found if name in SECURE} == SECURE
    assert len([name for name in names if name in SECURE]) == len(SECURE)
    # An option of the listener binds the one listener above it.
    assert set(OF_THE_LISTENER) <= set(names[1:])
