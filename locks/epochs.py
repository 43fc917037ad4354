"""New keys from the secrets that a lock has: message keys at any time, codes only where they may change."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere
from locks.callbacks import Callbacks
from locks.holders import tell_holders
from locks.models import SERVING, AccessPoint, CodeGroup, Lock
from locks.taking_off import held
from locks.versions import bump


def rotate_mac_epoch(session: Session, *, lock_id: str, actor: str, reason: str = "", now: datetime) -> None:
    """Announce the next MAC epoch in a new version; it counts from the lock's first hello under it.

    Asked again while one is announced, nothing changes. It does not heal a root that somebody has.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `held`.
    """
    lock = held(session, lock_id).lock
    if lock.next_mac_epoch is not None:
        return
    lock.next_mac_epoch = lock.mac_epoch + 1
    session.flush()
    bump(session, Lock.id == lock.id, now=now)
    audit.record(
        session,
        municipality_id=lock.municipality_id,
        actor=actor,
        act="lock.rotate_mac_epoch",
        subject=lock.id,
        detail={"next_mac_epoch": lock.next_mac_epoch, "reason": reason},
        now=now,
    )


def rotate_code_epoch(
    session: Session,
    callbacks: Callbacks,
    *,
    code_group_id: int,
    code_epoch: int,
    actor: str,
    reason: str = "",
    now: datetime,
) -> None:
    """Change every code of a code group that is at `code_epoch`; asked again, it is not, and nothing changes.

    A lock goes on opening by the old codes, and they are what is shown, until it confirms the new epoch; its
    holders are told then (`contact`). Where no lock has confirmed any epoch the codes change now, and their
    holders are told now. It does not heal a root that somebody has.

    Raises:
        NotThere: there is no such code group.
    """
    group = session.scalar(
        sa.select(CodeGroup)
        .where(CodeGroup.id == code_group_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if group is None:
        raise NotThere(f"code group {code_group_id}")
    if group.code_epoch != code_epoch:
        return
    group.code_epoch += 1
    session.flush()
    of_group = sa.select(AccessPoint.id).where(AccessPoint.code_group_id == code_group_id)
    bump(session, Lock.access_point_id.in_(of_group), now=now)
    keeps_old = sa.exists().where(
        Lock.access_point_id == AccessPoint.id,
        Lock.state.in_(SERVING),
        Lock.confirmed_code_epoch.is_not(None),
    )
    changed = list(session.scalars(of_group.where(~keeps_old)))
    tell_holders(session, callbacks, changed, now=now)
    audit.record(
        session,
        municipality_id=group.municipality_id,
        actor=actor,
        act="lock.rotate_code_epoch",
        subject=f"code_group/{code_group_id}",
        detail={"code_epoch": group.code_epoch, "reason": reason},
        now=now,
    )
