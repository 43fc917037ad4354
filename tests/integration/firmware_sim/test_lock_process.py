"""Doors as processes, over a real Mosquitto."""

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.firmware_sim.conftest import Gateway, Simulator
from tests.servers.broker import Mosquitto
from tests.servers.loopback import eventually
from tests.unit.firmware_sim.server_double import ServerDouble

LOCK = "00112233445566ff"
Install = Callable[..., ServerDouble]
Simulate = Callable[[], Simulator]


@pytest.fixture
def server(install: Install, gateway: Gateway) -> ServerDouble:
    server = install(LOCK, "見本体育館")
    gateway.publish(server)
    return server


@pytest.fixture
def simulator(server: ServerDouble, simulate: Simulate) -> Simulator:
    assert server.version == 1
    running = simulate()
    running.applied(LOCK, 1)
    return running


def test_a_lock_says_hello_at_boot_and_hangs_up(simulator: Simulator, server: ServerDouble) -> None:
    seen = simulator.get(LOCK)
    assert (seen["result"], seen["clock"]["quality"], seen["name"]) == ("ok", "synced", "見本体育館")
    assert seen["next_sync"] - seen["last_contact"] == pytest.approx(12 * 3600, abs=2)
    assert [hello["why"] for hello in server.hellos] == ["boot"]
    assert server.ack_seq == 2
    assert simulator.get("見本体育館")["lock"] == LOCK


def test_a_code_granted_just_now_opens_within_three_seconds_and_is_told(
    simulator: Simulator, server: ServerDouble, gateway: Gateway
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    began = time.monotonic()
    answer = simulator.enter(LOCK, server.code(*window))
    took = time.monotonic() - began
    assert answer == {"outcome": "granted", "opened": True, "offline": False, "display": "開きました。どうぞ"}
    assert took <= 3
    assert simulator.get(LOCK)["bolt"] == "unlocked"
    opening = eventually(
        lambda: [event for event in server.events.values() if event["kind"] == "lock_operation"]
    )
    assert opening[0]["credential"] == window


def test_a_wrong_code_and_a_cancelled_code_are_refused(
    simulator: Simulator, server: ServerDouble, gateway: Gateway
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window], sellable=[[window[0], [4], 1]])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    gateway.publish(server, grants=[], floors=[[window[0], 0, 1]])
    assert simulator.enter(LOCK, server.code(*window))["outcome"] == "invalid_credential"
    assert simulator.enter(LOCK, "12345678")["opened"] is False
    assert simulator.get(LOCK)["bolt"] == "locked"


def test_with_the_radio_down_a_sellable_code_opens_at_once(
    simulator: Simulator, server: ServerDouble, gateway: Gateway
) -> None:
    window = gateway.window()
    gateway.publish(server, sellable=[[window[0], [4], 1]])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    assert simulator.post(LOCK, "network", up=False)["network_up"] is False
    began = time.monotonic()
    answer = simulator.enter(LOCK, server.code(*window))
    assert (answer["outcome"], answer["opened"], answer["offline"]) == ("derived", True, True)
    # It did not wait for the server: that alone would take four seconds.
    assert time.monotonic() - began < 3
    simulator.post(LOCK, "network", up=True)
    simulator.post(LOCK, "sync")
    opening = eventually(
        lambda: [event for event in server.events.values() if event["kind"] == "lock_operation"]
    )
    assert opening[0]["offline"] is True


def test_with_a_silent_server_a_granted_code_opens_within_seven_seconds(
    simulator: Simulator, server: ServerDouble, gateway: Gateway
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    # Recent would spare the wait, so this entry has to be a derived one.
    gateway.publish(server, grants=[], sellable=[[window[0], [4], 1]])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 3)
    gateway.silent = True
    began = time.monotonic()
    answer = simulator.enter(LOCK, server.code(*window))
    assert (answer["outcome"], answer["offline"]) == ("derived", True)
    assert 4 <= time.monotonic() - began <= 7


