"""A lock's contact: a hello is verified, stored, and answered with a welcome that proves the storing
(protocol 5).

Nothing here sends: the answer may leave only after the caller's commit, since a welcome means "stored".
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.secrets import Keyring
from locks import commands, commissioning, event_log, metrics, offers, quarantine, taking_off
from locks.alarms import watching
from locks.callbacks import Callbacks
from locks.desired_state import living, locked_row, seal_desired, stored_or_built
from locks.envelope import HELLO, WELCOME, open_envelope, seal
from locks.errors import BadMessage
from locks.holders import tell_holders
from locks.keys import lock_binding, subkey
from locks.models import SERVING, AccessPoint, CodeGroup, DesiredVersion, Lock, LockState
from locks.turns import next_sync_at
from locks.versions import COALESCE
from locks.wire import Hello, hello_of, welcome_octets


@dataclass(frozen=True, slots=True)
class Verified:
    """A hello that its lock has signed."""

    lock: Lock
    hello: Hello
    mac_epoch: int
    root: bytes = field(repr=False)
    """The lock's secret, from which the answer's key follows too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back once the transaction is committed. `desired` where the lock has an older version
    applied.
    """

    lock_id: str
    version: int
    welcome: str
    desired: str | None
    commands: tuple[str, ...] = ()
    """Orders that travel before the welcome; over MQTT alone."""


def receive_hello(
    session: Session, keyring: Keyring, callbacks: Callbacks, *, lock_id: str, payload: bytes, now: datetime
) -> Answer | None:
    """Store a hello that came over MQTT. None where nobody is to be answered: not proved (quarantined), or
    not newer than the last.

    Counts what became of it in `kaiho_lock_messages_total`.
    """
    try:
        verified = verify(session, keyring, lock_id=lock_id, payload=payload)
    except BadMessage as error:
        reject(session, lock_id=lock_id, payload=payload, error=error, now=now)
        return None
    answer = accept(session, callbacks, verified, now=now)
    if answer is None or verified.lock.state not in SERVING:
        return answer
    orders = commands.due_for(
        session, keyring, verified.lock, verified.hello, mac_epoch=verified.mac_epoch, now=now
    )
    return replace(answer, commands=orders)


def verify(session: Session, keyring: Keyring, *, lock_id: str, payload: bytes) -> Verified:
    """Whether the message is a hello of this lock; reads only.

    Raises:
        BadMessage: it is not; `why` says what failed first.
    """
    lock = living(session, lock_id)
    if lock is None:
        raise BadMessage("unknown_lock")
    root = keyring.unwrap(lock.wrapped_root, bound_to=lock_binding(lock.id))
    epochs = {lock.mac_epoch} | ({lock.next_mac_epoch} if lock.next_mac_epoch is not None else set())
    keys = {epoch: subkey(root, "up", epoch) for epoch in epochs}
    opened = open_envelope(payload, keys=keys, lock=lock_id, direction="up", typ=HELLO)
    return Verified(lock, hello_of(opened), opened.mac_epoch, root)


def reject(session: Session, *, lock_id: str, payload: bytes, error: BadMessage, now: datetime) -> None:
    """Keep and count a message that proves nothing."""
    # There is no end of names that are nobody's: they share one sender's places.
    claimed = "" if error.why == "unknown_lock" else lock_id
    quarantine.keep(session, claimed_lock=claimed, why=error.why, message=payload, now=now)
    metrics.MESSAGES.labels(error.why).inc()


def accept(session: Session, callbacks: Callbacks, verified: Verified, *, now: datetime) -> Answer | None:
    """Store a verified hello: its events, then the contact; None where `n` is not above the last one's."""
    hello = verified.hello
    new = event_log.store(session, callbacks, verified.lock, hello.events, now=now)
    lock = locked_row(session, hello.lock)
    watching.watch_events(session, callbacks, lock, new, now=now)
    commands.note_results(session, lock, new, now=now)
    if lock.state == LockState.DEAD or hello.n <= lock.last_n:
        metrics.MESSAGES.labels("replayed").inc()
        return None
    _adopt_mac_epoch(lock, verified.mac_epoch, now)
    lost = event_log.acknowledge(session, lock, hello, now=now)
    watching.watch_state(session, callbacks, lock, hello, lost_events=lost, now=now)
    _note_state(session, lock, hello, now)
    # Held until the answer: the newest version is asked for again then, and is mostly this one.
    applied = session.get(DesiredVersion, (lock.id, hello.applied))
    _note_applied(session, callbacks, lock, hello, applied, now=now)
    commissioning.advance(session, lock, hello, now=now)
    callbacks.lock_state_changed(session, lock_id=lock.id, access_point_id=lock.access_point_id, now=now)
    session.flush()
    stored = stored_or_built(session, callbacks, lock, now=now)
    metrics.MESSAGES.labels("ok").inc()
    taking_off.end_if_empty(session, lock, hello, now=now)
    return _answer(lock, verified, stored, now=now)


