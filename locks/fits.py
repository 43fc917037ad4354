"""Whether a lock could hold what a timetable asks of it; asked when the timetable is made, not when it is
sold.
"""

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import Refused
from core.window import granule_of
from locks.callbacks import SellableWindows
from locks.codes import MAX_LENGTH
from locks.lists import (
    CANDIDATES_EACH,
    DAY,
    MAX_CANDIDATES,
    MAX_OCTETS,
    MIN_HORIZON_DAYS,
    MIN_LEASE_DAYS,
    Single,
    Starts,
    crowd,
    grants_if_all_sold,
    sellable_entries,
)
from locks.margins import late_s
from locks.models import AccessPoint, CodeGroupLane

LOOKS_AHEAD_DAYS = 35
"""Five of each weekday, so that each kind of day comes up unless it is rare."""
_REST_OCTETS = 1024
"""Kept for everything that is not a right of a resident: header, staff, floors, settings."""
_WIDEST_GRANULE = 1_000_000
"""Granules have seven digits from January 2027 on: the same timetable must not fit only until then."""


class TooRich(Refused):
    """No lock could search, or hold, what is offered at an access point.

    Attributes:
        singles: (granule, lane, length) of what does not fit together, by start.
    """

    code = "timetable_too_rich"
    sentence = "利用区分と貸出単位の組み合わせが多すぎて、電子錠に登録しきれません。区分を減らしてください。"

    def __init__(self, detail: str, singles: tuple[Single, ...]) -> None:
        super().__init__(detail)
        self.singles = singles


def require_fits(
    session: Session, sellable_windows: SellableWindows, *, access_point_id: int, now: datetime
) -> None:
    """Refuse what is offered at an access point where a lock could not hold it at the shortest horizon and
    lease.

    Raises:
        TooRich: more than 128 candidates at some instant, or more than 12 KiB once all is sold.

    What may be sold (3 days) and what is sold (14 days, each start for the first time) are held against the
    limit one by one: a timetable that passes is searchable and holdable in use. Where both are full at once,
    or starts were sold many times, `lists.fitted` keeps to the limit by a shorter lease.

    Source: lock-protocol.md 4, last point of the desired state.
    """
    point = session.get_one(AccessPoint, access_point_id)
    rows = session.execute(
        sa.select(CodeGroupLane.court_ref, CodeGroupLane.lane).where(
            CodeGroupLane.code_group_id == point.code_group_id
        )
    )
    lanes = {row.court_ref: row.lane for row in rows}
    first = granule_of(now)
    offered = sellable_windows(
        session, access_point_id=access_point_id, first=first, last=first + LOOKS_AHEAD_DAYS * DAY, now=now
    )
    starts: dict[tuple[int, int], int] = {}
    for granule, length, courts in offered:
        lane = min((lanes[court] for court in courts if court in lanes), default=None)
        if lane is not None and length <= MAX_LENGTH:
            starts[granule, lane] = starts.get((granule, lane), 0) | 1 << length
    require_holdable(starts, late=late_s(point.kind))


def require_holdable(starts: Starts, *, late: int) -> None:
    """The same of the starts themselves. Pure.

    Raises:
        TooRich: as above.
    """
    together = crowd(starts, late=late)
    if len(together) * CANDIDATES_EACH > MAX_CANDIDATES:
        raise TooRich(f"{len(together) * CANDIDATES_EACH} candidates", together)
    days = sorted({granule // DAY for granule, _ in starts})
    grants = grants_if_all_sold(starts)
    for day in days:
        soon = _between(starts, day, MIN_HORIZON_DAYS)
        sold = [row for row in grants if day <= row[0] // DAY < day + MIN_LEASE_DAYS]
        for octets in (_octets(sellable_entries(soon)), _octets([list(row) for row in sold])):
            if octets + _REST_OCTETS > MAX_OCTETS:
                singles = tuple((granule, lane, length) for granule, length, lane, _ in sold)
                raise TooRich(f"{octets} octets", singles)


def _between(starts: Starts, day: int, days: int) -> Mapping[tuple[int, int], int]:
    return {key: mask for key, mask in starts.items() if day <= key[0] // DAY < day + days}


def _octets(rows: list[list[object]]) -> int:
    """Of rows that begin with a granule, which is written as wide as one can be."""
    return len(json.dumps([[_WIDEST_GRANULE, *row[1:]] for row in rows], separators=(",", ":")))
