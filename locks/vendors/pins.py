"""PINs at vendors as desired state: what the grants say is compared with the rows, what differs is due.

Steps; `reconcile.py` makes the calls between them. A crash anywhere leaves a row that is due again, and every
errand to a vendor may be repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import UtcDateTime, insert_into
from core.ids import jitter
from core.secrets import Keyring
from core.window import GRANULE_S, granule_of, granule_start
from locks.alarms.kinds import AlarmKind
from locks.alarms.raising import end_alarm, raise_alarm
from locks.callbacks import Callbacks
from locks.codes import MAX_LENGTH, code_of
from locks.keys import group_binding, subkey
from locks.margins import late_s, opens_from
from locks.models import AccessPoint, CodeGroup, Grant, Lock, LockState, Transport
from locks.vendors.models import PinState, VendorPin
from locks.vendors.port import PinOrder, PinStanding

PUSHED_AHEAD = timedelta(days=45)
"""As far ahead as our own locks hold grants; what is sold later is pushed when its time comes."""
LEASE = timedelta(minutes=5)
ASK_AGAIN = timedelta(minutes=1)
CHECKED_EVERY = timedelta(hours=6)
"""A vendor's cloud may lose what it said the lock had."""
ALARM_AFTER = 3
"""Refusals in a row."""
_ALIVE = (PinState.WANTED, PinState.SENT, PinState.ON_THE_LOCK)


@dataclass(frozen=True, slots=True)
class Errand:
    """A row that one worker has for the length of a lease; its order hides the digits."""

    grant_id: int
    lock_id: str
    access_point_id: int
    vendor: str
    state: PinState
    pin_ref: str | None
    attempts: int
    order: PinOrder


def plan(session: Session, *, now: datetime) -> int:
    """Write down what the grants want of the vendors' clouds and is not written down yet; how many rows."""
    wanted = list(session.execute(_unwritten(now)))
    if wanted:
        rows = [
            {
                "grant_id": row.grant_id,
                "lock_id": row.lock_id,
                "code_epoch": row.code_epoch,
                "state": PinState.WANTED,
                "due_at": now,
                "attempts": 0,
            }
            for row in wanted
        ]
        session.execute(insert_into(session, VendorPin).on_conflict_do_nothing(), rows)
    again = _run(
        session,
        sa.update(VendorPin)
        .where(
            VendorPin.state == PinState.GONE, sa.tuple_(VendorPin.grant_id, VendorPin.lock_id).in_(_live(now))
        )
        .values(state=PinState.WANTED, due_at=now, attempts=0, pin_ref=None, code_epoch=_epoch_now()),
    )
    back = _run(
        session,
        sa.update(VendorPin)
        .where(
            VendorPin.state.in_(_ALIVE),
            sa.or_(
                sa.tuple_(VendorPin.grant_id, VendorPin.lock_id).not_in(_live(now)),
                VendorPin.code_epoch != _epoch_now(),
            ),
        )
        .values(
            state=PinState.REVOKING,
            attempts=0,
            # A `put` may be under way: taken back before it arrives, the PIN would stay for good.
            due_at=sa.case(
                (
                    sa.and_(
                        VendorPin.state == PinState.WANTED, VendorPin.attempts > 0, VendorPin.due_at > now
                    ),
                    VendorPin.due_at,
                ),
                else_=sa.literal(now, UtcDateTime()),
            ),
        ),
    )
    return len(wanted) + again + back


