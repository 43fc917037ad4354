"""Typing a code and being let in, or not (lock protocol section 6)."""

from firmware_sim.core.bolt import MOTOR_NEEDS_MV, order
from firmware_sim.core.contact import start, start_within_budget
from firmware_sim.core.desired import StaffRight
from firmware_sim.core.effects import Decided
from firmware_sim.core.entry_decision import Circumstances, Decision, decide
from firmware_sim.core.messages import right_name
from firmware_sim.core.state import Entry
from firmware_sim.core.turn import Turn

SILENCE_S = 5
CONTACT_S = 6
RECENT_S = 900
PAUSE_S = 10
SHOWN_S = 6
LONGEST = 16


def key_pressed(turn: Turn, key: str) -> None:
    state = turn.state
    if turn.mono < state.pause_until:
        turn.show("paused", "amber", 0, state.pause_until - turn.mono)
        return
    entry = state.entry
    if entry is None:
        if len(key) != 1 or key not in "0123456789":
            return
        entry = Entry()
        entry.first_key = turn.mono
        state.entry = entry
        if state.contact is not None:
            entry.tried = True
            start(turn, "keypad")
        elif start_within_budget(turn, "keypad"):
            entry.tried = True
            entry.counted = True
    if entry.ended:
        return
    if key == "clear":
        entry.digits = ""
    elif key != "enter":
        entry.digits = (entry.digits + key)[:LONGEST]
    turn.after("silence", SILENCE_S)
    turn.show("typing", "off", len(entry.digits))
    if key == "enter":
        ended(turn)


def ended(turn: Turn) -> None:
    """確定, or silence: from here on the entry is only decided."""
    turn.cancel("silence")
    if turn.state.entry is not None:
        turn.state.entry.ended = True
        turn.show("checking", "amber")


def advance(turn: Turn) -> None:
    """Decide an ended entry, now or when the contact has answered or has had its time."""
    state = turn.state
    entry = state.entry
    if entry is None or not entry.ended:
        return
    config = state.desired.config
    state.bucket.refill(turn.mono, config.wrong_code_limit, config.wrong_code_refill)
    # By when it was asked, not when it was answered: a welcome on its way knows nothing of a sale since.
    confirmed = state.holds_welcomed() and state.welcome_asked_at >= entry.first_key
    decision = decide(
        state.desired, state.code_key, state.grant_key, entry.digits, circumstances(turn, confirmed)
    )
    if decision.outcome == "ignored":
        close(turn, decision.outcome, False, False)
        turn.rest()
    elif decision.outcome == "emergency":
        open_for(turn, decision, not confirmed)
    elif decision.is_candidate():
        recent = state.holds_welcomed() and turn.mono - (state.welcome_at or 0) <= RECENT_S
        known = decision.outcome != "derived"
        offline = not confirmed and not (known and recent)
        if not offline or not is_first_use(turn, decision) or not awaiting(turn, entry, True):
            open_for(turn, decision, offline)
    elif confirmed or not awaiting(turn, entry, False):
        refuse(turn, decision.outcome)


def circumstances(turn: Turn, confirmed: bool) -> Circumstances:
    state = turn.state
    at = Circumstances(
        turn.t(), confirmed, state.clock_known, state.high_water, state.burns, state.bucket.tokens
    )
    at.burned_gids = state.burned_gids
    at.operating_mode = state.operating_mode()
    at.key = state.key
    return at


def is_first_use(turn: Turn, decision: Decision) -> bool:
    """An opening burns its revision, so a burn of this very revision tells that it was here before."""
    window = decision.window
    if window is not None:
        return turn.state.burns.get((window[0], window[2]), -1) != window[3]
    right = right_of(turn, decision.gid)
    return (
        right is None
        or right_name(right.gid, right.not_before, right.not_after) not in turn.state.used_rights
    )


def right_of(turn: Turn, gid: str) -> StaffRight | None:
    for right in turn.state.desired.staff:
        if right.gid == gid:
            return right
    return None


def awaiting(turn: Turn, entry: Entry, first_use: bool) -> bool:
    """Whether a contact may still change the decision; starts it where none was tried since the first key."""
    state = turn.state
    if first_use and entry.counted:
        entry.counted = False
        state.key_contacts = state.key_contacts[:-1]
    if state.contact is None:
        if entry.tried:
            return False
        entry.tried = True
        if first_use:
            start(turn, "keypad")
        elif not start_within_budget(turn, "keypad"):
            return False
    if entry.deadline is None and state.contact is not None:
        entry.deadline = max(state.contact.started, entry.first_key) + CONTACT_S
        state.timers["entry"] = entry.deadline
    return entry.deadline is not None and turn.mono < entry.deadline


def open_for(turn: Turn, decision: Decision, offline: bool) -> None:
    """Burn, flush, then move the bolt."""
    state = turn.state
    if state.battery_mv < MOTOR_NEEDS_MV:
        turn.log_error("insufficient_battery")
        close(turn, "insufficient_battery", False, offline)
        turn.show("battery", "red", 0, SHOWN_S)
        return
    credential: object = decision.gid
    if decision.window is not None:
        granule, length, lane, rev = decision.window
        credential = [granule, length, lane, rev]
        state.burns[(granule, lane)] = max(rev, state.burns.get((granule, lane), 0))
    elif decision.outcome == "emergency":
        state.burned_gids.append(decision.gid)
    elif decision.outcome == "staff":
        state.bucket.failures = 0
        right = right_of(turn, decision.gid)
        if right is not None and is_first_use(turn, decision):
            state.used_rights.append(right_name(right.gid, right.not_before, right.not_after))
    close(turn, decision.outcome, True, offline)
    order(turn, "unlocked", "keypad", credential, offline)
    if decision.outcome == "emergency":
        start(turn, "alarm")
    turn.show("opened", "green", 0, SHOWN_S)


def refuse(turn: Turn, outcome: str) -> None:
    state = turn.state
    config = state.desired.config
    took_last = False
    if outcome != "restricted":
        took_last = state.bucket.fail(turn.mono, config.wrong_code_limit, config.wrong_code_refill)
    turn.log_error(outcome)
    if took_last:
        turn.alarm("wrong_code_entry_limit")
        start_within_budget(turn, "alarm")
    close(turn, outcome, False, False)
    turn.flush()
    turn.show("unset" if not state.clock_known else outcome, "red", 0, SHOWN_S)


def close(turn: Turn, outcome: str, opens: bool, offline: bool) -> None:
    """Forget the digits; at an empty bucket the keypad rests before it takes others."""
    state = turn.state
    state.entry = None
    turn.cancel("silence")
    turn.cancel("entry")
    if state.bucket.tokens == 0:
        state.pause_until = turn.mono + PAUSE_S
    turn.do(Decided(outcome, opens, offline))
