"""What the server says: desired states, welcomes, commands (lock protocol sections 3 to 5)."""

from firmware_sim.core.bolt import apply_mode
from firmware_sim.core.commands import take_command
from firmware_sim.core.contact import DESIRED_S, WELCOME_S, settled
from firmware_sim.core.desired import FOREVER, Desired, Unsupported, read
from firmware_sim.core.effects import SetClock
from firmware_sim.core.envelope import Opened, Refused, unseal
from firmware_sim.core.hello import topic
from firmware_sim.core.primitives import GRANULE_S
from firmware_sim.core.state import Contact
from firmware_sim.core.strict_json import integer, is_version_1, text_of
from firmware_sim.core.turn import Turn

BACKWARD_STEP_MS = 300_000
APPLIED_BYTES = 512
"""What applying adds to the image: the event that tells it, with its digest."""
SYNC_EARLIEST_S = 900
SYNC_LATEST_S = 86400
TYPES = {"desired": "kaiho-desired", "welcome": "kaiho-welcome", "command": "kaiho-command"}


def received(turn: Turn, message_topic: str, payload: bytes, retained: bool) -> None:
    """Take one message of the contact under way; what fails a check changes nothing but a counter."""
    contact = turn.state.contact
    if contact is None or contact.phase == "connecting":
        return
    for tail in TYPES:
        if message_topic == topic(turn.state.lock, "down/" + tail):
            _open(turn, contact, tail, payload, retained)
            return
    turn.state.dropped += 1


def _open(turn: Turn, contact: Contact, tail: str, payload: bytes, retained: bool) -> None:
    state = turn.state
    try:
        opened = unseal(payload.decode(), state.root, state.lock, "down", state.mac_epoch, TYPES[tail])
    except (Refused, ValueError) as problem:
        state.dropped += 1
        if tail == "desired":
            replayed = isinstance(problem, Refused) and problem.old_epoch
            _result(turn, "stale" if replayed else "bad_envelope")
            settled(turn)
        return
    adopt_mac_epoch(turn, opened.epoch)
    if tail == "desired":
        take_desired(turn, contact, opened)
        settled(turn)
    elif tail == "welcome":
        take_welcome(turn, contact, opened)
    elif not retained:
        take_command(turn, opened)
    else:
        state.dropped += 1


def adopt_mac_epoch(turn: Turn, epoch: int) -> None:
    if epoch > turn.state.mac_epoch:
        turn.state.mac_epoch = epoch
        turn.save()


def take_desired(turn: Turn, contact: Contact, opened: Opened) -> None:
    """Apply a newer version; keep the present one against anything else."""
    state = turn.state
    try:
        desired = read(opened.payload, opened.octets)
    except Unsupported:
        _result(turn, "unsupported")
        return
    except ValueError:
        state.dropped += 1
        _result(turn, "bad_envelope")
        return
    if desired.version < state.desired.version or desired.epoch < state.desired.epoch:
        _result(turn, "stale")
    elif desired.version == state.desired.version:
        if desired.digest == state.desired.digest:
            _result(turn, "ok")
        else:
            if state.result != "conflict":
                turn.alarm("desired_conflict")
            _result(turn, "conflict")
    else:
        _apply(turn, contact, desired)


def _result(turn: Turn, result: str) -> None:
    if turn.state.result != result:
        turn.state.result = result
        turn.save()


def _apply(turn: Turn, contact: Contact, desired: Desired) -> None:
    """One flash image holds the old version or the new one with all that follows from it."""
    state = turn.state
    if not has_room(turn, desired):
        # The lock that cannot keep a version says so: kept is the old one, whole.
        _result(turn, "unsupported")
        return
    gids = [right.gid for right in desired.staff]
    rights = [right_name(right.gid, right.not_before, right.not_after) for right in desired.staff]
    state.desired = desired
    state.derive_keys()
    state.result = "ok"
    state.mode_until_desired = ""
    state.burned_gids = [gid for gid in state.burned_gids if gid in gids]
    state.used_rights = [name for name in state.used_rights if name in rights]
    state.bucket.tokens = min(state.bucket.tokens, desired.config.wrong_code_limit)
    adopt_mac_epoch(turn, desired.next_mac_epoch)
    turn.raise_high_water(desired.issued_at)
    turn.log("desired_applied", {"version": desired.version, "digest": desired.digest})
    turn.flush()
    contact.wait_until = None
    turn.cancel("desired_wait")
    contact.wanted = contact.wanted or "applied"
    apply_mode(turn)


def has_room(turn: Turn, desired: Desired) -> bool:
    """Whether flash can hold a version beside what the log must not give up: openings and alarms."""
    twin = turn.state.copy()
    twin.desired = desired
    while len(twin.to_flash()) + APPLIED_BYTES > twin.flash_room:
        if not twin.log.has_minor() or not twin.log.make_room(turn.t(), turn.clock_quality()):
            return False
    return True


def right_name(gid: str, not_before: int, not_after: int) -> str:
    """What marks the first use of a staff right in its validity."""
    return f"{gid} {not_before} {not_after}"


def take_welcome(turn: Turn, contact: Contact, opened: Opened) -> None:
    """Believe a welcome only for the open nonce, and only once."""
    state = turn.state
    try:
        nonce = text_of(opened.payload, "nonce")
        now_ms = integer(opened.payload, "now", 0, FOREVER)
        version = integer(opened.payload, "version", 0, FOREVER)
        digest = text_of(opened.payload, "digest")
        ack_seq = integer(opened.payload, "ack_seq", 0, FOREVER)
        next_sync_at = integer(opened.payload, "next_sync_at", 0, FOREVER)
    except ValueError:
        state.dropped += 1
        return
    expired = turn.mono - contact.nonce_at > WELCOME_S
    if not is_version_1(opened.payload) or not contact.nonce or nonce != contact.nonce or expired:
        state.dropped += 1
        return
    contact.nonce = ""
    contact.welcomes += 1
    turn.cancel("welcome")
    set_clock(turn, now_ms)
    contact.ack_rose = state.log.acknowledge(min(ack_seq, state.log.last_seq()))
    state.welcome_at = turn.mono
    state.welcome_asked_at = contact.nonce_at
    state.welcome_version = version
    state.welcome_digest = digest
    state.last_welcome_ms = turn.wall_ms
    in_s = min(max(next_sync_at - turn.t(), SYNC_EARLIEST_S), SYNC_LATEST_S)
    turn.after("sync", in_s)
    state.next_sync_ms = turn.wall_ms + in_s * 1000
    drop_old_burns(turn)
    turn.save()
    contact.wait_until = None if state.holds_welcomed() else turn.mono + DESIRED_S


def set_clock(turn: Turn, now_ms: int) -> None:
    state = turn.state
    if state.clock_known and turn.wall_ms - now_ms > BACKWARD_STEP_MS:
        turn.log("time_changed", {"from": turn.t(), "to": now_ms // 1000})
    turn.wall_ms = now_ms
    turn.do(SetClock(now_ms))
    state.clock_known = True
    state.clock_set_ms = now_ms
    turn.raise_high_water(now_ms // 1000)


def drop_old_burns(turn: Turn) -> None:
    """A burn is kept as long as a floor: until the longest window from its start has passed."""
    state = turn.state
    late = state.desired.config.late
    for place in list(state.burns):
        if turn.t() > (place[0] + 48) * GRANULE_S + late:
            del state.burns[place]
