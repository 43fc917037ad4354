"""Which access points belong to which school: those its reservations open, and those that open with the same
code.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.entries import Catalogue
from locks.models import AccessPoint


def access_points_of(
    session: Session, places: Catalogue, facility_ids: Sequence[int]
) -> dict[int, tuple[int, ...]]:
    """{facility: its access points, ascending}; a gate that two schools share stands under both."""
    named: dict[int, set[int]] = {facility_id: set() for facility_id in facility_ids}
    for offering in places.offerings.values():
        if offering.facility_id in named:
            named[offering.facility_id].update(offering.access_points)
    groups = _code_groups(session, places.municipality_id)
    members: dict[int, set[int]] = {}
    for point, group in groups.items():
        members.setdefault(group, set()).add(point)
    return {
        facility_id: tuple(sorted({other for point in points for other in members[groups[point]]}))
        for facility_id, points in named.items()
    }


def _code_groups(session: Session, municipality_id: int) -> dict[int, int]:
    rows = session.execute(
        sa.select(AccessPoint.id, AccessPoint.code_group_id).where(
            AccessPoint.municipality_id == municipality_id
        )
    )
    return {row.id: row.code_group_id for row in rows}
