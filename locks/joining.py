"""A new access point in a code group: it opens for whom the one beside it opens, with the same codes."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from core.window import granule_of
from locks.codes import MAX_LENGTH
from locks.margins import OVERLAP_GRANULES
from locks.models import AccessPoint, CodeGroup, Grant
from locks.versions import bump_access_points

_COPIED = ("municipality_id", "code_group_id", "holder", "granule", "length", "lane", "rev", "issued_at")


def copy_rights(session: Session, *, access_point_id: int, beside: int, now: datetime) -> int:
    """Give an access point every grant that another of its code group has, unless it has that one already;
    how many.

    Withdrawn ones too: a lock that had never heard of them would open for their codes by itself (protocol
    section 6, rule 4). Holds the code group's row.

    Raises:
        ContractBroken: the two do not share their codes.
    """
    points = {
        point.id: point
        for point in session.scalars(
            sa.select(AccessPoint).where(AccessPoint.id.in_([access_point_id, beside]))
        )
    }
    group_id = points[beside].code_group_id
    if points[access_point_id].code_group_id != group_id:
        raise ContractBroken("codes copied between two code groups")
    session.execute(sa.select(CodeGroup.id).where(CodeGroup.id == group_id).with_for_update(key_share=True))
    missing = _missing(session, access_point_id, beside, now)
    if not missing:
        return 0
    versions = bump_access_points(session, [access_point_id], now=now)
    lock_id, version = versions.get(access_point_id, (None, None))
    for grant in missing:
        is_live = grant.withdrawn_at is None
        session.add(
            Grant(
                **{name: getattr(grant, name) for name in _COPIED},
                restores=grant.restores,
                access_point_id=access_point_id,
                withdrawn_at=grant.withdrawn_at,
                lock_id=lock_id,
                granted_version=version if is_live else None,
                withdrawn_version=None if is_live else version,
            )
        )
    session.flush()
    return len(missing)


def _missing(session: Session, access_point_id: int, beside: int, now: datetime) -> list[Grant]:
    oldest = granule_of(now) - MAX_LENGTH - OVERLAP_GRANULES
    has = sa.select(Grant.granule, Grant.lane, Grant.rev).where(
        Grant.access_point_id == access_point_id, Grant.granule >= oldest
    )
    known = {tuple(row) for row in session.execute(has)}
    theirs = session.scalars(
        sa.select(Grant)
        .where(Grant.access_point_id == beside, Grant.granule >= oldest)
        .order_by(Grant.granule, Grant.lane, Grant.rev)
    )
    return [grant for grant in theirs if (grant.granule, grant.lane, grant.rev) not in known]
