"""`kaiho demo`: one town a folder, another port where one is taken, an end that leaves nothing behind."""

import signal
import socket
from pathlib import Path

import pytest

from tests.servers.loopback import eventually
from tests.servers.processes import Processes

pytestmark = pytest.mark.timeout(240)

DEMO = ("-m", "booking.app.cli", "demo")


def processes_of(folder: Path) -> set[int]:
    """Who runs with this folder in its environment."""
    found = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environment.read_bytes():
                found.add(int(environment.parent.name))
        except OSError:
            continue
    return found


def test_a_demo_lives_beside_whoever_took_its_port_and_ends_on_ctrl_c(
    processes: Processes, tmp_path: Path
) -> None:
    folder = tmp_path / "town"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        town = processes.python(*DEMO, "--port", str(port), "--folder", str(folder))
        instead = town.wait_for_line(
            rf"ポート {port} は使われています。代わりに (\d+) を使います。", within_s=90
        )
        town.wait_for_line("Kaihō が動いています", within_s=90)
    town.wait_for_line(rf"予約のページ +http://127\.0\.0\.1:{instead[1]}/")
    assert len(processes_of(folder)) >= 6
    second = processes.python(*DEMO, "--folder", str(folder))
    assert second.wait() == 1
    assert [line for line in second.lines if "already_running" in line] == second.lines
    assert town.is_running()
    town.signal(signal.SIGINT)
    assert town.wait(within_s=30) == 0
    assert "Traceback" not in town.output
    eventually(lambda: not processes_of(folder), what="the end of every process")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_tour_that_is_broken_off_leaves_no_process_behind(
    processes: Processes, tmp_path: Path, number: signal.Signals
) -> None:
    tour = processes.python(*DEMO, "--tour", env={"TMPDIR": str(tmp_path)})
    eventually(lambda: len(processes_of(tmp_path)) > 3, within_s=90, what="a town that gets up")
    tour.signal(number)
    assert tour.wait(within_s=60) == 1
    assert "Traceback" not in tour.output
    eventually(lambda: not processes_of(tmp_path), what="the end of every process")
