"""Which of many starts could be sold at many access points now, for pages: two statements.

A page's answer is a hint; whoever takes a window is asked again, by `sellable.require_sellable`.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.errors import WhyNot
from locks.revs import STEP
from locks.sellable import (
    ACCESS_POINT,
    GRANT,
    GROUP,
    GROUP_LANE,
    LOCK_COLUMNS,
    LOOK_AHEAD,
    OFFER,
    Offer,
    Start,
    horizon_of,
    living_lock,
    parts_of,
    why_not,
)

__all__ = ["Reliance", "reliance"]

_KEPT_TEXTS = 512


@dataclass(frozen=True, slots=True)
class _Point:
    row: Any
    horizon: int
    starts: Offer
    floors: Offer


@dataclass(frozen=True, slots=True)
class Reliance:
    """What the locks of some access points can be relied on for, as of one instant."""

    now: datetime
    points: Mapping[int, _Point] = field(default_factory=dict)
    """Those at which anything is held back at all."""
    lanes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(code group, court) → lane."""
    revs: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """(code group, lane, granule) → the rev before the next (`revs.next_rev`), where grants made it so by 2
    or more.
    """

    def why_not(
        self, access_point_ids: Collection[int], courts: Collection[int], first: int, length: int
    ) -> WhyNot | None:
        """What keeps a window of these courts from being sold; None where nothing does."""
        if not self.points:
            return None
        for id_ in access_point_ids:
            point = self.points.get(id_)
            if point is None:
                continue
            group = point.row.code_group_id
            lane = min((self.lanes[group, c] for c in courts if (group, c) in self.lanes), default=None)
            for granule, part in parts_of(first, length):
                # Below 2 it is within reach of every floor, so that 0 stands for it.
                raised = STEP * point.row.restores
                used = raised if lane is None else self.revs.get((group, lane, granule), raised - 1) + 1
                rev = max(used, int(point.floors.get(str(granule), {}).get(str(lane), 0)))
                start = Start(granule, part, lane, rev)
                found = why_not(
                    point.row, point.starts, point.floors, start, horizon=point.horizon, now=self.now
                )
                if found is not None:
                    return found
        return None


def reliance(
    session: Session, *, access_point_ids: Collection[int], first: int, last: int, now: datetime
) -> Reliance:
    """What starts in `[first, last)` can be sold at these access points; two statements at most."""
    if not access_point_ids:
        return Reliance(now)
    points = {}
    for row in session.execute(_POINTS, {"points": sorted(set(access_point_ids)), "now": now}):
        horizon = horizon_of(row, now)
        if row.vacation_from is not None or horizon > first:
            points[row.id] = _Point(row, horizon, _parsed(row.starts), _parsed(row.floors))
    if not points:
        return Reliance(now)
    lanes: dict[tuple[int, int], int] = {}
    revs: dict[tuple[int, int, int], int] = {}
    restores = {point.row.code_group_id: point.row.restores for point in points.values()}
    groups = sorted(restores)
    for group, court, lane, granule, rev in session.execute(
        _LANES, {"groups": groups, "first": first, "last": last}
    ):
        lanes[group, court] = lane
        if granule is not None:
            revs[group, lane, granule] = rev + STEP * restores[group]
    return Reliance(now, points, lanes, revs)


@lru_cache(maxsize=_KEPT_TEXTS)
def _offer_of(text: str) -> Offer:
    # By its whole text: what is kept cannot be older than the row.
    found: Offer = json.loads(text)
    return found


def _parsed(text: str | None) -> Offer:
    return _offer_of(text) if text else {}


_POINTS = (
    sa.select(
        ACCESS_POINT.c.id,
        ACCESS_POINT.c.code_group_id,
        GROUP.c.restores,
        *LOCK_COLUMNS,
        sa.cast(OFFER.c.starts, sa.Text).label("starts"),
        sa.cast(OFFER.c.floors, sa.Text).label("floors"),
    )
    .select_from(
        living_lock(
            sa.join(ACCESS_POINT, GROUP, GROUP.c.id == ACCESS_POINT.c.code_group_id), ACCESS_POINT.c.id
        )
    )
    .where(ACCESS_POINT.c.id.in_(sa.bindparam("points", expanding=True)))
)
_LANES = (
    sa.select(
        GROUP_LANE.c.code_group_id,
        GROUP_LANE.c.court_ref,
        GROUP_LANE.c.lane,
        GRANT.c.granule,
        sa.func.max(GRANT.c.rev - STEP * GRANT.c.restores),
    )
    .select_from(
        GROUP_LANE.outerjoin(
            GRANT,
            sa.and_(
                GRANT.c.code_group_id == GROUP_LANE.c.code_group_id,
                GRANT.c.lane == GROUP_LANE.c.lane,
                GRANT.c.granule >= sa.bindparam("first"),
                GRANT.c.granule < sa.bindparam("last"),
                GRANT.c.rev - STEP * GRANT.c.restores >= LOOK_AHEAD,
            ),
        )
    )
    .where(GROUP_LANE.c.code_group_id.in_(sa.bindparam("groups", expanding=True)))
    .group_by(GROUP_LANE.c.code_group_id, GROUP_LANE.c.court_ref, GROUP_LANE.c.lane, GRANT.c.granule)
)