def claim(session: Session, keyring: Keyring, *, limit: int, now: datetime) -> list[Errand]:
    """Take up to `limit` due rows, taking back before putting; two workers never hold the same."""
    due = session.scalars(
        sa.select(VendorPin)
        .where(VendorPin.due_at <= now)
        .order_by(VendorPin.state != PinState.REVOKING, VendorPin.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not due:
        return []
    facts = {row.Grant.id: row for row in session.execute(_facts([pin.grant_id for pin in due]))}
    locks = {
        lock.id: lock
        for lock in session.scalars(sa.select(Lock).where(Lock.id.in_({p.lock_id for p in due})))
    }
    errands = []
    for pin in due:
        pin.due_at = now + LEASE
        pin.attempts += 1
        errands.append(_errand(keyring, pin, locks[pin.lock_id], facts[pin.grant_id]))
    session.flush()
    return errands


def was_put(session: Session, errand: Errand, pin_ref: str, *, now: datetime) -> None:
    """The cloud has the PIN."""
    _move(session, errand, state=PinState.SENT, pin_ref=pin_ref, due_at=now + ASK_AGAIN)
    end_alarm(
        session,
        access_point_id=errand.access_point_id,
        kind=AlarmKind.VENDOR_REFUSED,
        subject=errand.order.key,
        now=now,
    )


def was_told(
    session: Session, callbacks: Callbacks, errand: Errand, standing: PinStanding, *, now: datetime
) -> None:
    """The vendor said where the PIN is."""
    if errand.state == PinState.REVOKING:
        if standing == PinStanding.ABSENT:
            _move(session, errand, state=PinState.GONE, due_at=None)
        else:
            _set(session, errand, due_at=now + ASK_AGAIN)
    elif standing == PinStanding.ON_THE_LOCK:
        _move(session, errand, state=PinState.ON_THE_LOCK, due_at=now + CHECKED_EVERY)
    elif standing == PinStanding.ABSENT:
        _move(session, errand, state=PinState.WANTED, pin_ref=None, due_at=now)
    elif standing == PinStanding.REFUSED:
        was_refused(session, callbacks, errand, "lock", now=now)
    else:
        _move(session, errand, state=PinState.SENT, due_at=now + ASK_AGAIN)


def was_refused(session: Session, callbacks: Callbacks, errand: Errand, why: str, *, now: datetime) -> None:
    """The vendor said no: tried again, rarely; staff are alarmed from the third time on."""
    _set(session, errand, due_at=now + _pause(errand.attempts), last_error=why[:64])
    if errand.attempts >= ALARM_AFTER:
        raise_alarm(
            session,
            callbacks,
            access_point_id=errand.access_point_id,
            lock_id=errand.lock_id,
            kind=AlarmKind.VENDOR_REFUSED,
            subject=errand.order.key,
            detail={"vendor": errand.vendor, "why": why[:64], "state": str(errand.state)},
            now=now,
        )


def is_away(session: Session, errand: Errand, *, now: datetime) -> None:
    """The vendor did not answer; what came of it is not known, and the next errand finds out."""
    _set(session, errand, due_at=now + _pause(errand.attempts), last_error="unavailable")


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=min(30 * 2 ** min(attempts, 10), 3600) * (0.5 + jitter()))


def _errand(keyring: Keyring, pin: VendorPin, lock: Lock, facts: Any) -> Errand:
    grant: Grant = facts.Grant
    group: CodeGroup = facts.CodeGroup
    code_root = keyring.unwrap(group.wrapped_code_root, bound_to=group_binding(group.id))
    digits = code_of(
        subkey(code_root, "code", pin.code_epoch), grant.granule, grant.length, grant.lane, grant.rev
    )
    order = PinOrder(
        key=f"kaiho-{grant.id}-{pin.lock_id}-{pin.code_epoch}",
        lock_ref=lock.vendor_ref or "",
        digits=digits,
        opens_from=opens_from(grant.granule),
        opens_until=granule_start(grant.granule + grant.length) + timedelta(seconds=late_s(facts.kind)),
        may_exist=pin.attempts > 1,
    )
    return Errand(
        grant_id=grant.id,
        lock_id=lock.id,
        access_point_id=lock.access_point_id,
        vendor=lock.vendor or "",
        state=PinState(pin.state),
        pin_ref=pin.pin_ref,
        attempts=pin.attempts,
        order=order,
    )


def _live(now: datetime) -> sa.Select[int, str]:
    """(grant, lock) of everything that a vendor's lock should hold now."""
    oldest = int(now.timestamp()) // GRANULE_S - MAX_LENGTH
    return (
        sa.select(Grant.id, Lock.id)
        .join(Lock, Lock.access_point_id == Grant.access_point_id)
        .where(
            Lock.transport == Transport.VENDOR,
            Lock.state.in_((LockState.PROVISIONED, LockState.ACTIVE)),
            Grant.withdrawn_at.is_(None),
            Grant.granule >= oldest,
            Grant.granule + Grant.length >= int(now.timestamp()) // GRANULE_S - 2,
            Grant.granule < granule_of(now + PUSHED_AHEAD),
        )
    )


def _unwritten(now: datetime) -> sa.Select[int, str, int]:
    live = _live(now).with_only_columns(
        Grant.id.label("grant_id"), Lock.id.label("lock_id"), CodeGroup.code_epoch.label("code_epoch")
    )
    return (
        live.join(CodeGroup, CodeGroup.id == Grant.code_group_id)
        .outerjoin(VendorPin, sa.and_(VendorPin.grant_id == Grant.id, VendorPin.lock_id == Lock.id))
        .where(VendorPin.grant_id.is_(None))
    )


def _epoch_now() -> Any:
    return (
        sa.select(CodeGroup.code_epoch)
        .join(Grant, Grant.code_group_id == CodeGroup.id)
        .where(Grant.id == VendorPin.grant_id)
        .correlate(VendorPin)
        .scalar_subquery()
    )


def _facts(grant_ids: Sequence[int]) -> sa.Select[Grant, CodeGroup, str]:
    return (
        sa.select(Grant, CodeGroup, AccessPoint.kind)
        .join(CodeGroup, CodeGroup.id == Grant.code_group_id)
        .join(AccessPoint, AccessPoint.id == Grant.access_point_id)
        .where(Grant.id.in_(grant_ids))
    )


def _move(session: Session, errand: Errand, *, state: PinState, **values: Any) -> None:
    fresh: Mapping[str, Any] = {} if state == errand.state else {"attempts": 0}
    _set(session, errand, state=state, last_error=None, **fresh, **values)


def _set(session: Session, errand: Errand, **values: Any) -> None:
    # Only while the row is still what the errand was about: a grant withdrawn meanwhile has moved it.
    session.execute(
        sa.update(VendorPin)
        .where(
            VendorPin.grant_id == errand.grant_id,
            VendorPin.lock_id == errand.lock_id,
            VendorPin.state == errand.state,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _run(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)
