"""What may be sold: nobody is sold a window for which a lock that we cannot reach would refuse the code."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.window import Window, granule_of
from locks.codes import MAX_LENGTH, MAX_REV
from locks.errors import NotSellable
from locks.models import AccessPoint, CodeGroupLane, Grant, Lock, LockOffer, LockState

LOOK_AHEAD = 2
"""A lock without contact accepts revs up to this far above its floor (protocol section 6, rule 4)."""
HORIZON = timedelta(days=14)
LOST_AFTER = timedelta(hours=26)

Offer = Mapping[str, Mapping[str, int]]


def require_sellable(
    session: Session, *, access_point_ids: Sequence[int], courts: Sequence[int], window: Window, now: datetime
) -> None:
    """Refuse a window that some lock concerned could not be relied on to open; one statement.

    Inside a lock's horizon: the applied version and every version since must list the start with that
    length and lane, and the rev it would get must be at most 2 above the listed floor. Beyond: free, as
    pending. The horizon is the applied version's (the next contact, hours away, brings the rest) unless the
    lock is lost: then it is today's. An access point whose lock never confirmed a version, or that has
    none, is sold freely: people get a staff key.

    Raises:
        NotSellable: see above, or the start has used up its revs.

    Source: lock-protocol.md 6, last paragraph.
    """
    if not access_point_ids:
        return
    starts = {
        granule: min(MAX_LENGTH, window.granules.stop - granule)
        for granule in range(window.granules.start, window.granules.stop, MAX_LENGTH)
    }
    points: dict[int, Any] = {}
    next_revs: dict[tuple[int, int], int] = {}
    asked = {
        "points": sorted(set(access_point_ids)),
        "courts": sorted(set(courts)),
        "granules": list(starts),
    }
    for row in session.execute(_WHAT_LOCKS_HOLD, asked):
        points[row.id] = row
        if row.granule is not None:
            next_revs[row.id, row.granule] = row.rev + 1
    for point in points.values():
        horizon = _horizon(point, now)
        for granule, length in starts.items():
            rev = next_revs.get((point.id, granule), 0)
            if point.lane is None or rev > MAX_REV:
                raise NotSellable("no lane for these courts, or no rev left")
            if granule < horizon and not is_derivable(
                point.starts or {},
                point.floors or {},
                granule=granule,
                length=length,
                lane=point.lane,
                rev=rev,
            ):
                raise NotSellable("not in every version that the lock may hold")


def _horizon(point: Any, now: datetime) -> int:
    """First granule from which on a window is sold as pending."""
    if not point.applied_version:
        return 0
    if point.last_contact_at is None or now - point.last_contact_at > LOST_AFTER:
        return max(int(point.horizon or 0), granule_of(now + HORIZON))
    return int(point.applied_horizon)


def is_derivable(starts: Offer, floors: Offer, *, granule: int, length: int, lane: int, rev: int) -> bool:
    """Whether a lock that holds such an offer opens for the window without having heard of the grant."""
    lengths = starts.get(str(granule), {}).get(str(lane), 0)
    floor = floors.get(str(granule), {}).get(str(lane), 0)
    return bool(lengths >> length & 1) and floor <= rev <= floor + LOOK_AHEAD


def _what_locks_hold() -> sa.Select[Any]:
    """One row for each access point and start that has grants there (one without, else), with the highest
    rev.
    """
    # Columns of tables, not of mapped classes: the mapper's share would be half of what a hold pays for it.
    access_point, group_lane, grant, lock, offer = (
        kind.__table__ for kind in (AccessPoint, CodeGroupLane, Grant, Lock, LockOffer)
    )
    points: sa.BindParameter[Any] = sa.bindparam("points", expanding=True)
    courts: sa.BindParameter[Any] = sa.bindparam("courts", expanding=True)
    granules: sa.BindParameter[Any] = sa.bindparam("granules", expanding=True)
    lane = (
        sa.select(sa.func.min(group_lane.c.lane))
        .where(
            group_lane.c.code_group_id == access_point.c.code_group_id,
            group_lane.c.court_ref.in_(courts),
        )
        .correlate(access_point)
        .scalar_subquery()
    )
    point = (
        sa.select(access_point.c.id, access_point.c.code_group_id, lane.label("lane"))
        .where(access_point.c.id.in_(points))
        .subquery()
    )
    used = (
        sa.select(grant.c.code_group_id, grant.c.lane, grant.c.granule, sa.func.max(grant.c.rev).label("rev"))
        .where(
            grant.c.granule.in_(granules),
            grant.c.code_group_id.in_(sa.select(point.c.code_group_id)),
        )
        .group_by(grant.c.code_group_id, grant.c.lane, grant.c.granule)
        .subquery()
    )
    return (
        sa.select(
            point.c.id,
            point.c.lane,
            used.c.granule,
            used.c.rev,
            lock.c.applied_version,
            lock.c.applied_horizon,
            lock.c.last_contact_at,
            offer.c.horizon,
            offer.c.starts,
            offer.c.floors,
        )
        .select_from(point)
        .outerjoin(lock, sa.and_(lock.c.access_point_id == point.c.id, lock.c.state == LockState.ACTIVE))
        .outerjoin(offer, offer.c.lock_id == lock.c.id)
        .outerjoin(used, sa.and_(used.c.code_group_id == point.c.code_group_id, used.c.lane == point.c.lane))
    )


_WHAT_LOCKS_HOLD = _what_locks_hold()
"""Made once: making it costs a hold more than running it."""