def _adopt_mac_epoch(lock: Lock, mac_epoch: int, now: datetime) -> None:
    if mac_epoch == lock.next_mac_epoch:
        lock.mac_epoch, lock.next_mac_epoch = mac_epoch, None
        # What the broker has retained is signed under an epoch that the lock takes no longer.
        lock.publish_due_at = now


def _note_state(session: Session, lock: Lock, hello: Hello, now: datetime) -> None:
    lock.last_n = hello.n
    lock.last_contact_at = now
    lock.next_sync_at = next_sync_at(session, lock, now=now)
    lock.boot, lock.why, lock.result = hello.boot, hello.why, hello.result
    lock.clock_quality, lock.operating_mode = hello.clock_quality, hello.operating_mode
    lock.battery_mv, lock.temperature_c, lock.rssi_dbm = hello.battery_mv, hello.temperature_c, hello.rssi_dbm
    lock.hardware, lock.firmware = hello.hardware, hello.firmware
    lock.bolt, lock.door, lock.key_state = hello.bolt, hello.door, hello.key


def _note_applied(
    session: Session,
    callbacks: Callbacks,
    lock: Lock,
    hello: Hello,
    applied: DesiredVersion | None,
    *,
    now: datetime,
) -> None:
    """Move the applied version on where the lock proves it; a lock ahead of us gets a version above its
    own. With a new code epoch the codes of everybody who may open it are other ones from here on.
    """
    is_ours = applied is not None and applied.digest == hello.digest
    if hello.applied > lock.desired_version or (hello.applied == lock.desired_version and not is_ours):
        if hello.applied:
            # We come from a restored backup: what the lock holds is not what we would send under that number.
            lock.desired_version = hello.applied + 1
            lock.publish_due_at = now + COALESCE
        return
    if applied is None or not is_ours:
        return
    before, lock.confirmed_code_epoch = (
        lock.confirmed_code_epoch,
        _known_epoch(session, lock, hello.epoch),
    )
    if before is not None and before != lock.confirmed_code_epoch:
        tell_holders(session, callbacks, [lock.access_point_id], now=now)
    if hello.applied > lock.applied_version:
        lock.applied_version, lock.applied_at = hello.applied, now
        lock.applied_horizon, lock.applied_grants_until = applied.horizon, applied.grants_until
        session.flush()
        offers.confirm(session, lock)


def _known_epoch(session: Session, lock: Lock, epoch: int) -> int | None:
    if epoch == lock.confirmed_code_epoch:
        return epoch
    newest = session.scalar(
        sa.select(CodeGroup.code_epoch)
        .join(AccessPoint, AccessPoint.code_group_id == CodeGroup.id)
        .where(AccessPoint.id == lock.access_point_id)
    )
    return epoch if newest is not None and epoch <= newest else lock.confirmed_code_epoch


def _answer(lock: Lock, verified: Verified, stored: DesiredVersion, *, now: datetime) -> Answer:
    assert lock.next_sync_at is not None
    octets = welcome_octets(
        lock=lock.id,
        nonce=verified.hello.nonce,
        now_ms=int(now.timestamp() * 1000),
        version=stored.version,
        digest=stored.digest,
        ack_seq=lock.acked_seq,
        next_sync_at=int(lock.next_sync_at.timestamp()),
    )
    key = subkey(verified.root, "down", verified.mac_epoch)
    welcome = seal(octets, key=key, lock=lock.id, direction="down", mac_epoch=verified.mac_epoch, typ=WELCOME)
    desired = None
    if verified.hello.applied < stored.version:
        desired = seal_desired(verified.root, lock, stored.payload, mac_epoch=verified.mac_epoch)
    return Answer(lock.id, stored.version, welcome, desired)