def test_a_broker_that_is_gone_stops_nobody_and_is_found_again(
    simulator: Simulator, server: ServerDouble, gateway: Gateway, own_mosquitto: Mosquitto
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    own_mosquitto.kill()
    assert simulator.enter(LOCK, server.code(*window))["opened"] is True
    eventually(lambda: simulator.get(LOCK)["next_try_in_s"] is not None, what="a planned retry")
    own_mosquitto.start()
    hellos = len(server.hellos)

    def heard() -> bool:
        simulator.post(LOCK, "sync")
        return len(server.hellos) > hellos

    eventually(heard, within_s=20, what="the next contact")


def test_a_killed_process_comes_back_with_version_burns_and_clock(
    simulator: Simulator, server: ServerDouble, gateway: Gateway, simulate: Simulate
) -> None:
    first, second = gateway.window(), gateway.window(rev=1)
    gateway.publish(server, grants=[first], sellable=[[first[0], [4], 1]])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    simulator.post(LOCK, "network", up=False)
    assert simulator.enter(LOCK, server.code(*second))["opened"]
    simulator.process.signal(signal.SIGKILL)
    simulator.process.wait()
    gateway.silent = True
    again = simulate()
    seen = again.post(LOCK, "network", up=False)
    assert (seen["applied"], seen["boot"], seen["clock"]["quality"]) == (2, 2, "synced")
    assert again.enter(LOCK, server.code(*first))["outcome"] == "invalid_credential"
    assert again.enter(LOCK, server.code(*second))["outcome"] == "derived"


def test_a_pulled_battery_loses_the_clock_and_nothing_else(
    simulator: Simulator, server: ServerDouble, gateway: Gateway
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    seen = simulator.post(LOCK, "battery", pulled=True)
    assert (seen["powered"], seen["display"]["message"]) == (False, "dark")
    assert simulator.enter(LOCK, server.code(*window))["outcome"] == "no_power"
    simulator.post(LOCK, "network", up=False)
    seen = simulator.post(LOCK, "battery", pulled=False)
    assert (seen["applied"], seen["clock"]["quality"]) == (2, "unknown")
    assert simulator.enter(LOCK, server.code(*window))["opened"] is False
    simulator.post(LOCK, "network", up=True)
    simulator.post(LOCK, "sync")
    eventually(lambda: simulator.get(LOCK)["clock"]["quality"] == "synced", what="the clock")
    assert simulator.enter(LOCK, server.code(*window))["opened"] is True


def test_doors_added_while_it_runs_join(
    simulator: Simulator, install: Install, gateway: Gateway, doors_file: Path
) -> None:
    second = install("ffeeddccbbaa9988", "二番")
    gateway.publish(second)
    eventually(lambda: second.hellos, what="the second door's hello")
    listed = requests.get(f"{simulator.base}doors", timeout=20).json()["doors"]
    assert {door["lock"] for door in listed} == {LOCK, "ffeeddccbbaa9988"}
    doors_file.write_text("{ torn")
    eventually(lambda: "doors_file.refused" in simulator.process.output, what="a refusal in the log")
    assert simulator.get(LOCK)["applied"] == 1


def test_a_lock_with_a_wrong_password_still_opens_for_what_it_knows(
    simulator: Simulator, server: ServerDouble, gateway: Gateway, own_mosquitto: Mosquitto
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    simulator.post(LOCK, "sync")
    simulator.applied(LOCK, 2)
    own_mosquitto.remove_user(LOCK)
    assert simulator.enter(LOCK, server.code(*window))["opened"] is True
    eventually(lambda: simulator.get(LOCK)["next_try_in_s"] is not None, what="a planned retry")


def test_typed_codes_stand_in_no_log_and_sigterm_ends_it_cleanly(
    simulator: Simulator, server: ServerDouble, gateway: Gateway, tmp_path: Path, own_mosquitto: Mosquitto
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    code = server.code(*window)
    assert simulator.enter(LOCK, code)["opened"]
    simulator.enter(LOCK, "27182818")
    for digit in "31415926":
        assert requests.post(f"{simulator.base}doors/{LOCK}/press", json={"key": digit}, timeout=20).ok
    pages = requests.get(f"{simulator.base}keypad/{LOCK}", timeout=20).text + json.dumps(simulator.get(LOCK))
    assert simulator.process.stop() == 0
    kept = "".join(file.read_text(errors="replace") for file in (tmp_path / "flash").iterdir())
    for typed in (code, "27182818", "31415926"):
        for told in (simulator.process.output, pages, kept, own_mosquitto.log):
            assert typed not in told
    assert "Traceback" not in simulator.process.output
    assert server.root.hex() not in kept


@pytest.mark.parametrize(
    "what,body",
    [
        ("keys", {"keys": "12a"}),
        ("keys", {"keys": 12345678}),
        ("keys", {}),
        ("press", {"key": "11"}),
        ("network", {"up": 1}),
        ("battery", {"pulled": "yes"}),
        ("battery", {"millivolts": True}),
        ("door", []),
    ],
)
def test_a_malformed_request_is_a_400_and_does_nothing(
    simulate: Simulate, install: Install, what: str, body: Any
) -> None:
    install(LOCK)
    running = simulate()
    answer = requests.post(f"{running.base}doors/{LOCK}/{what}", json=body, timeout=20)
    assert answer.status_code == 400
    assert requests.post(f"{running.base}doors/nobody/sync", json={}, timeout=20).status_code == 404


def test_forty_doors_run_on_little_of_one_processor(
    install: Install, gateway: Gateway, simulate: Simulate
) -> None:
    servers = [install(f"{index:016x}") for index in range(1, 41)]
    for server in servers:
        gateway.publish(server)
    running = simulate()
    for server in servers:
        eventually(lambda server=server: server.hellos, within_s=20, what=server.lock)  # type: ignore[misc]
    stat = Path(f"/proc/{running.process.pid}/stat")
    before = _cpu_ticks(stat)
    began = time.monotonic()
    eventually(lambda: time.monotonic() - began > 2, what="two seconds")
    assert _cpu_ticks(stat) - before <= 30
    eventually(lambda: all(not door["contact"] for door in _doors(running)), what="all doors asleep")
    assert all(door["applied"] == 1 for door in _doors(running))


def _doors(running: Simulator) -> list[dict[str, Any]]:
    doors: list[dict[str, Any]] = requests.get(f"{running.base}doors", timeout=20).json()["doors"]
    return doors


def _cpu_ticks(stat: Path) -> int:
    """User and system time in hundredths of a second."""
    fields = re.sub(r"^.*\) ", "", stat.read_text()).split()
    return int(fields[11]) + int(fields[12])
