"""Taking a lock off its door: replaced by a new one, stolen, or decommissioned. Each is final for it.

What heals a stolen lock is a new code root alone. Epochs do not: every key of every epoch follows from the
root by HKDF, so whoever has the root has them all (lock-protocol.md 1).
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.ids import random_bytes
from core.secrets import Keyring
from locks.alarms.kinds import AlarmKind
from locks.alarms.raising import end_alarm, raise_of_lock
from locks.callbacks import Callbacks
from locks.holders import tell_holders
from locks.installation import Installation, provision
from locks.keys import ROOT_LENGTH, code_root_of, group_binding, kept_code_root_binding
from locks.models import SERVING, AccessPoint, Lock, LockState, Transport
from locks.staff import emergency
from locks.taking_off import DeadWhy, Held, end_life, forget_offer, held, take_rights
from locks.vendors.fitting import is_of_vendor, take_off


def replace(
    session: Session,
    keyring: Keyring,
    callbacks: Callbacks,
    *,
    lock_id: str,
    actor: str,
    reason: str = "",
    now: datetime,
) -> Installation:
    """The old lock is dead at once; a new one has every living right, and opens for the codes that people
    hold.

    Only where the old one computed codes that its code group has left behind (a stolen sister lock, an epoch
    it had not confirmed yet) do they change; holders are told then.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `held`.
    """
    old = held(session, lock_id)
    lock, point, group = old.lock, old.point, old.group
    end_life(session, lock, DeadWhy.REPLACED, now=now)
    made = provision(session, keyring, point, group, transport=Transport(lock.transport), now=now)
    if lock.wrapped_code_root is not None or lock.confirmed_code_epoch not in (None, group.code_epoch):
        tell_holders(session, callbacks, [point.id], now=now)
    end_alarm(session, access_point_id=point.id, kind=AlarmKind.REPROVISION_NEEDED, now=now)
    _record(session, old, "lock.replace", actor, {"reason": reason, "successor": made.lock}, now=now)
    return made


def stolen(
    session: Session,
    keyring: Keyring,
    callbacks: Callbacks,
    *,
    lock_id: str,
    actor: str,
    reason: str = "",
    now: datetime,
) -> None:
    """The lock is dead at once, and whoever has it knows nothing of what its door opens for next.

    Its code group has a new code root: the door's next lock computes other codes, and their holders are told.
    The group's other locks still have the old root in their flash. They keep opening by it, which is what
    their codes are shown from, and each raises an alarm until it is replaced: the thief can compute codes of
    those doors. Staff and emergency codes of the group are replaced; ten digits are soon found by trying
    where the verifier's key is known.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `held`.
    """
    gone = held(session, lock_id)
    lock, point, group = gone.lock, gone.point, gone.group
    end_life(session, lock, DeadWhy.STOLEN, now=now)
    sisters, by_maker = _with_new_code_root(session, keyring, gone)
    emergency.replace_group(session, keyring, code_group_id=group.id, why="stolen", actor=actor, now=now)
    changed = [point.id, *(sister.access_point_id for sister in by_maker)]
    told = tell_holders(session, callbacks, changed, now=now)
    for sister in sisters:
        raise_of_lock(session, callbacks, sister, AlarmKind.REPROVISION_NEEDED, {"stolen": lock.id}, now=now)
    detail = {"reason": reason, "holders": told, "to_provision_anew": [sister.id for sister in sisters]}
    _record(session, gone, "lock.stolen", actor, detail, now=now)


def decommission(
    session: Session, *, lock_id: str, actor: str, reason: str = "", force: bool = False, now: datetime
) -> None:
    """Wipe the lock and take it out of service. Asked again while it is being wiped, nothing changes.

    It is sent a state without rights and is dead once it has proved that; until then no new lock can be put
    on its access point. With `force`, or if it has never spoken, it is dead now: what it holds stays in its
    flash. From now on holders are told to call.

    Raises:
        NotThere, LockIsDead: see `held`.
    """
    if is_of_vendor(session, lock_id):
        # It knows no state of ours: its PINs are taken back one by one.
        take_off(session, lock_id=lock_id, actor=actor, reason=reason, now=now)
        return
    leaving = held(session, lock_id)
    lock = leaving.lock
    if lock.state == LockState.RETIRING and not force:
        return
    take_rights(session, lock)
    if force or lock.last_contact_at is None:
        end_life(session, lock, DeadWhy.DECOMMISSIONED, now=now)
    else:
        lock.state = LockState.RETIRING
        lock.desired_version += 1
        lock.publish_due_at = now
        forget_offer(session, lock)
        session.flush()
    _record(
        session, leaving, "lock.decommission", actor, {"reason": reason, "state": str(lock.state)}, now=now
    )


def _with_new_code_root(session: Session, keyring: Keyring, gone: Held) -> tuple[list[Lock], list[Lock]]:
    """Give the code group a new code root; its other locks that keep the old one, and those of other
    makers, which hold digits and no root.
    """
    group = gone.group
    others = _sisters(session, gone)
    known = code_root_of(keyring, code_group_id=group.id, of_group=group.wrapped_code_root)
    group.wrapped_code_root = keyring.wrap(random_bytes(ROOT_LENGTH), bound_to=group_binding(group.id))
    by_maker = [lock for lock in others if lock.transport == Transport.VENDOR]
    keeping = [lock for lock in others if lock.transport != Transport.VENDOR]
    for lock in keeping:
        if lock.wrapped_code_root is None:
            lock.wrapped_code_root = keyring.wrap(known, bound_to=kept_code_root_binding(lock.id))
    if by_maker:
        # By a new epoch the loop sees that other digits are due.
        group.code_epoch += 1
    session.flush()
    return keeping, by_maker


def _sisters(session: Session, gone: Held) -> list[Lock]:
    """The other serving locks of a code group, held, by id."""
    return list(
        session.scalars(
            sa.select(Lock)
            .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
            .where(
                AccessPoint.code_group_id == gone.group.id, Lock.id != gone.lock.id, Lock.state.in_(SERVING)
            )
            .order_by(Lock.id)
            .with_for_update(of=Lock, key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def _record(
    session: Session, whose: Held, act: str, actor: str, detail: dict[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=whose.lock.municipality_id,
        actor=actor,
        act=act,
        subject=whose.lock.id,
        detail={"access_point": whose.point.id} | detail,
        now=now,
    )
