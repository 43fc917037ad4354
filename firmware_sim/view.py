"""A door as JSON, for the page, for tests and for a tour."""

from typing import TypedDict

from firmware_sim.core.event_log import seq_of
from firmware_sim.core.stimuli import Now
from firmware_sim.core.turn import Turn
from firmware_sim.door import Door
from firmware_sim.edge import mono_s
from firmware_sim.words import DISPLAY, LAMP, event_words

LOG_LINES = 30


class DisplayView(TypedDict):
    message: str
    text: str
    typed: int


class ClockView(TypedDict):
    at: float
    quality: str


class LogLine(TypedDict):
    seq: int
    at: int
    kind: str
    text: str
    event: dict[str, object]


class DoorView(TypedDict):
    lock: str
    name: str
    powered: bool
    bolt: str
    door: str
    key: str
    battery_mv: int
    drawn_mah: float
    temperature_c: int
    faults: str
    operating_mode: str
    applied: int
    result: str
    clock: ClockView
    network_up: bool
    contact: str | None
    last_contact: float | None
    next_sync: float | None
    next_try_in_s: float | None
    display: DisplayView
    lamp: str
    lamp_text: str
    paused_s: float
    tokens: int
    unconfirmed_events: int
    dropped: int
    boot: int
    log: list[LogLine]


def view(door: Door) -> DoorView:
    """What one can see of a door, and some that one cannot; instants in Unix seconds of its own clock."""
    with door.changed:
        state = door.state
        wall_ms = door.body.clock.wall_ms()
        shown = door.shown
        retry = state.timers.get("retry")
        records = [door.journal[seq] for seq in sorted(door.journal, reverse=True)[:LOG_LINES]]
        return {
            "lock": door.provision.lock,
            "name": door.provision.name,
            "powered": door.body.powered,
            "bolt": door.body.bolt,
            "door": door.body.door,
            "key": door.body.key,
            "battery_mv": door.battery_mv(),
            "drawn_mah": round(door.meter.total_c / 3.6, 3),
            "temperature_c": round(door.temperature_c()),
            "faults": door.faults.plan.name,
            "operating_mode": state.operating_mode(),
            "applied": state.desired.version,
            "result": state.result,
            "clock": {
                "at": wall_ms / 1000,
                "quality": Turn(state, Now(mono_s(), wall_ms)).clock_quality(),
            },
            "network_up": door.network_up,
            "contact": state.contact.phase if state.contact else None,
            "last_contact": state.last_welcome_ms / 1000 if state.last_welcome_ms else None,
            "next_sync": state.next_sync_ms / 1000 if state.next_sync_ms else None,
            "next_try_in_s": None if retry is None else max(0.0, retry - mono_s()),
            "display": {"message": shown.message, "text": DISPLAY[shown.message], "typed": shown.typed},
            "lamp": shown.lamp,
            "lamp_text": LAMP[shown.lamp],
            "paused_s": max(0.0, state.pause_until - mono_s()),
            "tokens": state.bucket.tokens,
            "unconfirmed_events": len(state.log.records),
            "dropped": state.dropped,
            "boot": state.boot,
            "log": [log_line(record) for record in records],
        }


def log_line(record: dict[str, object]) -> LogLine:
    return {
        "seq": seq_of(record),
        "at": int(str(record["at"])),
        "kind": str(record["kind"]),
        "text": event_words(record),
        "event": record,
    }
