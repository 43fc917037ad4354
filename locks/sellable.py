"""What may be sold: nobody is sold a window for which a lock that we cannot reach would refuse the code."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import UtcDateTime
from core.window import Window, granule_of, granule_start
from locks.codes import MAX_LENGTH, MAX_REV
from locks.errors import NotSellable, WhyNot
from locks.margins import EARLY_S
from locks.models import AccessPoint, CodeGroup, CodeGroupLane, Grant, Lock, LockOffer, LockState, Transport
from locks.modes.models import ModeOrder
from locks.revs import STEP

LOOK_AHEAD = 2
"""A lock without contact accepts revs up to this far above its floor (protocol section 6, rule 4)."""
HORIZON = timedelta(days=14)
LOST_AFTER = timedelta(hours=26)

PIN_MARGIN = timedelta(minutes=30)
"""How much later than its heartbeat a vendor's lock may hold a PIN."""

Offer = Mapping[str, Mapping[str, int]]


class Start(NamedTuple):
    """A grant that a sale would issue."""

    granule: int
    length: int
    lane: int | None
    """None: the code group does not list the courts."""
    rev: int


def require_sellable(
    session: Session, *, access_point_ids: Sequence[int], courts: Sequence[int], window: Window, now: datetime
) -> None:
    """Refuse a window that some lock concerned could not be relied on to open; one statement.

    Inside a lock's horizon (`horizon_of`) the applied version and every version since must list the start
    with that length and lane, and the rev it would get must be at most 2 above the listed floor. Beyond:
    free, as pending. An access point that never had a lock that spoke is sold freely: people get a staff
    key.

    Raises:
        NotSellable: see above, or the start has used up its revs; `why` says which.

    Source: lock-protocol.md 6, last paragraph.
    """
    if not access_point_ids:
        return
    points: dict[int, Any] = {}
    next_revs: dict[tuple[int, int], int] = {}
    starts = dict(parts_of(window.granules.start, len(window.granules)))
    asked = {
        "points": sorted(set(access_point_ids)),
        "courts": sorted(set(courts)),
        "granules": list(starts),
        "now": now,
    }
    for row in session.execute(_WHAT_LOCKS_HOLD, asked):
        points[row.id] = row
        if row.granule is not None:
            next_revs[row.id, row.granule] = row.rev + 1
    for point in points.values():
        horizon = horizon_of(point, now)
        for granule, length in starts.items():
            rev = next_revs.get((point.id, granule), STEP * point.restores)
            start = Start(granule, length, point.lane, rev)
            why = why_not(point, point.starts or {}, point.floors or {}, start, horizon=horizon, now=now)
            if why is not None:
                raise NotSellable(why, f"{why} at access point {point.id}")


def parts_of(first: int, length: int) -> list[tuple[int, int]]:
    """(granule, length) of each grant that a window of `length` granules from `first` on becomes."""
    end = first + length
    return [(granule, min(MAX_LENGTH, end - granule)) for granule in range(first, end, MAX_LENGTH)]


def horizon_of(point: Any, now: datetime) -> int:
    """First granule from which on a window is sold as pending; 0 where everything is sold freely.

    The applied version's while the lock is in touch (the next contact, hours away, brings the rest), today's
    14 days once it is lost or on its way off the door. A lock that has not confirmed anything counts only
    where one before it had: people are used to their codes there. `point`: `LOCK_COLUMNS`.
    """
    if point.lock_id is None:
        return 0
    all_of_today = granule_of(now + HORIZON)
    is_retiring = point.state == LockState.RETIRING
    if point.transport == Transport.VENDOR:
        return _vendor_horizon(point, all_of_today, now)
    if not point.applied_version:
        return all_of_today if point.has_predecessor or is_retiring else 0
    if point.last_contact_at is None or _is_lost(point, now) or is_retiring:
        return max(int(point.horizon or 0), all_of_today)
    return int(point.applied_horizon)


def _vendor_horizon(point: Any, all_of_today: int, now: datetime) -> int:
    # It derives nothing: a PIN that is pushed now gets there at its next heartbeat, if it keeps to that.
    if point.last_contact_at is None:
        return all_of_today if point.has_predecessor else 0
    if point.state == LockState.RETIRING or point.next_sync_at is None or _is_lost(point, now):
        return all_of_today
    there_by = point.next_sync_at + PIN_MARGIN
    # A heartbeat missed is one that may be missed again.
    return all_of_today if there_by < now else granule_of(there_by + timedelta(seconds=EARLY_S)) + 1


def why_not(
    point: Any, starts: Offer, floors: Offer, start: Start, *, horizon: int, now: datetime
) -> WhyNot | None:
    """What keeps a start from being sold at an access point; None where nothing does. Pure.

    `point`: columns of `LOCK_COLUMNS`; `starts`, `floors`: its offer; `horizon`: as `horizon_of` says.
    """
    granule, length, lane, rev = start
    if lane is None:
        return WhyNot.NO_LANE
    if rev > MAX_REV:
        return WhyNot.USED_UP
    if point.vacation_from is not None and _is_in_vacation(point, granule, length):
        return WhyNot.VACATION
    if granule >= horizon:
        return None
    if point.state == LockState.RETIRING:
        return WhyNot.RETIRING
    if is_derivable(starts, floors, granule=granule, length=length, lane=lane, rev=rev):
        return None
    if _is_lost(point, now):
        return WhyNot.NO_CONTACT
    is_listed = starts.get(str(granule), {}).get(str(lane), 0) >> length & 1
    return WhyNot.USED_UP if is_listed else WhyNot.NOT_LISTED


