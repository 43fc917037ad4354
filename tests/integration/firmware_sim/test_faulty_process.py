"""Faulty doors as a process, over a real Mosquitto."""

from collections.abc import Callable

import pytest

from tests.integration.firmware_sim.conftest import Gateway, Simulator
from tests.servers.loopback import eventually
from tests.unit.firmware_sim.server_double import ServerDouble

LOCK = "00112233445566ff"


@pytest.fixture
def server(install: Callable[..., ServerDouble], gateway: Gateway) -> ServerDouble:
    server = install(LOCK, "見本体育館")
    gateway.publish(server)
    return server


@pytest.mark.parametrize("plan", ["power-cuts", "lossy", "forged", "slow-network"])
def test_a_faulty_lock_still_gets_its_version_in_the_end(
    server: ServerDouble, simulate: Callable[..., Simulator], plan: str
) -> None:
    running = simulate("--faults", plan)

    def applied() -> bool:
        running.post(LOCK, "sync")
        return bool(running.get(LOCK)["applied"] == server.version)

    eventually(applied, within_s=60, what="a version on the lock")
    assert running.get(LOCK)["faults"] == plan
    assert running.process.stop() == 0
    assert "Traceback" not in running.process.output


def test_any_other_word_is_a_seed(server: ServerDouble, simulate: Callable[..., Simulator]) -> None:
    assert server.version == 1
    running = simulate("--faults", "2026")
    assert running.get(LOCK)["faults"] == "seed 2026"
    assert running.enter(LOCK, "12345678")["opened"] is False
    assert running.process.stop() == 0
    assert "Traceback" not in running.process.output


def test_a_lock_without_a_radio_never_speaks_and_still_runs(
    server: ServerDouble, simulate: Callable[..., Simulator]
) -> None:
    running = simulate("--faults", "no-radio")
    running.post(LOCK, "sync")
    eventually(lambda: running.get(LOCK)["next_try_in_s"] is not None, what="a planned retry")
    assert running.enter(LOCK, "12345678")["opened"] is False
    assert server.hellos == []
    assert running.process.stop() == 0


def test_a_jam_is_shown_and_another_try_may_open(
    server: ServerDouble, gateway: Gateway, simulate: Callable[..., Simulator]
) -> None:
    window = gateway.window()
    gateway.publish(server, grants=[window])
    running = simulate("--faults", "jam")
    running.applied(LOCK, 2)
    opened = [running.enter(LOCK, server.code(*window))["opened"] for _ in range(8)]
    assert True in opened
    kinds = {event["alarm"] for event in server.events.values() if event["kind"] == "door_lock_alarm"}
    assert (False in opened) == ("lock_jammed" in kinds)


def test_an_address_that_no_lock_may_speak_to_ends_the_process(
    server: ServerDouble, simulate: Callable[..., Simulator]
) -> None:
    assert server.version == 1
    with pytest.raises(AssertionError):
        simulate("--transport", "https", "--server", "http://192.0.2.1")
