"""Whom a change of codes concerns."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.window import granule_of
from locks.callbacks import Callbacks
from locks.models import Grant


def live_holders(session: Session, access_point_ids: Sequence[int], *, now: datetime) -> list[UUID]:
    """Who holds a right at one of these access points that is neither withdrawn nor over, each once."""
    return sorted(
        session.scalars(
            sa.select(Grant.holder)
            .where(
                Grant.access_point_id.in_(sorted(set(access_point_ids))),
                Grant.withdrawn_at.is_(None),
                Grant.granule + Grant.length >= granule_of(now),
            )
            .distinct()
        )
    )


def tell_holders(
    session: Session, callbacks: Callbacks, access_point_ids: Sequence[int], *, now: datetime
) -> int:
    """Tell booking that the codes there are other ones from now on; how many holders it concerns."""
    holders = live_holders(session, access_point_ids, now=now)
    if holders:
        callbacks.codes_changed(session, holders=holders, now=now)
    return len(holders)
