"""Orders that run once, soon or never (lock protocol section 4, command)."""

from firmware_sim.core.bolt import apply_mode
from firmware_sim.core.contact import start
from firmware_sim.core.desired import FOREVER, MODES
from firmware_sim.core.effects import Identify
from firmware_sim.core.envelope import Opened
from firmware_sim.core.strict_json import integer, is_version_1, text_of
from firmware_sim.core.turn import Turn

AHEAD_S = 120
REMEMBER_S = 240


def take_command(turn: Turn, opened: Opened) -> None:
    """Run a command that is fresh, new and understood; the clock must be known to tell."""
    state = turn.state
    payload = opened.payload
    try:
        name = text_of(payload, "id")
        kind = text_of(payload, "kind")
        expires_at = integer(payload, "expires_at", 0, FOREVER)
    except ValueError:
        state.dropped += 1
        return
    t = turn.t()
    state.commands = {known: at for known, at in state.commands.items() if at > t - REMEMBER_S}
    fresh = t <= expires_at <= t + AHEAD_S
    if (
        not is_version_1(payload)
        or not state.clock_known
        or not fresh
        or name in state.commands
        or len(name) > 64
    ):
        state.dropped += 1
        return
    state.commands[name] = t
    turn.save()
    turn.flush()
    turn.log("command_result", {"id": name, "command": kind, "result": _run(turn, kind, payload.get("args"))})
    start(turn, "schedule")


def _run(turn: Turn, kind: str, args: object) -> str:
    if kind == "identify":
        turn.do(Identify())
        turn.show("identify", "amber", 0, 10)
        return "ok"
    if kind == "sync_now":
        return "ok"
    if kind == "set_mode" and isinstance(args, dict):
        mode = args.get("operating_mode")
        if isinstance(mode, str) and mode in MODES:
            turn.state.mode_until_desired = mode
            apply_mode(turn)
            return "ok"
    return "unsupported"
