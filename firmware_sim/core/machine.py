"""The whole lock as one function of state, stimulus and time."""

from firmware_sim.core import bolt, contact, entry, messages
from firmware_sim.core.effects import Effect, WakeAt
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.stimuli import (
    BatteryMeasured,
    BoltMoved,
    Connected,
    ConnectFailed,
    Disconnected,
    DoorMoved,
    KeyMoved,
    KeyPressed,
    Now,
    PowerUp,
    Received,
    Stimulus,
    Subscribed,
    SyncAsked,
    Tampered,
    Tick,
)
from firmware_sim.core.turn import Turn

HOUR_S = 3600


def step(state: State, stimulus: Stimulus, now: Now) -> tuple[State, list[Effect]]:
    """The next state and, in order, what has to be done about it; the state passed in is left as it was."""
    if isinstance(stimulus, PowerUp):
        turn = Turn(factory_state(state.lock, state.root, state.code_root), now)
        power_up(turn, stimulus)
    else:
        turn = Turn(state.copy(), now)
        if not turn.state.powered:
            return turn.state, []
        happen(turn, stimulus)
    for _ in range(2):
        entry.advance(turn)
        contact.advance(turn)
    if turn.unsaved:
        turn.flush()
    if turn.state.timers:
        turn.do(WakeAt(min(turn.state.timers.values())))
    return turn.state, turn.effects


def power_up(turn: Turn, stimulus: PowerUp) -> None:
    state = turn.state
    if stimulus.flash is not None:
        state.from_flash(stimulus.flash)
        state.derive_keys()
    state.powered = True
    state.boot += 1
    state.entropy = stimulus.entropy
    state.clock_known = state.clock_known and stimulus.clock_kept
    state.bolt = stimulus.bolt
    state.door = stimulus.door
    state.key = stimulus.key
    state.flash_room = stimulus.flash_room
    state.bucket.anchor = turn.mono
    turn.log("boot", {"boot": state.boot})
    ordered = state.order
    if ordered is not None and ordered.position == stimulus.bolt:
        # Power went between the movement and its record: the bolt itself tells that it happened.
        bolt.bolt_moved(turn, stimulus.bolt, False)
    state.order = None
    turn.flush()
    turn.after("hour", HOUR_S)
    bolt.relock_later(turn)
    bolt.apply_mode(turn)
    if stimulus.door == "open":
        turn.after("ajar", state.desired.config.door_ajar)
    # Before the hello of the start, so that it tells of weak cells.
    bolt.battery_measured(turn, stimulus.battery_mv)
    contact.start(turn, "boot")


def happen(turn: Turn, stimulus: Stimulus) -> None:
    if isinstance(stimulus, Tick):
        fire(turn)
    elif isinstance(stimulus, KeyPressed):
        entry.key_pressed(turn, stimulus.key)
    elif isinstance(stimulus, Received):
        messages.received(turn, stimulus.topic, stimulus.payload, stimulus.retained)
    elif isinstance(stimulus, Connected):
        turn.state.rssi_dbm = stimulus.rssi_dbm
        contact.connected(turn)
    elif isinstance(stimulus, Subscribed):
        contact.subscribed(turn)
    elif isinstance(stimulus, (ConnectFailed, Disconnected)):
        contact.failed(turn, stimulus.retry_after_s)
    elif isinstance(stimulus, SyncAsked):
        contact.start(turn, "schedule")
    else:
        feel(turn, stimulus)


def feel(turn: Turn, stimulus: Stimulus) -> None:
    """What bolt, door, key, battery and cover report."""
    if isinstance(stimulus, BoltMoved):
        bolt.bolt_moved(turn, stimulus.position, stimulus.by_hand)
    elif isinstance(stimulus, DoorMoved):
        bolt.door_moved(turn, stimulus.position)
    elif isinstance(stimulus, KeyMoved):
        bolt.key_moved(turn, stimulus.position)
    elif isinstance(stimulus, BatteryMeasured):
        turn.state.temperature_c = stimulus.temperature_c
        bolt.battery_measured(turn, stimulus.millivolts)
    elif isinstance(stimulus, Tampered):
        bolt.tampered(turn)


def fire(turn: Turn) -> None:
    """Every timer that is due, earliest first."""
    timers = turn.state.timers
    due = sorted([(timers[name], name) for name in timers if timers[name] <= turn.mono])
    for _, name in due:
        if timers.pop(name, None) is not None:
            alarm_clock(turn, name)


def alarm_clock(turn: Turn, name: str) -> None:
    if name == "silence":
        entry.ended(turn)
    elif name == "sync":
        contact.start(turn, "schedule")
    elif name == "retry":
        contact.start(turn, "retry")
    elif name in ("connect", "welcome"):
        contact.failed(turn)
    elif name == "settle":
        contact.settled(turn)
    elif name == "relock":
        bolt.relock(turn)
    elif name == "ajar":
        bolt.door_ajar(turn)
    elif name == "display":
        turn.rest()
    elif name == "hour":
        turn.after("hour", HOUR_S)
        if turn.state.clock_known:
            turn.raise_high_water(turn.t())