def _is_lost(point: Any, now: datetime) -> bool:
    return point.last_contact_at is not None and now - point.last_contact_at > LOST_AFTER


def _is_in_vacation(point: Any, granule: int, length: int) -> bool:
    if granule_start(granule + length) <= point.vacation_from:
        return False
    return point.vacation_until is None or granule_start(granule) < point.vacation_until


def is_derivable(starts: Offer, floors: Offer, *, granule: int, length: int, lane: int, rev: int) -> bool:
    """Whether a lock that holds such an offer opens for the window without having heard of the grant."""
    lengths = starts.get(str(granule), {}).get(str(lane), 0)
    floor = floors.get(str(granule), {}).get(str(lane), 0)
    return bool(lengths >> length & 1) and floor <= rev <= floor + LOOK_AHEAD


# Columns of tables, not of mapped classes: the mapper's share would be half of what a hold pays for it.
ACCESS_POINT, GROUP, GROUP_LANE, GRANT, LOCK, OFFER, MODE = (
    kind.__table__ for kind in (AccessPoint, CodeGroup, CodeGroupLane, Grant, Lock, LockOffer, ModeOrder)
)
_BEFORE = LOCK.alias("lock_before")
_LAST_END = sa.case(
    (sa.func.count(MODE.c.until_at) < sa.func.count(), None), else_=sa.func.max(MODE.c.until_at)
)
"""None: one of them lasts until somebody ends it."""


def _of_vacation(what: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """A figure over the access point's vacations that are not over."""
    now: sa.BindParameter[datetime] = sa.bindparam("now", type_=UtcDateTime())
    return (
        sa.select(sa.type_coerce(what, UtcDateTime()))
        .where(
            MODE.c.access_point_id == LOCK.c.access_point_id,
            MODE.c.mode == "vacation",
            MODE.c.ended_at.is_(None),
            sa.or_(MODE.c.until_at.is_(None), MODE.c.until_at > now),
        )
        .correlate(LOCK)
        .scalar_subquery()
    )


LOCK_COLUMNS = (
    LOCK.c.id.label("lock_id"),
    LOCK.c.state,
    LOCK.c.transport,
    LOCK.c.applied_version,
    LOCK.c.applied_horizon,
    LOCK.c.last_contact_at,
    LOCK.c.next_sync_at,
    OFFER.c.horizon,
    sa.exists()
    .where(
        _BEFORE.c.access_point_id == LOCK.c.access_point_id,
        _BEFORE.c.state == LockState.DEAD,
        _BEFORE.c.applied_version > 0,
    )
    .correlate(LOCK)
    .label("has_predecessor"),
    _of_vacation(sa.func.min(MODE.c.from_at)).label("vacation_from"),
    _of_vacation(_LAST_END).label("vacation_until"),
)
"""What the rule asks of the lock on an access point; bind `now`."""


def living_lock(points: Any, point_id: Any) -> Any:
    """`points` joined with the lock that is not dead on each, and with that lock's offer."""
    return points.outerjoin(
        LOCK, sa.and_(LOCK.c.access_point_id == point_id, LOCK.c.state != LockState.DEAD)
    ).outerjoin(OFFER, OFFER.c.lock_id == LOCK.c.id)


def _what_locks_hold() -> sa.Select[Any]:
    """One row for each access point and start that has grants there (one without, else), with the rev before
    the next (see `revs.next_rev`).
    """
    points: sa.BindParameter[Any] = sa.bindparam("points", expanding=True)
    courts: sa.BindParameter[Any] = sa.bindparam("courts", expanding=True)
    granules: sa.BindParameter[Any] = sa.bindparam("granules", expanding=True)
    lane = (
        sa.select(sa.func.min(GROUP_LANE.c.lane))
        .where(
            GROUP_LANE.c.code_group_id == ACCESS_POINT.c.code_group_id,
            GROUP_LANE.c.court_ref.in_(courts),
        )
        .correlate(ACCESS_POINT)
        .scalar_subquery()
    )
    point = (
        sa.select(ACCESS_POINT.c.id, ACCESS_POINT.c.code_group_id, GROUP.c.restores, lane.label("lane"))
        .join_from(ACCESS_POINT, GROUP, GROUP.c.id == ACCESS_POINT.c.code_group_id)
        .where(ACCESS_POINT.c.id.in_(points))
        .subquery()
    )
    used = (
        sa.select(
            GRANT.c.code_group_id,
            GRANT.c.lane,
            GRANT.c.granule,
            sa.func.max(GRANT.c.rev - STEP * GRANT.c.restores).label("rev"),
        )
        .where(
            GRANT.c.granule.in_(granules),
            GRANT.c.code_group_id.in_(sa.select(point.c.code_group_id)),
        )
        .group_by(GRANT.c.code_group_id, GRANT.c.lane, GRANT.c.granule)
        .subquery()
    )
    joined = living_lock(sa.join(point, used, _same_lane(point, used), isouter=True), point.c.id)
    return sa.select(
        point.c.id,
        point.c.lane,
        point.c.restores,
        used.c.granule,
        (used.c.rev + STEP * point.c.restores).label("rev"),
        *LOCK_COLUMNS,
        OFFER.c.starts,
        OFFER.c.floors,
    ).select_from(joined)


def _same_lane(point: Any, used: Any) -> sa.ColumnElement[bool]:
    return sa.and_(used.c.code_group_id == point.c.code_group_id, used.c.lane == point.c.lane)


_WHAT_LOCKS_HOLD = _what_locks_hold()
"""Made once: making it costs a hold more than running it."""
