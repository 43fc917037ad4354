"""Where a lock can be put."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.models import AccessPoint, Lock, LockState


def free_access_points(session: Session, *, municipality_id: int) -> list[tuple[int, str]]:
    """(id, name) of the municipality's access points without a lock, by name."""
    rows = session.execute(
        sa.select(AccessPoint.id, AccessPoint.name)
        .where(
            AccessPoint.municipality_id == municipality_id,
            ~sa.exists().where(Lock.access_point_id == AccessPoint.id, Lock.state != LockState.DEAD),
        )
        .order_by(AccessPoint.name, AccessPoint.id)
    )
    return [(row.id, row.name) for row in rows]
