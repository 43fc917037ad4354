"""Bolt, door, key and battery: the parts one can touch."""

from firmware_sim.core.contact import start
from firmware_sim.core.effects import MoveBolt
from firmware_sim.core.state import Order
from firmware_sim.core.turn import Turn

BATTERY_LOW_MV = 4800
BATTERY_CRITICAL_MV = 4400
MOTOR_NEEDS_MV = 4100
JAMMED_AGAIN_S = 60
JAMMED_LATEST_S = 3600


def order(turn: Turn, position: str, source: str, credential: object = None, offline: bool = False) -> None:
    """Move the bolt; what is to be remembered of it is in flash before it moves."""
    turn.state.order = Order(position, source, credential, offline)
    turn.flush()
    turn.do(MoveBolt(position))


def bolt_moved(turn: Turn, position: str, by_hand: bool) -> None:
    state = turn.state
    ordered = None if by_hand else state.order
    if not by_hand:
        state.order = None
        turn.save()
    was_jammed = state.bolt == "jammed"
    state.bolt = position
    if position == "jammed":
        jammed(turn, was_jammed)
        return
    state.jams = 0
    members: dict[str, object] = {
        "operation": "unlock" if position == "unlocked" else "lock",
        "source": ordered.source if ordered else "manual",
    }
    if ordered and ordered.credential is not None:
        members["credential"] = ordered.credential
        members["offline"] = ordered.offline
    turn.log("lock_operation", members)
    if position == "unlocked":
        relock_later(turn)
        if ordered and ordered.source == "keypad":
            alarmed = state.contact is not None and state.contact.wanted == "alarm"
            start(turn, "alarm" if alarmed else "opened")
    else:
        turn.cancel("relock")
        turn.rest()


def jammed(turn: Turn, was_jammed: bool) -> None:
    """One alarm for one jam; the bolt is brought to rest again, with less and less of the battery."""
    turn.show("jammed", "red", 0, 10)
    if not was_jammed:
        turn.alarm("lock_jammed")
        start(turn, "alarm")
    turn.after("relock", min(JAMMED_AGAIN_S << min(turn.state.jams, 6), JAMMED_LATEST_S))
    turn.state.jams += 1


def relock_later(turn: Turn) -> None:
    """The door locks itself some time after it was unlocked, or after it closed, whichever is later."""
    if turn.state.operating_mode() == "passage" or turn.state.bolt == "locked":
        turn.cancel("relock")
    elif turn.state.door != "open":
        turn.after("relock", turn.state.desired.config.auto_relock)


def relock(turn: Turn) -> None:
    if turn.state.operating_mode() == "passage" and turn.state.bolt == "jammed":
        order(turn, "unlocked", "remote")
    elif (
        turn.state.bolt != "locked" and turn.state.door != "open" and turn.state.operating_mode() != "passage"
    ):
        order(turn, "locked", "auto")


def apply_mode(turn: Turn) -> None:
    """Passage stays open; leaving it locks."""
    state = turn.state
    if state.operating_mode() == "passage":
        turn.cancel("relock")
        if state.bolt != "unlocked":
            order(turn, "unlocked", "remote")
    elif state.bolt == "unlocked" and "relock" not in state.timers and state.order is None:
        relock_later(turn)
    turn.rest()


def door_moved(turn: Turn, position: str) -> None:
    state = turn.state
    if position == state.door:
        return
    state.door = position
    turn.log("door_state_change", {"door": position})
    if position == "open":
        turn.cancel("relock")
        turn.after("ajar", state.desired.config.door_ajar)
        if state.bolt == "locked":
            turn.alarm("door_forced_open")
            start(turn, "alarm")
    else:
        turn.cancel("ajar")
        relock_later(turn)


def door_ajar(turn: Turn) -> None:
    if turn.state.door == "open" and turn.state.operating_mode() != "passage":
        turn.alarm("door_ajar")
        start(turn, "alarm")


def tampered(turn: Turn) -> None:
    turn.alarm("tamper")
    start(turn, "alarm")


def key_moved(turn: Turn, position: str) -> None:
    if position != turn.state.key:
        turn.state.key = position
        turn.log("key_state_change", {"key": position})


def battery_measured(turn: Turn, millivolts: int) -> None:
    """An alarm each time the battery falls below a mark."""
    before = turn.state.battery_mv
    turn.state.battery_mv = millivolts
    for mark, alarm in ((BATTERY_CRITICAL_MV, "battery_critical"), (BATTERY_LOW_MV, "battery_low")):
        if millivolts < mark <= before:
            turn.alarm(alarm)
            start(turn, "alarm")
            return
