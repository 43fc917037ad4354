"""Orders that a lock carries out once (protocol section 4): they wait as rows for its next contact.

A lock sleeps between contacts, so an order travels inside one, just before the welcome, while its clock is
known and right; it is never retained and is dead after a minute. Sent is sent: where a crash or the network
loses it there is no result, the page says so, and somebody orders again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import BadInput
from core.ids import random_bytes
from core.secrets import Keyring
from locks.envelope import COMMAND, seal, to_json
from locks.keys import lock_binding, subkey
from locks.life_errors import NoCommands, NotServing, TooManyCommands
from locks.models import SERVING, Lock, LockCommand, Transport
from locks.taking_off import held
from locks.wire import VERSION, Event, Hello

LASTS = timedelta(seconds=60)
"""From sending; the lock refuses more than 120 s."""
WAITS = timedelta(hours=26)
"""For a contact; nobody wants a lock to beep because of what somebody pressed two days ago."""
_CLOCK_WITHIN_MS = 20_000
"""A lock whose clock is further off would take a fresh order for an old one."""
_WAITING = 8

_LETTERS = str.maketrans("0123456789", "ghijklmnop")

MODES = ("normal", "passage", "vacation")


class CommandKind(StrEnum):
    """What a lock can be told to do."""

    IDENTIFY = "identify"
    SYNC_NOW = "sync_now"
    SET_MODE = "set_mode"
    """`{"operating_mode"}`, until its next desired version."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One order and what became of it."""

    id: str
    kind: CommandKind
    args: Mapping[str, Any]
    ordered_at: datetime
    sent_at: datetime | None
    result: str | None
    """`ok` | `unsupported` as the lock says; `expired`, `dropped`: never sent; empty: it has not said."""
    result_at: datetime | None


def order(
    session: Session,
    *,
    lock_id: str,
    kind: CommandKind,
    args: Mapping[str, Any] | None = None,
    actor: str,
    now: datetime,
) -> str:
    """The id of an order that waits for the lock's next contact; the same that waits already is not doubled.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `held`.
        NotServing: the lock is being wiped.
        NoCommands: it speaks HTTPS, which has no way for orders.
        BadInput: `set_mode` without one of the modes, or arguments that its kind does not have.
        TooManyCommands: eight others wait.
    """
    lock = held(session, lock_id).lock
    if lock.state not in SERVING:
        raise NotServing(lock_id)
    if lock.transport != Transport.MQTT:
        raise NoCommands(lock_id)
    given = dict(args or {})
    wanted = {"operating_mode"} if kind == CommandKind.SET_MODE else set()
    if set(given) != wanted or given.get("operating_mode", MODES[0]) not in MODES:
        raise BadInput("args")
    waiting = session.scalars(
        sa.select(LockCommand)
        .where(LockCommand.lock_id == lock_id, LockCommand.sent_at.is_(None))
        .order_by(LockCommand.ordered_at)
    ).all()
    for other in waiting:
        if other.kind == kind and other.args == given:
            return other.id
    if len(waiting) >= _WAITING:
        raise TooManyCommands(lock_id)
    # Letters alone: eight digits in a row could be a code, and what a lock reports is stored without such.
    command_id = random_bytes(12).hex().translate(_LETTERS)
    session.add(LockCommand(id=command_id, lock_id=lock_id, kind=str(kind), args=given, ordered_at=now))
    session.flush()
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor=actor,
        act="lock.command",
        subject=lock_id,
        detail={"command": command_id, "kind": str(kind)} | given,
        now=now,
    )
    return command_id


def due_for(
    session: Session, keyring: Keyring, lock: Lock, hello: Hello, *, mac_epoch: int, now: datetime
) -> tuple[str, ...]:
    """The orders that travel in this contact, signed, oldest first; from here on they count as sent.

    The caller holds the lock's row.
    """
    off_ms = abs(hello.clock - int(now.timestamp() * 1000))
    if hello.clock_quality == "unknown" or off_ms > _CLOCK_WITHIN_MS:
        return ()
    rows = session.scalars(
        sa.select(LockCommand)
        .where(LockCommand.lock_id == lock.id, LockCommand.sent_at.is_(None))
        .order_by(LockCommand.ordered_at, LockCommand.id)
    ).all()
    if not rows:
        return ()
    key = subkey(keyring.unwrap(lock.wrapped_root, bound_to=lock_binding(lock.id)), "down", mac_epoch)
    sent = []
    for row in rows:
        row.sent_at = now
        if now - row.ordered_at > WAITS:
            row.result, row.result_at = "expired", now
            continue
        octets = _octets(row, now)
        sent.append(seal(octets, key=key, lock=lock.id, direction="down", mac_epoch=mac_epoch, typ=COMMAND))
    session.flush()
    return tuple(sent)


def note_results(session: Session, lock: Lock, events: Sequence[Event], *, now: datetime) -> None:
    """Write down what the lock says became of its orders; an id that it was never given changes nothing."""
    for event in events:
        members = event.model_extra or {}
        command_id, result = members.get("id"), members.get("result")
        if event.kind != "command_result" or not isinstance(command_id, str) or not isinstance(result, str):
            continue
        session.execute(
            sa.update(LockCommand)
            .where(
                LockCommand.id == command_id,
                LockCommand.lock_id == lock.id,
                LockCommand.sent_at.is_not(None),
                LockCommand.result.is_(None),
            )
            .values(result=result[:32], result_at=now)
            .execution_options(synchronize_session=False)
        )


def of_lock(session: Session, lock_id: str, *, limit: int = 10) -> list[CommandLine]:
    """The lock's newest orders, newest first."""
    rows = session.scalars(
        sa.select(LockCommand)
        .where(LockCommand.lock_id == lock_id)
        .order_by(LockCommand.ordered_at.desc(), LockCommand.id)
        .limit(limit)
    )
    return [
        CommandLine(
            row.id, CommandKind(row.kind), row.args, row.ordered_at, row.sent_at, row.result, row.result_at
        )
        for row in rows
    ]


def _octets(row: LockCommand, now: datetime) -> bytes:
    issued_at = int(now.timestamp())
    return to_json(
        {
            "v": VERSION,
            "lock": row.lock_id,
            "id": row.id,
            "kind": row.kind,
            "args": row.args,
            "issued_at": issued_at,
            "expires_at": issued_at + int(LASTS.total_seconds()),
        }
    )
