"""The sample town's places: municipality, calendar, fees, bands, schools, sample facilities."""

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.doors import KINDS, add_door
from booking.places.models import (
    CalendarDay,
    Court,
    DayKind,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingCourt,
    Space,
    SpaceKind,
    TimeBand,
)
from booking.reservations.models import PermitCounter
from booking.seed import prices
from booking.seed.days import calendar_days
from booking.seed.fees import plant_fees
from booking.seed.schools import (
    ELEMENTARY,
    JUNIOR_HIGH,
    SAMPLE_BUDOKAN,
    SAMPLE_DOORS,
    SAMPLE_GYM,
    SAMPLE_SCHOOL,
    School,
)
from core.clock import civil_day
from locks.models import AccessPoint

CODE, NAME = "312029", "米子市"
SAMPLE_CONTACT = "見本 施設予約担当（電話 0859-00-0000）"
VALID_FROM = date(2020, 4, 1)
_GYM_SPORTS = ["バスケットボール", "バレーボール", "バドミントン", "卓球"]


def plant_town(session: Session, *, now: datetime) -> int:
    """The municipality's id; what is missing of it is added, what is there stays as it is."""
    municipality_id = session.scalar(sa.select(Municipality.id).where(Municipality.code == CODE))
    if municipality_id is None:
        municipality_id = _found(session)
    _plant_calendar(session, municipality_id, civil_day(now).year)
    known = set(session.scalars(sa.select(Facility.slug).where(Facility.municipality_id == municipality_id)))
    order = 0
    samples = ((SAMPLE_GYM, False), (SAMPLE_SCHOOL, False), (SAMPLE_BUDOKAN, True))
    for school, approval in samples:
        order += 1
        if school.slug not in known:
            _plant_sample(session, municipality_id, school, order, approval=approval)
        _plant_doors(session, municipality_id, school, now=now)
    for stage, schools in (("elementary", ELEMENTARY), ("junior_high", JUNIOR_HIGH)):
        for school in schools:
            order += 1
            if school.slug not in known:
                _plant_school(session, municipality_id, school, stage, order)
    return municipality_id


def _found(session: Session) -> int:
    town = Municipality(code=CODE, name=NAME, office_contact=SAMPLE_CONTACT, delayed_methods=["konbini"])
    session.add(town)
    session.flush()
    session.add(PermitCounter(municipality_id=town.id, last_number=0))
    plant_fees(session, town.id, valid_from=VALID_FROM)
    for day_kind, hours in prices.BANDS.items():
        _plant_bands(session, town.id, day_kind, hours)
    session.flush()
    return town.id


def _plant_calendar(session: Session, municipality_id: int, year: int) -> None:
    listed = set(
        session.scalars(sa.select(CalendarDay.day).where(CalendarDay.municipality_id == municipality_id))
    )
    for day, (kind, name) in calendar_days((year, year + 1)).items():
        if day not in listed:
            session.add(CalendarDay(municipality_id=municipality_id, day=day, kind=kind, name=name))
    session.flush()


def _plant_bands(
    session: Session,
    municipality_id: int,
    kind: DayKind,
    hours: Sequence[tuple[int, int]],
    *,
    facility_id: int | None = None,
) -> None:
    for starts, ends in hours:
        session.add(
            TimeBand(
                municipality_id=municipality_id,
                facility_id=facility_id,
                day_kind=kind,
                starts_minute=starts * 60,
                ends_minute=ends * 60,
                valid_from=VALID_FROM,
            )
        )


def _plant_school(session: Session, municipality_id: int, school: School, stage: str, order: int) -> None:
    facility_id = _plant_facility(session, municipality_id, school, stage, order)
    _plant_gym(session, municipality_id, facility_id)
    _plant_whole(session, municipality_id, facility_id, SpaceKind.GROUND, "グラウンド", ["野球", "サッカー"])
    if stage == "junior_high":
        _plant_room(session, municipality_id, facility_id)


def _plant_sample(
    session: Session, municipality_id: int, school: School, order: int, *, approval: bool
) -> None:
    """A sample facility has no ground, but a hall with locks."""
    facility_id = _plant_facility(session, municipality_id, school, "sample", order, approval=approval)
    if school is SAMPLE_BUDOKAN:
        _plant_room(session, municipality_id, facility_id)
    else:
        _plant_gym(session, municipality_id, facility_id, has_hvac=school is SAMPLE_SCHOOL)
    if school is SAMPLE_GYM:
        for kind in DayKind:
            _plant_bands(session, municipality_id, kind, prices.AROUND_THE_CLOCK, facility_id=facility_id)


