"""Put an access point on a space: from then on its reservations open it, those already sold included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from booking.places.fitting import require_fits
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
from core import audit
from core.clock import civil_day
from core.errors import NotThere, Refused
from core.window import Window
from locks import grants
from locks.installation import add_access_point
from locks.joining import copy_rights
from locks.models import AccessPoint, AccessPointKind, Grant

KINDS: dict[AccessPointKind, str] = {
    AccessPointKind.DOOR_LOCK: "入口",
    AccessPointKind.KEY_BOX: "キーボックス",
    AccessPointKind.PADLOCK: "南京錠",
    AccessPointKind.GATE: "校門",
}
"""What each kind is called where nobody gives it a name."""


class NameTaken(Refused):
    """Access points are told apart by their names."""

    code = "access_point_name_taken"
    sentence = "その名前の電子錠・キーボックスはもうあります。別の名前を付けてください。"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a door goes: what opens it, and the courts that its code group has to list."""

    name: str
    offering_ids: Sequence[int]
    courts: Sequence[int]


def fit_gym(session: Session, *, municipality_id: int, facility_name: str, now: datetime) -> int:
    """The access point on the door of a facility's gym, made where there is none yet; its id.

    Confirmed reservations that were sold with a key from staff get their codes in the same transaction.

    Raises:
        NotThere: no facility has this name today, or it has no gym.
        TooRich: a lock could not hold its timetable.
    """
    place = _space(session, municipality_id, facility_name, now, gym_only=True)
    fitted = session.scalar(
        sa.select(OfferingAccessPoint.access_point_id)
        .where(OfferingAccessPoint.offering_id.in_(place.offering_ids))
        .order_by(OfferingAccessPoint.access_point_id)
        .limit(1)
    )
    if fitted is not None:
        return fitted
    kind = AccessPointKind.DOOR_LOCK
    return _fit(session, municipality_id, place, kind, f"{place.name} {KINDS[kind]}", None, now=now)


def add_door(
    session: Session,
    *,
    municipality_id: int,
    facility_name: str,
    kind: AccessPointKind,
    beside: str | None = None,
    name: str | None = None,
    actor: str = "system",
    now: datetime,
) -> int:
    """One access point more on a facility; its id.

    Beside another one (by its name) it opens with the same code, for the same offerings. Alone it has a code
    of its own, for every offering of the gym (of the first space, where there is no gym). Whoever has a
    reservation there can open it from now on.

    Raises:
        NotThere: no facility has this name today, or nothing of the facility is called `beside`.
        NameTaken: another access point has the name.
        TooRich: a lock could not hold what is offered there.
    """
    place = _space(session, municipality_id, facility_name, now, gym_only=False)
    other = None
    if beside is not None:
        other = session.scalar(_called(municipality_id, beside))
        place = _beside(session, facility_name, other, place)
    name = name or f"{facility_name} {KINDS[kind]}"
    if session.scalar(_called(municipality_id, name)) is not None:
        raise NameTaken(name)
    made = _fit(session, municipality_id, place, kind, name, other, now=now)
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=actor,
        act="access_point.add",
        subject=f"access_point:{made}",
        detail={"kind": str(kind), "name": name, "beside": None if other is None else other.id},
        now=now,
    )
    return made


def _fit(
    session: Session,
    municipality_id: int,
    place: _Place,
    kind: AccessPointKind,
    name: str,
    beside: AccessPoint | None,
    *,
    now: datetime,
) -> int:
    access_point_id = add_access_point(
        session,
        municipality_id=municipality_id,
        name=name,
        kind=kind,
        courts=place.courts,
        code_group_id=None if beside is None else beside.code_group_id,
        now=now,
    )
    for offering_id in place.offering_ids:
        session.add(OfferingAccessPoint(offering_id=offering_id, access_point_id=access_point_id))
    session.flush()
    require_fits(session, access_point_ids=[access_point_id], now=now)
    sold = _sold(session, place.offering_ids, now=now)
    if beside is not None:
        # The same digits as at the doors beside it: people may have seen them.
        copy_rights(session, access_point_id=access_point_id, beside=beside.id, now=now)
    _give_codes(session, sold, access_point_id, now=now)
    return access_point_id


