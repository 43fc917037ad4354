"""The judge: one message to both decoders. Findings are crashes, disagreements, and faith in the unsigned."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_sim.core import envelope as lock_side
from firmware_sim.core.machine import step
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.stimuli import Connected, Now, PowerUp, Received, Subscribed, Tick
from locks import envelope as server_side
from locks.errors import BadMessage
from locks.wire import hello_of
from tests.fuzz.world import (
    CODE_ROOT,
    KINDS,
    LOCK,
    ROOT,
    VECTORS,
    direction_of,
    is_signed,
    key,
    signed,
    signed_anew,
)

EPOCHS = 16
"""MAC epochs that both sides hold open here; a message under a later one is judged by neither."""


class Finding(AssertionError):
    """The decoders did what they must not; carries the message."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a decoder made of a message."""

    octets: bytes
    claims: dict[str, Any]
    epoch: int


Decoder = Callable[[bytes, str], Opened | None]


@dataclass(frozen=True, slots=True)
class Decoders:
    """Both sides; a planted one stands in for a broken implementation."""

    server: Decoder
    lock: Decoder


class _OpenKeys(Mapping[int, bytes]):
    """The server's keys of every epoch that is open here."""

    def __init__(self, direction: str) -> None:
        self._direction = direction

    def __getitem__(self, epoch: int) -> bytes:
        if epoch >= EPOCHS:
            raise KeyError(epoch)
        return key(self._direction, epoch)

    def __iter__(self) -> Iterator[int]:
        return iter(range(EPOCHS))

    def __len__(self) -> int:
        return EPOCHS


def server_opens(message: bytes, kind: str) -> Opened | None:
    """The server's decoder; None where it refuses."""
    direction = direction_of(kind)
    try:
        opened = server_side.open_envelope(
            message, keys=_OpenKeys(direction), lock=LOCK, direction=direction, typ=f"kaiho-{kind}"
        )
    except BadMessage:
        return None
    return Opened(opened.octets, opened.claims, opened.mac_epoch)


def lock_opens(message: bytes, kind: str) -> Opened | None:
    """The lock's decoder; None where it refuses."""
    try:
        opened = lock_side.unseal(message.decode(), ROOT, LOCK, direction_of(kind), 0, f"kaiho-{kind}")
    except (lock_side.Refused, UnicodeDecodeError):
        return None
    # The server of this test has no later epochs, so no such message can be signed.
    return Opened(opened.octets, opened.payload, opened.epoch) if opened.epoch < EPOCHS else None


def last_member_wins(message: bytes, kind: str) -> Opened | None:
    """A lock whose parser lets a member stand twice, as plain `json.loads` does."""
    opened = lock_opens(message, kind)
    parts = message.split(b".")
    if opened is not None or len(parts) != 3 or not is_signed(message, direction_of(kind)):
        return opened
    try:
        header, payload = (lock_side.decode(part.decode()) for part in parts[:2])
        once = json.dumps(json.loads(payload)).encode()
    except (ValueError, RecursionError):
        return None
    return lock_opens(signed(kind, header, once), kind)


HONEST = Decoders(server_opens, lock_opens)

PLANTED: Mapping[str, Decoders] = {
    "neither-checks-a-signature": Decoders(
        server=lambda message, kind: server_opens(signed_anew(message, kind), kind),
        lock=lambda message, kind: lock_opens(signed_anew(message, kind), kind),
    ),
    "server-checks-no-signature": replace(
        HONEST, server=lambda message, kind: server_opens(signed_anew(message, kind), kind)
    ),
    "lock-checks-no-signature": replace(
        HONEST, lock=lambda message, kind: lock_opens(signed_anew(message, kind), kind)
    ),
    "lock-takes-the-last-of-two-members": replace(HONEST, lock=last_member_wins),
}
"""Negative controls: each has to be found within a run."""


def judge(message: bytes, kind: str, decoders: Decoders = HONEST) -> bool:
    """Let both sides read a message of a kind, and each go on with what is meant for it; whether it opened.

    Raises:
        Finding: one side accepts what the other refuses, or reads something else in it, or believes what is
            not signed.
    """
    ours, theirs = decoders.server(message, kind), decoders.lock(message, kind)
    if (ours is None) != (theirs is None):
        accepts, refuses = ("the server", "the lock") if theirs is None else ("the lock", "the server")
        raise Finding(f"{accepts} accepts what {refuses} refuses: {kind} {message!r}")
    if ours is not None and theirs is not None:
        if (ours.octets, ours.epoch) != (theirs.octets, theirs.epoch) or not _is_same(
            ours.claims, theirs.claims
        ):
            raise Finding(f"the two read different things: {kind} {message!r}")
        if not is_signed(message, direction_of(kind)):
            raise Finding(f"accepted and not signed: {kind} {message!r}")
    if kind == "hello":
        if ours is not None:
            _server_goes_on(ours)
    else:
        _lock_goes_on(message, kind, is_sound=theirs is not None)
    return ours is not None