def _plant_doors(session: Session, municipality_id: int, school: School, *, now: datetime) -> None:
    """The access points of a sample facility that are missing; those after the first share its code."""
    first = f"{school.name} {KINDS[SAMPLE_DOORS[school.slug][0]]}"
    names = set(
        session.scalars(sa.select(AccessPoint.name).where(AccessPoint.municipality_id == municipality_id))
    )
    for kind in SAMPLE_DOORS[school.slug]:
        name = f"{school.name} {KINDS[kind]}"
        if name not in names:
            add_door(
                session,
                municipality_id=municipality_id,
                facility_name=school.name,
                kind=kind,
                beside=None if name == first else first,
                now=now,
            )


def _plant_facility(
    session: Session, municipality_id: int, school: School, stage: str, order: int, *, approval: bool = False
) -> int:
    facility = Facility(
        municipality_id=municipality_id,
        slug=school.slug,
        school_code=school.code,
        stage=stage,
        address=school.address,
        latitude=school.latitude,
        longitude=school.longitude,
        note=school.note,
        approval_required=approval,
        sort_key=order,
    )
    session.add(facility)
    session.flush()
    session.add(FacilityName(facility_id=facility.id, valid_from=VALID_FROM, name=school.name))
    session.flush()
    return facility.id


def _plant_gym(session: Session, municipality_id: int, facility_id: int, *, has_hvac: bool = False) -> None:
    """Two half courts, each alone and both together."""
    space_id = _plant_space(
        session, municipality_id, facility_id, SpaceKind.GYM, "体育館", 1, has_hvac=has_hvac
    )
    first, second = (
        _plant_court(session, municipality_id, space_id, f"半面{letter}", 0.5, number)
        for number, letter in enumerate("AB", start=1)
    )
    offered = (
        ("全面", "full", 60, [first, second]),
        ("半面A", "half", 30, [first]),
        ("半面B", "half", 30, [second]),
    )
    for number, (name, size, capacity, courts) in enumerate(offered, start=1):
        _plant_offering(session, municipality_id, space_id, name, size, capacity, _GYM_SPORTS, courts, number)


def _plant_room(session: Session, municipality_id: int, facility_id: int) -> None:
    kind = SpaceKind.MARTIAL_ARTS_ROOM
    _plant_whole(session, municipality_id, facility_id, kind, "武道場", ["柔道", "剣道", "空手"])


def _plant_whole(
    session: Session, municipality_id: int, facility_id: int, kind: SpaceKind, name: str, sports: list[str]
) -> None:
    """A space that is had whole or not at all."""
    order = 2 if kind is SpaceKind.GROUND else 3
    space_id = _plant_space(session, municipality_id, facility_id, kind, name, order)
    court = _plant_court(session, municipality_id, space_id, "全面", 1.0, 1)
    _plant_offering(session, municipality_id, space_id, "全面", "full", None, sports, [court], 1)


def _plant_space(
    session: Session,
    municipality_id: int,
    facility_id: int,
    kind: SpaceKind,
    name: str,
    order: int,
    *,
    has_hvac: bool = False,
) -> int:
    space = Space(
        municipality_id=municipality_id,
        facility_id=facility_id,
        kind=kind,
        name=name,
        sort_key=order,
        has_hvac=has_hvac,
    )
    session.add(space)
    session.flush()
    return space.id


def _plant_court(
    session: Session, municipality_id: int, space_id: int, name: str, share: float, order: int
) -> int:
    court = Court(municipality_id=municipality_id, space_id=space_id, name=name, share=share, sort_key=order)
    session.add(court)
    session.flush()
    return court.id


def _plant_offering(
    session: Session,
    municipality_id: int,
    space_id: int,
    name: str,
    size: str,
    capacity: int | None,
    sports: list[str],
    courts: Sequence[int],
    order: int,
) -> None:
    offering = Offering(
        municipality_id=municipality_id,
        space_id=space_id,
        name=name,
        size=size,
        capacity=capacity,
        sports=sports,
        sort_key=order,
    )
    session.add(offering)
    session.flush()
    session.add_all(OfferingCourt(offering_id=offering.id, court_id=court) for court in courts)
    session.flush()
