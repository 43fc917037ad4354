"""Talking to the server: wake, connect, hello, welcome, and when to try again (lock protocol section 5)."""

from firmware_sim.core.effects import Connect, Disconnect, Publish, Subscribe
from firmware_sim.core.event_log import seq_of
from firmware_sim.core.hello import compose, sign, topic
from firmware_sim.core.state import Contact
from firmware_sim.core.turn import Turn

CONNECT_S = 10
SETTLE_S = 0.25
WELCOME_S = 5
DESIRED_S = 5
LINGER_S = 60
HELLOS = 10
RETRY_S = (300, 1800, 7200)
RETRY_LATER_S = 21600
PATIENCE_LATEST_S = 86400
BUDGET = ((600, 2), (86400, 12))


def start(turn: Turn, why: str) -> None:
    """Say hello soon: in the contact under way, else in a new one."""
    contact = turn.state.contact
    if contact is None:
        contact = Contact()
        contact.why = why
        contact.started = turn.mono
        turn.state.contact = contact
        turn.after("connect", CONNECT_S)
        turn.do(Connect(turn.state.clock_known))
    contact.wanted = why


def start_within_budget(turn: Turn, why: str) -> bool:
    """As `start`, but a new connection counts against what keypads may cost; false when that is used up."""
    state = turn.state
    if state.contact is None:
        horizon = turn.mono - BUDGET[-1][0]
        state.key_contacts = [at for at in state.key_contacts if at > horizon]
        for span, most in BUDGET:
            if len([at for at in state.key_contacts if at > turn.mono - span]) >= most:
                return False
        state.key_contacts.append(turn.mono)
    start(turn, why)
    return True


def connected(turn: Turn) -> None:
    contact = turn.state.contact
    if contact is not None and contact.phase == "connecting":
        contact.phase = "subscribing"
        turn.do(Subscribe(topic(turn.state.lock, "down/#")))


def subscribed(turn: Turn) -> None:
    """The retained desired follows at once where there is one; a moment is enough to know."""
    contact = turn.state.contact
    if contact is not None and contact.phase == "subscribing":
        contact.phase = "settling"
        turn.cancel("connect")
        turn.after("settle", SETTLE_S)


def settled(turn: Turn) -> None:
    contact = turn.state.contact
    if contact is not None and contact.phase in ("subscribing", "settling"):
        contact.phase = "open"
        turn.cancel("connect")
        turn.cancel("settle")


def failed(turn: Turn, patience_s: int = 0) -> None:
    """The connection could not be made, or broke; the server may have asked for `patience_s`."""
    contact = turn.state.contact
    if contact is not None:
        unfinished = contact.wanted or contact.nonce or not contact.welcomes
        finish(turn, not unfinished)
        earliest = turn.mono + min(patience_s, PATIENCE_LATEST_S)
        if turn.state.timers.get("retry", earliest) < earliest:
            turn.state.timers["retry"] = earliest


def advance(turn: Turn) -> None:
    """Say what is due, or end a contact that has nothing left to do."""
    state = turn.state
    contact = state.contact
    if contact is None or contact.phase != "open" or contact.nonce:
        return
    more_events = contact.ack_rose and bool(state.log.records)
    if contact.hellos < HELLOS and (contact.wanted or more_events):
        say_hello(turn, contact)
        return
    if contact.wait_until is not None:
        if turn.mono < contact.wait_until:
            turn.state.timers["desired_wait"] = contact.wait_until
            return
        contact.wait_until = None
        state.result = "stale" if state.result == "ok" else state.result
        turn.alarm("stale_desired")
    busy = state.entry is not None or state.order is not None
    if busy and turn.mono < contact.started + LINGER_S:
        state.timers["linger"] = contact.started + LINGER_S
        return
    finish(turn, True)


def say_hello(turn: Turn, contact: Contact) -> None:
    state = turn.state
    why = contact.wanted or contact.why
    contact.wanted = ""
    contact.ack_rose = False
    contact.hellos += 1
    contact.nonce = turn.nonce()
    contact.nonce_at = turn.mono
    state.n += 1
    turn.after("welcome", WELCOME_S)
    payload = compose(turn, why, contact.nonce)
    batch = state.log.batch()
    if batch:
        state.log.sent = max(state.log.sent, seq_of(batch[-1]))
    turn.flush()
    turn.do(Publish(topic(state.lock, "up/hello"), sign(turn, payload)))


def finish(turn: Turn, reached: bool) -> None:
    """End the contact; one that did not reach the server is tried again."""
    state = turn.state
    contact = state.contact
    state.contact = None
    for timer in ("connect", "settle", "welcome", "desired_wait", "linger"):
        turn.cancel(timer)
    turn.do(Disconnect())
    if reached:
        state.failed_contacts = 0
        turn.cancel("retry")
    elif contact is not None and (
        contact.why in ("schedule", "boot", "retry") or "retry" not in state.timers
    ):
        retry_later(turn)


def retry_later(turn: Turn) -> None:
    state = turn.state
    if state.failed_contacts < len(RETRY_S):
        turn.after("retry", turn.between(0, RETRY_S[state.failed_contacts]))
    else:
        turn.after("retry", RETRY_LATER_S)
    state.failed_contacts += 1
