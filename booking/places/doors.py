"""Put an access point on a space: from then on its reservations open it, those already sold included."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from booking.places.models import (
    Court,
    FacilityName,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    Space,
    SpaceKind,
)
from booking.reservations.models import Reservation, State
from core.clock import civil_day
from core.errors import NotThere
from core.window import Window
from locks import grants
from locks.installation import add_access_point
from locks.models import AccessPointKind


def fit_gym(session: Session, *, municipality_id: int, facility_name: str, now: datetime) -> int:
    """The access point on the door of a facility's gym, made where there is none yet; its id.

    Confirmed reservations that were sold with a key from staff get their codes in the same transaction.

    Raises:
        NotThere: no facility has this name today, or it has no gym.
    """
    space = session.execute(_gym(municipality_id, facility_name, now)).first()
    if space is None:
        raise NotThere(facility_name)
    offerings = list(session.scalars(sa.select(Offering).where(Offering.space_id == space.id)))
    fitted = session.scalar(
        sa.select(OfferingAccessPoint.access_point_id)
        .where(OfferingAccessPoint.offering_id.in_([offering.id for offering in offerings]))
        .order_by(OfferingAccessPoint.access_point_id)
        .limit(1)
    )
    if fitted is not None:
        return fitted
    courts = session.scalars(
        sa.select(Court.id).where(Court.space_id == space.id).order_by(Court.sort_key, Court.id)
    ).all()
    access_point_id = add_access_point(
        session,
        municipality_id=municipality_id,
        name=f"{facility_name} {space.name} 入口",
        kind=AccessPointKind.DOOR_LOCK,
        courts=courts,
        now=now,
    )
    for offering in offerings:
        session.add(OfferingAccessPoint(offering_id=offering.id, access_point_id=access_point_id))
    session.flush()
    _give_codes(session, [offering.id for offering in offerings], access_point_id, now=now)
    return access_point_id


def _gym(municipality_id: int, facility_name: str, now: datetime) -> sa.Select[int, str]:
    today = civil_day(now)
    newer = aliased(FacilityName)
    return (
        sa.select(Space.id, Space.name)
        .join(FacilityName, FacilityName.facility_id == Space.facility_id)
        .where(
            Space.municipality_id == municipality_id,
            Space.kind == SpaceKind.GYM,
            FacilityName.name == facility_name,
            FacilityName.valid_from <= today,
            ~sa.exists().where(
                newer.facility_id == FacilityName.facility_id,
                newer.valid_from > FacilityName.valid_from,
                newer.valid_from <= today,
            ),
        )
        .order_by(Space.sort_key, Space.id)
    )


def _give_codes(session: Session, offering_ids: list[int], access_point_id: int, *, now: datetime) -> None:
    sold = session.scalars(
        sa.select(Reservation)
        .where(
            Reservation.offering_id.in_(offering_ids),
            Reservation.state == State.CONFIRMED,
            Reservation.ends_at > now,
        )
        .order_by(Reservation.starts_at, Reservation.id)
        .with_for_update()
    ).all()
    for reservation in sold:
        courts = session.scalars(
            sa.select(OfferingCourt.court_id).where(OfferingCourt.offering_id == reservation.offering_id)
        ).all()
        grants.issue(
            session,
            access_point_ids=[access_point_id],
            courts=courts,
            window=Window(reservation.starts_at, reservation.ends_at),
            holder=reservation.id,
            now=now,
        )
