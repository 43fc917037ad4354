"""Bumping a lock's desired version: the one statement that every change of a right runs, in its own
transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import UtcDateTime
from locks.models import SERVING, Lock

COALESCE = timedelta(seconds=2)
"""Changes within this time travel as one version."""


def bump(session: Session, which: sa.ColumnElement[bool], *, now: datetime) -> dict[int, tuple[str, int]]:
    """Give the serving locks that match a new version; {access point: (lock, version)}.

    Rows are locked in the order of their ids, so that two changes of several locks cannot wait for each
    other.
    """
    return _run(session, _statement(which), {}, now=now)


def bump_access_points(
    session: Session, access_point_ids: Sequence[int], *, now: datetime
) -> dict[int, tuple[str, int]]:
    """`bump` for the locks on these access points; one that has none is not in the answer."""
    return _run(session, _AT_POINTS, {"points": sorted(set(access_point_ids))}, now=now)


def _statement(which: sa.ColumnElement[bool]) -> Any:
    ordered = (
        sa.select(Lock.id)
        .where(which, Lock.state.in_(SERVING))
        .order_by(Lock.id)
        .with_for_update(key_share=True)
        .scalar_subquery()
    )
    return (
        sa.update(Lock)
        .where(Lock.id.in_(ordered))
        .values(desired_version=Lock.desired_version + 1, publish_due_at=_sooner(_DUE))
        .returning(Lock.access_point_id, Lock.id, Lock.desired_version)
        .execution_options(synchronize_session=False)
    )


def _run(
    session: Session, statement: Any, asked: dict[str, Any], *, now: datetime
) -> dict[int, tuple[str, int]]:
    changed = session.execute(statement, {**asked, "due": now + COALESCE})
    return {row.access_point_id: (row.id, row.desired_version) for row in changed}


def due_soon(now: datetime) -> sa.ColumnElement[datetime | None]:
    """A publication within `COALESCE`, or when it is due already, if that is sooner; a gateway's lease is
    overruled.
    """
    return _sooner(sa.literal(now + COALESCE, UtcDateTime()))


def _sooner(due: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime | None]:
    is_later = sa.or_(Lock.publish_due_at.is_(None), Lock.publish_due_at > due)
    return sa.case((is_later, due), else_=Lock.publish_due_at)


_DUE: sa.BindParameter[datetime] = sa.bindparam("due", type_=UtcDateTime())
_AT_POINTS = _statement(Lock.access_point_id.in_(sa.bindparam("points", expanding=True)))
"""Made once: making it costs a confirmation more than running it."""
