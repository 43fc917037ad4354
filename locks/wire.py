"""Payloads on the wire (protocol section 4): what we read of a hello, and how a welcome is written."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from locks.envelope import MAX_EPOCH, Opened, to_json
from locks.errors import BadMessage

VERSION = 1
MAX_EVENTS = 50

ClockQuality = Literal["synced", "holdover", "unknown"]
_MOST = 2**53 - 2
_Counter = Annotated[int, Field(ge=0, le=_MOST)]
_Small = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
_Seconds = Annotated[int, Field(ge=0, le=253402300799)]
_Text = Annotated[str, Field(pattern=r"^[ -~]{0,64}$")]
_Window = tuple[
    Annotated[int, Field(ge=0, lt=2**28)],
    Annotated[int, Field(ge=1, le=48)],
    Annotated[int, Field(ge=0, le=31)],
    Annotated[int, Field(ge=0, le=255)],
]
# JSON has lists only, which a strict tuple would refuse; its members stay strict.
_Credential = Annotated[_Window, Field(strict=False)] | Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]

_DIGITS = re.compile(r"[0-9]{8}|[0-9]{10}")
_NAME = re.compile(r"[a-z_]{1,32}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_WORD = re.compile(r"[\w .:+/-]{0,64}\Z")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _is_range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value)) and value[0] <= value[1]


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(_DIGEST.match(value))


_TOLD: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "door_lock_alarm": {"range": _is_range},
    "time_changed": {"from": _is_whole, "to": _is_whole},
    "desired_applied": {"version": _is_whole, "digest": _is_digest},
}
"""What each kind tells besides (protocol section 8): long numbers, but in their place and of their form.
Elsewhere a long number could be a code that somebody typed.
"""


class Event(BaseModel):
    """One record of a lock's log. Members that the protocol does not name are kept where harmless."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    seq: Annotated[int, Field(ge=1, le=_MOST)]
    at: _Seconds
    clock_quality: ClockQuality
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
    operation: Literal["lock", "unlock"] | None = None
    source: Annotated[str, Field(pattern=r"^[a-z_]{1,16}$")] | None = None
    credential: _Credential | None = None
    offline: bool | None = None
    error: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")] | None = None
    alarm: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")] | None = None
    count: _Counter | None = None

    @property
    def detail(self) -> dict[str, Any]:
        """What is stored besides time and kind: numbers, flags and short words, nothing that could be a
        code.
        """
        named = {"operation", "source", "offline", "error", "alarm", "count"}
        kept: dict[str, Any] = {
            name: getattr(self, name) for name in sorted(named) if getattr(self, name) is not None
        }
        if self.credential is not None:
            kept["credential"] = (
                list(self.credential) if isinstance(self.credential, tuple) else self.credential
            )
        is_told = _TOLD.get(self.kind, {})
        others = sorted((self.model_extra or {}).items())
        told = {name: value for name, value in others if name in is_told and is_told[name](value)}
        rest = [(name, value) for name, value in others if name not in told][:8]
        return (
            kept | told | {name: value for name, value in rest if _NAME.match(name) and _is_harmless(value)}
        )


class Hello(BaseModel):
    """A lock's contact: its state, its oldest unconfirmed events, and a nonce that binds our answer to it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    v: Literal[1]
    lock: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    n: _Counter
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    boot: _Counter
    why: Literal["schedule", "keypad", "opened", "boot", "alarm", "retry", "applied"]
    clock: Annotated[int, Field(ge=0, le=253402300799999)]
    clock_quality: ClockQuality
    applied: _Counter
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    result: Literal["ok", "stale", "conflict", "bad_envelope", "unsupported", "none"]
    mac_epoch: Annotated[int, Field(ge=0, le=MAX_EPOCH)]
    epoch: Annotated[int, Field(ge=0, le=MAX_EPOCH)]
    battery_mv: _Small | None
    temperature_c: _Small | None
    rssi_dbm: _Small | None
    hardware: _Text
    firmware: _Text
    bolt: Literal["locked", "unlocked", "jammed"]
    door: Literal["closed", "open", "none"]
    key: Literal["present", "out", "none"]
    operating_mode: Literal["normal", "passage", "vacation"]
    first_seq: _Counter
    last_seq: _Counter
    events: Annotated[list[Event], Field(max_length=MAX_EVENTS)]

    @model_validator(mode="after")
    def _in_order(self) -> "Hello":
        seqs = [event.seq for event in self.events]
        if seqs != sorted(set(seqs)):
            raise ValueError("events out of order")
        if seqs and not (self.first_seq <= seqs[0] and seqs[-1] <= self.last_seq):
            raise ValueError("events outside first_seq and last_seq")
        return self


def hello_of(opened: Opened) -> Hello:
    """The hello in an envelope that holds.

    Raises:
        BadMessage: `unsupported` for another `v`, `bad_payload` for anything else about its members.
    """
    # `true` and `1.0` are equal to 1 in Python, not on the wire.
    if type(opened.claims.get("v")) is not int or opened.claims["v"] != VERSION:
        raise BadMessage("unsupported")
    try:
        hello = Hello.model_validate(opened.claims)
    except ValidationError as error:
        raise BadMessage("bad_payload", f"{error.error_count()} members")
    return hello


def welcome_octets(
    *, lock: str, nonce: str, now_ms: int, version: int, digest: str, ack_seq: int, next_sync_at: int
) -> bytes:
    """The payload of an answer to a hello."""
    return to_json(
        {
            "v": VERSION,
            "lock": lock,
            "nonce": nonce,
            "now": now_ms,
            "version": version,
            "digest": digest,
            "ack_seq": ack_seq,
            "next_sync_at": next_sync_at,
        }
    )


def _is_harmless(value: object) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        # Eight digits and more could be a code typed at the keypad.
        return abs(value) < 10**7
    return isinstance(value, str) and bool(_WORD.match(value)) and not _DIGITS.search(value)