def _is_same(one: object, other: object) -> bool:
    # Text and number types count: 1, 1.0 and True are different things to a lock.
    return repr(one) == repr(other)


def _server_goes_on(opened: Opened) -> None:
    try:
        hello = hello_of(server_side.Opened(opened.claims, opened.octets, opened.epoch))
    except BadMessage:
        return
    for event in hello.events:
        # What is stored must fit into both databases' JSON.
        text = json.dumps(event.detail, allow_nan=False, ensure_ascii=False)
        if "\x00" in text or "\\u0000" in text:
            raise Finding(f"stored: {text!r}")
        text.encode()


MONO, WALL_MS = 1000.0, 1_797_976_800_000


def _awaiting() -> State:
    """A lock of the golden vectors that has said hello and waits for what the server says."""
    state = factory_state(LOCK, ROOT, CODE_ROOT)
    now = Now(MONO, WALL_MS)
    begun = PowerUp(None, bytes(32), True, "locked", "closed", "none", 6000)
    for stimulus in (begun, Connected(), Subscribed()):
        state, _ = step(state, stimulus, now)
    state, _ = step(state, Tick(), Now(MONO + 1, WALL_MS + 1000))
    assert state.contact is not None
    assert state.contact.nonce
    state.clock_known = True
    return state


def _holding() -> State:
    """The same lock with the golden desired state applied."""
    message = VECTORS["desired_jws"].encode()
    received = Received(f"kaiho/v1/locks/{LOCK}/down/desired", message, True)
    return step(_AWAITING, received, Now(MONO + 1, WALL_MS + 1000))[0]


_AWAITING = _awaiting()
_HOLDING = _holding()
NONCE: str = _AWAITING.contact.nonce if _AWAITING.contact else ""


def _lock_goes_on(message: bytes, kind: str, *, is_sound: bool) -> None:
    """The whole lock takes the message as its broker would hand it over."""
    received = Received(f"kaiho/v1/locks/{LOCK}/down/{kind}", message, kind == "desired")
    for before in (_AWAITING, _HOLDING) if kind == "desired" else (_AWAITING,):
        after, _ = step(before, received, Now(MONO + 2, WALL_MS + 2000))
        if not is_sound and _believed(after) != _believed(before):
            raise Finding(f"a refused message changed the lock: {kind} {message!r}")
        if after.desired.version < before.desired.version:
            raise Finding(f"an older version was applied: {message!r}")


def _believed(state: State) -> tuple[object, ...]:
    """What only a message that holds may change."""
    return (
        state.desired.version,
        state.mac_epoch,
        state.clock_known,
        state.log.last_seq(),
        state.commands,
        state.mode_until_desired,
        state.contact is not None and state.contact.nonce,
    )


def judge_input(data: bytes, decoders: Decoders = HONEST) -> bool:
    """A fuzzer's octets: what kind of message, in which shape, and then its text.

    The first octet chooses the kind and whether the rest is a message as it is, a header and a payload to be
    signed (a newline between them), or a payload to be signed under the header that is due: no fuzzer would
    find its own way past a signature. What was signed is judged again with its signature spoiled, and what
    was opened once more with a member standing twice.
    """
    if not data:
        return False
    kind, shape = KINDS[data[0] % len(KINDS)], data[0] // len(KINDS) % 3
    rest = data[1:]
    if shape == 0:
        return judge(rest, kind, decoders)
    header, payload = rest.partition(b"\n")[::2] if shape == 1 else (due_header(kind), rest)
    message = signed(kind, header, payload)
    judge(spoiled(message, len(payload)), kind, decoders)
    is_opened = judge(message, kind, decoders)
    if is_opened:
        twice = b'{"lock":"' + LOCK.encode() + b'",' + payload.lstrip().removeprefix(b"{")
        if judge(signed(kind, header, twice), kind, decoders):
            raise Finding(f"a member twice was accepted: {kind} {twice!r}")
    return is_opened


def spoiled(message: bytes, how: int) -> bytes:
    """The message with another character at one place of its signature."""
    # The last of the 43 characters holds only four bits: another one there might not be base64url at all.
    place = len(message) - 43 + how % 42
    other = b"A" if message[place : place + 1] != b"A" else b"B"
    return message[:place] + other + message[place + 1 :]


def due_header(kind: str) -> bytes:
    """The header that is due for a kind, as we write it."""
    return server_side.to_json(
        {"alg": "HS256", "kid": f"{LOCK}:{direction_of(kind)}:0", "typ": f"kaiho-{kind}"}
    )
