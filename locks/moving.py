"""Putting a lock on another door, secrets and all."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere
from core.ids import random_bytes
from core.secrets import Keyring
from locks.alarms.kinds import AlarmKind
from locks.alarms.raising import end_alarm, raise_of_lock
from locks.callbacks import Callbacks
from locks.errors import AlreadyFitted
from locks.holders import tell_holders
from locks.keys import ROOT_LENGTH, code_root_of, group_binding
from locks.life_errors import NotServing, SharedCode
from locks.models import SERVING, AccessPoint, CodeGroup, Grant, Lock, LockState
from locks.taking_off import Held, forget_offer, held, take_rights


def move(
    session: Session,
    keyring: Keyring,
    callbacks: Callbacks,
    *,
    lock_id: str,
    access_point_id: int,
    actor: str,
    reason: str = "",
    now: datetime,
) -> None:
    """The lock belongs on another access point and has to show itself there anew (`commissioning`).

    Its next version, under a higher number, lists the new door's rights and none of the old one's. Until it
    has confirmed that, nothing more is sold there and it would still open for the old door's codes. Between
    code groups the code root travels with the lock, since it cannot learn another: the new door's codes come
    from it under a new epoch, the old door's from a fresh one, and the holders of both are told. Holders at
    the old door are told to call until it has a lock again. Asked again, nothing changes.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `held`; NotThere also for an access point that is not its
            municipality's.
        NotServing: it is being wiped.
        AlreadyFitted: there is a lock on that access point.
        SharedCode: the groups differ, and one of them has other locks.
    """
    target = session.get(AccessPoint, access_point_id)
    if target is None:
        raise NotThere(f"access point {access_point_id}")
    moved = held(session, lock_id, also=[access_point_id])
    lock = moved.lock
    if target.municipality_id != lock.municipality_id:
        raise NotThere(f"access point {access_point_id}")
    if target.id == lock.access_point_id:
        return
    if lock.state not in SERVING:
        raise NotServing(lock_id)
    if session.scalar(_alive().where(Lock.access_point_id == target.id)):
        raise AlreadyFitted
    changes_group = target.code_group_id != moved.point.code_group_id
    if changes_group:
        _take_code_root_along(session, keyring, moved, target)
    _move_rights(session, lock, target, now=now)
    if changes_group:
        tell_holders(session, callbacks, [moved.point.id, target.id], now=now)
    elif end_alarm(session, access_point_id=moved.point.id, kind=AlarmKind.REPROVISION_NEEDED, now=now):
        raise_of_lock(session, callbacks, lock, AlarmKind.REPROVISION_NEEDED, {}, now=now)
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor=actor,
        act="lock.move",
        subject=lock.id,
        detail={"from": moved.point.id, "to": target.id, "reason": reason},
        now=now,
    )


def _alive() -> sa.Select[str]:
    return sa.select(Lock.id).where(Lock.state != LockState.DEAD).limit(1)


def _take_code_root_along(session: Session, keyring: Keyring, moved: Held, target: AccessPoint) -> None:
    left, joined = moved.group, session.get_one(CodeGroup, target.code_group_id)
    of_groups = sa.select(AccessPoint.id).where(AccessPoint.code_group_id.in_([left.id, joined.id]))
    if session.scalar(_alive().where(Lock.access_point_id.in_(of_groups), Lock.id != moved.lock.id)):
        raise SharedCode(moved.lock.id)
    taken = code_root_of(
        keyring,
        code_group_id=left.id,
        of_group=left.wrapped_code_root,
        lock_id=moved.lock.id,
        of_lock=moved.lock.wrapped_code_root,
    )
    moved.lock.wrapped_code_root = None
    joined.wrapped_code_root = keyring.wrap(taken, bound_to=group_binding(joined.id))
    # The same window has the same code under one root: without an epoch of its own the new door would open
    # for people of the old one. And a lock refuses a state of an older epoch than the one it holds.
    joined.code_epoch = max(joined.code_epoch, left.code_epoch) + 1
    moved.lock.confirmed_code_epoch = None
    left.wrapped_code_root = keyring.wrap(random_bytes(ROOT_LENGTH), bound_to=group_binding(left.id))
    session.flush()


def _move_rights(session: Session, lock: Lock, target: AccessPoint, *, now: datetime) -> None:
    take_rights(session, lock)
    forget_offer(session, lock)
    lock.former_access_point_id, lock.access_point_id, lock.placed_at = lock.access_point_id, target.id, now
    lock.state, lock.commissioned_at, lock.clock_right_at = LockState.PROVISIONED, None, None
    lock.desired_version += 1
    lock.publish_due_at = now
    session.flush()
    session.execute(
        sa.update(Grant)
        .where(Grant.access_point_id == target.id, Grant.withdrawn_at.is_(None))
        .values(lock_id=lock.id, granted_version=lock.desired_version)
        .execution_options(synchronize_session=False)
    )
