"""A running Mosquitto lets a new lock in without a restart, and nobody else is signalled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from booking.app import installing
from booking.app.installing import BrokerUsers
from booking.demo.broker import mosquitto_command
from locks import life
from tests.integration.app.command_line import CommandLine, services_of
from tests.servers.loopback import LOOPBACK, eventually, free_port, is_listening
from tests.servers.processes import Process, Processes

SCHOOL = "福生東小学校"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def broker(small_line: CommandLine, processes: Processes, port: int) -> Process:
    """A Mosquitto over the folder that the command line writes to."""
    small_line.plant()
    command = mosquitto_command(small_line.broker_dir, port, is_root=os.geteuid() == 0)
    small_line.ok("broker-files")
    started = processes.start(*command)
    eventually(lambda: is_listening(port), what="Mosquitto")
    eventually(lambda: installing.catches_hangup(Path(f"/proc/{started.pid}")), what="a broker that hears")
    return started


def gets_in(port: int, name: str, password: str) -> bool:
    """Whether the broker lets this user in."""
    answers: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, password)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(
        not reason.is_failure
    )
    client.connect(LOOPBACK, port)
    client.loop_start()
    try:
        eventually(lambda: answers, what="the broker's answer")
    finally:
        client.disconnect()
        client.loop_stop()
    return answers[0]


def test_a_new_lock_gets_in_without_a_restart(small_line: CommandLine, broker: Process, port: int) -> None:
    pid = broker.pid
    shown = small_line.add_lock("--facility", SCHOOL)
    eventually(lambda: gets_in(port, shown["username"], shown["password"]), what="the new lock's way in")
    assert not gets_in(port, shown["username"], "wrong")
    assert gets_in(port, "gateway-1", "gateway-password")
    assert (broker.pid, broker.is_running()) == (pid, True)


def test_a_lock_that_died_loses_its_way_in_whoever_ended_it(
    small_line: CommandLine, broker: Process, port: int
) -> None:
    gone, stays = (small_line.add_lock("--access-point", name) for name in two_doors(small_line))
    eventually(lambda: gets_in(port, stays["username"], stays["password"]), what="the way in")
    with services_of(small_line) as services:
        follower = BrokerUsers(services)
        follower.follow()
        with services.database.transaction() as session:
            # As the page of the web process does it, which writes no file.
            life.decommission(session, lock_id=gone["lock"], actor="account-1", now=services.clock.now())
        assert gets_in(port, gone["username"], gone["password"])
        assert follower.follow() == 1
    eventually(lambda: not gets_in(port, gone["username"], gone["password"]), what="the locked door")
    assert gets_in(port, stays["username"], stays["password"])
    assert broker.is_running()


def test_the_broker_is_told_once_more_for_it_may_forget_the_first(
    small_line: CommandLine, broker: Process, port: int
) -> None:
    said = small_line.broker_dir / "mosquitto.pid"
    pid = said.read_text()
    # The first word is lost, as it is on a broker that still reads for the lock before.
    said.unlink()
    with services_of(small_line) as services:
        follower = BrokerUsers(services)
        follower.follow()
        follower.follow()
        shown = small_line.add_lock("--facility", SCHOOL)
        follower.follow()
        assert not gets_in(port, shown["username"], shown["password"])
        said.write_text(pid)
        follower.follow()
    eventually(lambda: gets_in(port, shown["username"], shown["password"]), what="the new lock's way in")
    assert broker.is_running()


def two_doors(line: CommandLine) -> list[str]:
    return line.ok("access-points").splitlines()[:2]


def test_a_broker_that_is_not_told_keeps_a_new_lock_out(
    small_line: CommandLine, broker: Process, port: int
) -> None:
    (small_line.broker_dir / "mosquitto.pid").unlink()
    shown = small_line.add_lock("--facility", SCHOOL)
    assert not gets_in(port, shown["username"], shown["password"])
    broker.signal(signal.SIGHUP)
    eventually(lambda: gets_in(port, shown["username"], shown["password"]), what="the new lock's way in")


def test_a_file_that_names_no_process_is_passed_over(small_line: CommandLine) -> None:
    small_line.plant()
    small_line.broker_dir.mkdir()
    for text in ("", "not a number", "0", "-1", "999999999"):
        (small_line.broker_dir / "mosquitto.pid").write_text(text)
        (small_line.broker_dir / "passwords").unlink(missing_ok=True)
        assert small_line.ok("broker-files") == "changed\n"


def test_a_number_that_somebody_else_has_by_now_is_not_signalled(small_line: CommandLine) -> None:
    small_line.plant()
    small_line.broker_dir.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as somebody:
        assert somebody.stdout is not None
        assert somebody.stdout.readline() == b"up\n"
        (small_line.broker_dir / "mosquitto.pid").write_text(f"{somebody.pid}\n")
        small_line.add_lock("--facility", SCHOOL)
        somebody.communicate(b"\n", timeout=10)
    assert somebody.returncode == 0


_STILL_STARTING = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with open("/proc/self/comm", "w") as name:
    name.write("mosquitto")
print("listens", flush=True)
time.sleep(0.3)
signal.signal(signal.SIGHUP, lambda *_: (print("told", flush=True), exit(0)))
time.sleep(30)
"""
"""As Mosquitto starts: it listens, and only then learns what SIGHUP means."""


@pytest.mark.parametrize("waits", [True, False])
def test_a_broker_that_only_starts_is_told_when_it_can_hear_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    if not waits:
        monkeypatch.setattr(installing, "catches_hangup", lambda _process: True)
    with subprocess.Popen([sys.executable, "-c", _STILL_STARTING], stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == b"listens\n"
        (tmp_path / "mosquitto.pid").write_text(f"{starting.pid}\n")
        installing.tell_mosquitto(tmp_path)
        said, _ = starting.communicate(timeout=10)
    # Told too early, it is the end of it.
    assert (said, starting.returncode) == ((b"told\n", 0) if waits else (b"", -signal.SIGHUP))


def test_a_lock_added_while_the_broker_is_down_gets_in_when_it_is_up(
    small_line: CommandLine, processes: Processes, port: int
) -> None:
    small_line.plant()
    shown = small_line.add_lock("--facility", SCHOOL)
    processes.start(*mosquitto_command(small_line.broker_dir, port, is_root=os.geteuid() == 0))
    eventually(lambda: is_listening(port), what="Mosquitto")
    assert gets_in(port, shown["username"], shown["password"])


def test_the_files_hold_no_password(small_line: CommandLine) -> None:
    small_line.plant()
    shown = small_line.add_lock("--facility", SCHOOL)
    text = "".join(Path(file).read_text() for file in small_line.broker_dir.iterdir())
    assert shown["password"] not in text
    assert "gateway-password" not in text


def test_the_gateway_gets_in_and_ends_in_order(
    small_line: CommandLine, processes: Processes, broker: Process, port: int
) -> None:
    gateway = processes.python(
        *("-m", "booking.app.cli", "gateway"),
        env={**small_line.environment, "KAIHO_MQTT_PORT": str(port)},
    )
    gateway.wait_for_line("lock_broker_connected", within_s=60)
    assert broker.is_running()
    assert gateway.stop(within_s=20) == 0
    assert "Traceback" not in gateway.output
    assert "gateway-password" not in gateway.output
