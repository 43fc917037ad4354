"""The hello: what a lock says of itself."""

import json

from firmware_sim.core.envelope import seal
from firmware_sim.core.turn import Turn

HARDWARE = "sim-1"
FIRMWARE = "1.0.0"


def topic(lock: str, tail: str) -> str:
    return "kaiho/v1/locks/" + lock + "/" + tail


def compose(turn: Turn, why: str, nonce: str) -> dict[str, object]:
    """The payload of a hello, members in the order of the protocol page."""
    state = turn.state
    return {
        "v": 1,
        "lock": state.lock,
        "n": state.n,
        "nonce": nonce,
        "boot": state.boot,
        "why": why,
        "clock": turn.wall_ms,
        "clock_quality": turn.clock_quality(),
        "applied": state.desired.version,
        "digest": state.desired.digest,
        "result": state.result,
        "mac_epoch": state.mac_epoch,
        "epoch": state.desired.epoch,
        "battery_mv": state.battery_mv,
        "temperature_c": state.temperature_c,
        "rssi_dbm": state.rssi_dbm,
        "hardware": HARDWARE,
        "firmware": FIRMWARE,
        "bolt": state.bolt,
        "door": state.door,
        "key": state.key,
        "operating_mode": state.operating_mode(),
        "first_seq": state.log.first_seq(),
        "last_seq": state.log.last_seq(),
        "events": state.log.batch(),
    }


def sign(turn: Turn, payload: dict[str, object]) -> bytes:
    state = turn.state
    octets = json.dumps(payload, separators=(",", ":")).encode()
    return seal(octets, state.root, state.lock, "up", state.mac_epoch, "kaiho-hello").encode()