def _sold(session: Session, offering_ids: Sequence[int], *, now: datetime) -> Sequence[Reservation]:
    """What is sold of these offerings and not over, by start; locked before any code group is."""
    return session.scalars(
        sa.select(Reservation)
        .where(
            Reservation.offering_id.in_(offering_ids),
            Reservation.state.in_((State.CONFIRMED, State.USED)),
            Reservation.ends_at > now,
        )
        .order_by(Reservation.starts_at, Reservation.id)
        .with_for_update()
    ).all()


def _give_codes(
    session: Session, sold: Sequence[Reservation], access_point_id: int, *, now: datetime
) -> None:
    """Grants for whoever cannot open the access point yet."""
    holders = session.scalars(
        sa.select(Grant.holder).where(Grant.access_point_id == access_point_id, Grant.withdrawn_at.is_(None))
    )
    has_it = set(holders)
    for reservation in sold:
        if reservation.id in has_it:
            continue
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


def _called(municipality_id: int, name: str) -> sa.Select[AccessPoint]:
    return sa.select(AccessPoint).where(
        AccessPoint.municipality_id == municipality_id, AccessPoint.name == name
    )


def _beside(session: Session, facility_name: str, other: AccessPoint | None, place: _Place) -> _Place:
    """The place of an access point that is there already; it has to be the facility's."""
    opened: Sequence[int] = ()
    if other is not None:
        opened = session.scalars(
            sa.select(OfferingAccessPoint.offering_id)
            .where(OfferingAccessPoint.access_point_id == other.id)
            .order_by(OfferingAccessPoint.offering_id)
        ).all()
    if not set(opened) & set(place.offering_ids):
        raise NotThere(f"nothing of {facility_name} is called that")
    return _Place(place.name, opened, _courts(session, opened))


def _courts(session: Session, offering_ids: Sequence[int]) -> Sequence[int]:
    return session.scalars(
        sa.select(Court.id)
        .join(OfferingCourt, OfferingCourt.court_id == Court.id)
        .where(OfferingCourt.offering_id.in_(offering_ids))
        .group_by(Court.id, Court.sort_key)
        .order_by(Court.sort_key, Court.id)
    ).all()


def _space(
    session: Session, municipality_id: int, facility_name: str, now: datetime, *, gym_only: bool
) -> _Place:
    space = session.execute(_spaces(municipality_id, facility_name, now, gym_only=gym_only)).first()
    if space is None:
        raise NotThere(facility_name)
    offerings = session.scalars(
        sa.select(Offering.id).where(Offering.space_id == space.id).order_by(Offering.id)
    ).all()
    return _Place(f"{facility_name} {space.name}", offerings, _courts(session, offerings))


def _spaces(
    municipality_id: int, facility_name: str, now: datetime, *, gym_only: bool
) -> sa.Select[int, str]:
    """The facility's spaces, its gym first."""
    today = civil_day(now)
    newer = aliased(FacilityName)
    found = (
        sa.select(Space.id, Space.name)
        .join(FacilityName, FacilityName.facility_id == Space.facility_id)
        .where(
            Space.municipality_id == municipality_id,
            FacilityName.name == facility_name,
            FacilityName.valid_from <= today,
            ~sa.exists().where(
                newer.facility_id == FacilityName.facility_id,
                newer.valid_from > FacilityName.valid_from,
                newer.valid_from <= today,
            ),
        )
        .order_by(Space.kind != SpaceKind.GYM, Space.sort_key, Space.id)
    )
    return found.where(Space.kind == SpaceKind.GYM) if gym_only else found
