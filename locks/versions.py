"""Bumping a lock's desired version: the one statement that every change of a right runs, in its own
transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.models import Lock, LockState

COALESCE = timedelta(seconds=2)
"""Changes within this time travel as one version."""


def bump(session: Session, which: sa.ColumnElement[bool], *, now: datetime) -> dict[int, tuple[str, int]]:
    """Give the living locks that match a new version; {access point: (lock, version)}.

    Rows are locked in the order of their ids, so that two changes of several locks cannot wait for each
    other.
    """
    ordered = (
        sa.select(Lock.id)
        .where(which, Lock.state != LockState.DEAD)
        .order_by(Lock.id)
        .with_for_update(key_share=True)
        .scalar_subquery()
    )
    changed = session.execute(
        sa.update(Lock)
        .where(Lock.id.in_(ordered))
        .values(**bumped(now))
        .returning(Lock.access_point_id, Lock.id, Lock.desired_version)
        .execution_options(synchronize_session=False)
    )
    return {row.access_point_id: (row.id, row.desired_version) for row in changed}


def bump_access_points(
    session: Session, access_point_ids: Sequence[int], *, now: datetime
) -> dict[int, tuple[str, int]]:
    """`bump` for the locks on these access points; one that has none is not in the answer."""
    return bump(session, Lock.access_point_id.in_(sorted(set(access_point_ids))), now=now)


def bumped(now: datetime) -> dict[str, Any]:
    """The column values of a bump. A publication already due sooner stays due then; a gateway's lease is
    overruled.
    """
    return {"desired_version": Lock.desired_version + 1, "publish_due_at": due_soon(now)}


def due_soon(now: datetime) -> sa.ColumnElement[datetime | None]:
    """A publication within `COALESCE`, or when it is due already, if that is sooner."""
    due = now + COALESCE
    is_later = sa.or_(Lock.publish_due_at.is_(None), Lock.publish_due_at > due)
    return sa.case((is_later, due), else_=Lock.publish_due_at)
