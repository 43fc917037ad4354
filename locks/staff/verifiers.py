"""The `staff` list of a desired state (protocol section 4): what a lock keeps of its codes."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.secrets import Keyring
from locks.codes import staff_verifier
from locks.keys import lock_binding, subkey
from locks.models import AccessPoint, CodeGroup, Lock, LockState
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode, StaffRight

Row = list[int | str]
"""[gid, kind, not_before, not_after, verifier]."""


def rows_for(session: Session, keyring: Keyring, lock: Lock, *, now: datetime) -> list[Row]:
    """The rights that the lock shall know, sorted: not withdrawn, not ended, not over.

    Verifiers are under the lock's own root and the code epoch of its group, which is what its desired state
    names. A lock that is being wiped shall know none.
    """
    if lock.state == LockState.RETIRING:
        return []
    group = (
        sa.select(CodeGroup.id, CodeGroup.code_epoch)
        .join(AccessPoint, AccessPoint.code_group_id == CodeGroup.id)
        .where(AccessPoint.id == lock.access_point_id)
        .subquery()
    )
    found = session.execute(
        sa.select(StaffCode, StaffRight, group.c.code_epoch)
        .join(StaffRight, StaffRight.id == StaffCode.staff_right_id)
        .join(group, group.c.id == StaffCode.code_group_id)
        .where(StaffCode.withdrawn_at.is_(None), StaffRight.ended_at.is_(None), StaffRight.not_after >= now)
    ).all()
    if not found:
        return []
    root = keyring.unwrap(lock.wrapped_root, bound_to=lock_binding(lock.id))
    key = subkey(root, "grant", found[0].code_epoch)
    return sorted(
        [
            code.gid,
            right.kind,
            int(right.not_before.timestamp()),
            int(right.not_after.timestamp()),
            staff_verifier(key, code.gid, digits_of(keyring, code)),
        ]
        for code, right, _ in found
    )
