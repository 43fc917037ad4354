"""Only the whole number 1 is protocol version 1, in each of the three messages."""

from typing import Any

import pytest

from firmware_sim.core import stimuli
from tests.unit.firmware_sim.lab import Lab, started

WRONG: list[Any] = [True, 1.0, "1", 2, None]


def told(v: Any, kind: str) -> Lab:
    """A lock that has heard one message of a kind with this `v`, and before it a desired state."""
    lab = Lab("mute")
    lab.server.publish(lab.now)
    lab.power_up()
    lab.settle()
    lab.network = "up"
    if kind == "welcome":
        lab.welcome_changes = {"v": v}
        lab.advance(7 * 3600)
        return lab
    lab.advance(7 * 3600)
    if kind == "desired":
        lab.server.desired_jws = lab.server.sign(
            {
                **lab.server.desired,
                "v": v,
                "lock": lab.server.lock,
                "version": 2,
                "issued_at": lab.now,
                "epoch": 0,
            },
            "kaiho-desired",
        )
        lab.advance(13 * 3600)
    return lab


@pytest.mark.parametrize("v", WRONG)
def test_another_version_is_not_applied(v: Any) -> None:
    lab = told(v, "desired")
    assert (lab.state.desired.version, lab.state.result) == (1, "unsupported")
    assert told(1, "desired").state.desired.version == 2


@pytest.mark.parametrize("v", WRONG)
def test_another_versions_welcome_sets_no_clock(v: Any) -> None:
    assert not told(v, "welcome").state.clock_known
    assert told(1, "welcome").state.clock_known


def ordered(v: Any) -> list[dict[str, Any]]:
    """What a lock that was told to identify itself says about it."""
    lab = started(network="mute")
    lab.feed(stimuli.SyncAsked())
    lab.advance(1)
    order = {"v": v, "lock": lab.server.lock, "id": "c", "kind": "identify", "args": {}}
    times = {"issued_at": lab.now, "expires_at": lab.now + 60}
    lab.deliver("command", lab.server.sign({**order, **times}, "kaiho-command"))
    lab.feed(stimuli.Tick())
    return lab.events("command_result")


@pytest.mark.parametrize("v", WRONG)
def test_another_versions_command_does_not_run(v: Any) -> None:
    assert ordered(v) == []
    assert [event["result"] for event in ordered(1)] == ["ok"]
