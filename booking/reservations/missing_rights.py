"""Give every confirmed reservation the doors it should open: what attaching a door did not see is caught up.

A door is put up with the rights of everything that is sold. A confirmation under way at that instant has read
the offering without it; this loop sees that the two do not agree, and makes them.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from booking.places.catalogue import catalogue
from booking.places.models import OfferingAccessPoint
from booking.reservations.models import Reservation, State
from booking.reservations.queries import locked
from core.window import Window
from locks import grants
from locks.joining import copy_rights
from locks.models import AccessPoint, Grant


def missing(session: Session, *, now: datetime, limit: int) -> list[UUID]:
    """Confirmed reservations, not over, that lack a right at a door of their offering; the soonest first."""
    has_it = sa.exists().where(
        Grant.holder == Reservation.id,
        Grant.access_point_id == OfferingAccessPoint.access_point_id,
        Grant.withdrawn_at.is_(None),
    )
    return list(
        session.scalars(
            sa.select(Reservation.id)
            .join(OfferingAccessPoint, OfferingAccessPoint.offering_id == Reservation.offering_id)
            .where(
                # The partial index of what is open: finished ones, the many, are not read.
                Reservation.next_due_at.is_not(None),
                Reservation.state == State.CONFIRMED,
                Reservation.ends_at > now,
                ~has_it,
            )
            .group_by(Reservation.id, Reservation.starts_at)
            .order_by(Reservation.starts_at, Reservation.id)
            .limit(limit)
        )
    )


def complete(session: Session, reservation_id: UUID, *, now: datetime) -> int:
    """Give a reservation what it lacks; how many doors that were. A second time changes nothing."""
    reservation = locked(session, reservation_id)
    if reservation is None or reservation.state != State.CONFIRMED or reservation.ends_at <= now:
        return 0
    offering = catalogue(session, reservation.municipality_id).offering(reservation.offering_id)
    lacking = [point for point in offering.access_points if not _has(session, reservation_id, point)]
    for point in lacking:
        beside = _beside(session, reservation_id, point)
        if beside is not None:
            # The digits of the doors beside it: people may have seen them.
            copy_rights(session, access_point_id=point, beside=beside, now=now)
    alone = [point for point in lacking if not _has(session, reservation_id, point)]
    if alone:
        grants.issue(
            session,
            access_point_ids=alone,
            courts=offering.courts,
            window=Window(reservation.starts_at, reservation.ends_at),
            holder=reservation_id,
            now=now,
        )
    return len(lacking)


def _has(session: Session, holder: UUID, access_point_id: int) -> bool:
    return (
        session.scalar(
            sa.select(Grant.id)
            .where(
                Grant.holder == holder,
                Grant.access_point_id == access_point_id,
                Grant.withdrawn_at.is_(None),
            )
            .limit(1)
        )
        is not None
    )


def _beside(session: Session, holder: UUID, access_point_id: int) -> int | None:
    """An access point of the same code group at which the holder has a right."""
    here = aliased(AccessPoint)
    return session.scalar(
        sa.select(Grant.access_point_id)
        .join(here, here.code_group_id == Grant.code_group_id)
        .where(here.id == access_point_id, Grant.holder == holder, Grant.withdrawn_at.is_(None))
        .order_by(Grant.access_point_id)
        .limit(1)
    )
