"""Sample policies of what comes back: made up after the shapes that municipalities use.

Source: field.md 2 (Ishinomaki: thirty days all, seven days half; heat alerts with a report before the start).
"""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.models import SpaceKind
from booking.refunding.policy_models import RefundPolicy

_VALID_FROM = date(2020, 4, 1)
_DAY = 86400

SAMPLES: tuple[tuple[SpaceKind | None, tuple[tuple[int, int], ...], int], ...] = (
    (None, ((_DAY, 100),), 0),
    (SpaceKind.GROUND, ((30 * _DAY, 100), (7 * _DAY, 50)), 0),
    (SpaceKind.MARTIAL_ARTS_ROOM, ((3 * _DAY, 100),), 50),
)
"""(kind of space, None for all; (seconds before the start, percent); percent where nobody came in)."""


def plant_policies(session: Session, municipality_id: int) -> None:
    """Plant them where the municipality has no policy at all."""
    known = sa.select(RefundPolicy.id).where(RefundPolicy.municipality_id == municipality_id).limit(1)
    if session.scalar(known) is not None:
        return
    for kind, stages, unused_percent in SAMPLES:
        session.add(
            RefundPolicy(
                municipality_id=municipality_id,
                space_kind=kind,
                valid_from=_VALID_FROM,
                stages=[{"before_s": before_s, "percent": percent} for before_s, percent in stages],
                unused_percent=unused_percent,
            )
        )
    session.flush()
