"""The counters of the processes that have no pages."""

from urllib.request import urlopen

import pytest

from tests.servers.loopback import eventually, free_port
from tests.servers.processes import Processes


def told_by(port: int) -> str:
    """The metrics at a port, or nothing while nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("name", "counter"),
    [("worker", "kaiho_worker_failures_total"), ("gateway", "kaiho_lock_messages_total")],
)
def test_worker_and_gateway_tell_what_they_count(
    processes: Processes, sqlite_database_url: str, name: str, counter: str
) -> None:
    port = free_port()
    environment = {
        "KAIHO_DATABASE_URL": sqlite_database_url,
        "KAIHO_SECRET_KEY": "s" * 40,
        "KAIHO_MASTER_KEY": "00" * 32,
        "KAIHO_MQTT_PORT": str(free_port()),
    }
    processes.python("-m", "booking.app.cli", name, "--metrics", f"127.0.0.1:{port}", env=environment)
    assert counter in eventually(lambda: told_by(port), within_s=30, what=f"the metrics of {name}")
