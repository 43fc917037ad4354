"""Putting a lock of another maker on an access point, and taking it off: we only know its vendor's name for
it.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere
from core.ids import random_bytes
from core.secrets import Keyring
from locks.errors import AlreadyFitted
from locks.keys import ROOT_LENGTH, lock_binding
from locks.life_errors import LockIsDead
from locks.models import AccessPoint, Grant, Lock, LockState, Transport
from locks.taking_off import DeadWhy, end_life, take_rights


def add_vendor_lock(
    session: Session,
    keyring: Keyring,
    *,
    access_point_id: int,
    vendor: str,
    vendor_ref: str,
    actor: str,
    now: datetime,
) -> str:
    """The id of a new lock that is reached through its vendor; every right that exists there follows.

    It is active once the vendor says that it has heard it.

    Raises:
        AlreadyFitted: the access point has a lock that is not dead.
    """
    point = session.get_one(AccessPoint, access_point_id)
    if session.scalar(
        sa.select(Lock.id).where(Lock.access_point_id == access_point_id, Lock.state != LockState.DEAD)
    ):
        raise AlreadyFitted
    lock_id = random_bytes(8).hex()
    session.add(
        Lock(
            id=lock_id,
            municipality_id=point.municipality_id,
            access_point_id=access_point_id,
            transport=Transport.VENDOR,
            vendor=vendor,
            vendor_ref=vendor_ref,
            added_at=now,
            # It never speaks to us: a secret that nobody knows, and a password that nothing matches.
            wrapped_root=keyring.wrap(random_bytes(ROOT_LENGTH), bound_to=lock_binding(lock_id)),
            broker_password_hash="",
        )
    )
    session.flush()
    session.execute(
        sa.update(Grant)
        .where(Grant.access_point_id == access_point_id, Grant.withdrawn_at.is_(None))
        .values(lock_id=lock_id, granted_version=1)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        session,
        municipality_id=point.municipality_id,
        actor=actor,
        act="lock.provision",
        subject=lock_id,
        detail={"access_point": access_point_id, "vendor": vendor},
        now=now,
    )
    return lock_id


def is_of_vendor(session: Session, lock_id: str) -> bool:
    """Whether the lock is reached through its maker."""
    return session.scalar(sa.select(Lock.transport).where(Lock.id == lock_id)) == Transport.VENDOR


def take_off(session: Session, *, lock_id: str, actor: str, reason: str, now: datetime) -> None:
    """Take a vendor's lock out of service; its PINs are taken back by the loop.

    Raises:
        NotThere: no such lock of a vendor.
        LockIsDead: it is out of service already.
    """
    lock = session.scalar(
        sa.select(Lock)
        .where(Lock.id == lock_id, Lock.transport == Transport.VENDOR)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if lock is None:
        raise NotThere(f"lock {lock_id}")
    if lock.state == LockState.DEAD:
        raise LockIsDead(lock_id)
    take_rights(session, lock)
    end_life(session, lock, DeadWhy.DECOMMISSIONED, now=now)
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor=actor,
        act="lock.decommission",
        subject=lock.id,
        detail={"access_point": lock.access_point_id, "reason": reason, "vendor": lock.vendor or ""},
        now=now,
    )
