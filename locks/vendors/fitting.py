"""Putting a lock of another maker on an access point: we only learn what its vendor calls it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.ids import random_bytes
from core.secrets import Keyring
from locks.errors import AlreadyFitted
from locks.keys import ROOT_LENGTH, lock_binding
from locks.models import AccessPoint, Grant, Lock, LockState, Transport


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
