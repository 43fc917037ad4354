"""The broker of the demo is as strict as the one that is shipped, and options stand where they work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from booking.demo.broker import mosquitto_command
from locks.envelope import MAX_BYTES
from tests.contract.mqtt.shipped import CONFIGURATION

SECURE = {
    "use_username_as_clientid": "true",
    "tls_version": "tlsv1.2",
    "allow_anonymous": "false",
}
LIMITS = (
    *("max_connections", "max_packet_size", "max_inflight_messages", "max_queued_messages"),
    "persistent_client_expiration",
)
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
def test_every_protection_is_set_once_and_the_listener_stands_first(
    text_of: Callable[[Path], str], tmp_path: Path
) -> None:
    found = options(text_of(tmp_path))
    names = [name for name, _ in found]
    assert names[0] == "listener"
    # An option of the listener binds the one listener above it.
    assert [names.count(name) for name in ("listener", *OF_THE_LISTENER, *SECURE, *LIMITS)] == [1] * (
        1 + len(OF_THE_LISTENER) + len(SECURE) + len(LIMITS)
    )
    assert {name: value for name, value in found if name in SECURE} == SECURE


def test_the_demos_limits_are_the_shipped_ones(tmp_path: Path) -> None:
    limits = [
        {name: value for name, value in options(text) if name in LIMITS}
        for text in (shipped(tmp_path), of_the_demo(tmp_path))
    ]
    assert limits[0] == limits[1]
    assert int(limits[0]["max_packet_size"]) >= MAX_BYTES
    assert all(int(limits[0][name]) > 0 for name in LIMITS[:4])
