"""A small town to book in: one gym of two halves with a door, a hall that wants approval, two groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.models import FeeRate, ReliefRate
from booking.people.models import Account, Group, Member, Role
from booking.people.signed_in import Actor, GroupOfActor
from booking.places.models import (
    CalendarDay,
    Court,
    DayKind,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    Space,
    SpaceKind,
    TimeBand,
)
from booking.reservations import money
from booking.reservations.hold import hold
from booking.reservations.models import Claim, Reservation
from core.clock import start_of_day
from core.database import Database
from core.ids import new_id
from core.secrets import Keyring
from core.window import Window
from locks import installation
from locks.keys import give_keyring
from payments import attempts, checkout
from payments.states import PaymentState

NOW = datetime.fromisoformat("2026-11-21T09:00:00+09:00")
DAY = date(2026, 11, 28)
"""A Saturday a week from NOW."""


def at(hour: float, day: date = DAY) -> datetime:
    """An hour of a civil day in Tokyo."""
    return start_of_day(day) + timedelta(hours=hour)


def window(first: float, last: float, day: date = DAY) -> Window:
    """From one hour of a day to another."""
    return Window(at(first, day), at(last, day))


@dataclass(frozen=True)
class Town:
    """Ids of what was built. Bands are 8-10, 10-12, 13-15, 18-20 and 20-22 except on closed days."""

    database: Database
    municipality_id: int
    gym: int
    full: int
    half_a: int
    half_b: int
    courts: tuple[int, int]
    hall: int
    hall_whole: int
    access_point_id: int
    resident: UUID
    manager: UUID
    general: UUID
    youth: UUID

    def actor(self, *groups: UUID, role: Role = Role.RESIDENT, session: Session | None = None) -> Actor:
        """The resident with these groups (both, if none is named), or the manager."""
        wanted = groups or (self.general, self.youth)
        category = {self.general: "general", self.youth: "youth"}
        return Actor(
            account_id=self.manager if role is Role.MANAGER else self.resident,
            municipality_id=self.municipality_id,
            role=role,
            name="見本 利用者",
            mail_address="mihon@example.jp",
            groups=()
            if role is Role.MANAGER
            else tuple(GroupOfActor(g, "団体", category.get(g, "general"), 2026, 2026) for g in wanted),
            catalogue_version=self._version(session),
        )

    @property
    def staff(self) -> Actor:
        """The manager."""
        return self.actor(role=Role.MANAGER)

    def hold(
        self,
        session: Session,
        *,
        offering: int | None = None,
        wanted: Window | None = None,
        group: UUID | None = None,
        key: str | None = None,
        now: datetime = NOW,
    ) -> Reservation:
        """The general group's hold of the full gym, 10 to 12."""
        return hold(
            session,
            actor=self.actor(session=session),
            group_id=group or self.general,
            offering_id=self.full if offering is None else offering,
            window=wanted or window(10, 12),
            request_key=key or str(new_id(now)),
            now=now,
        )

    def held(self, **wanted: object) -> UUID:
        """A committed hold."""
        with self.database.transaction() as session:
            return self.hold(session, **wanted).id  # type: ignore[arg-type]

    def confirmed(self, **wanted: object) -> UUID:
        """A committed and paid reservation."""
        reservation_id = self.held(**wanted)
        self.pay(reservation_id)
        return reservation_id

    def start_payment(self, reservation_id: UUID, *, now: datetime = NOW, known: bool = True) -> UUID:
        """A payment that Stripe knows of, unless `known` is false."""
        with self.database.transaction() as session:
            reservation = session.get_one(Reservation, reservation_id)
            payment = checkout.start(
                session,
                municipality_id=self.municipality_id,
                items=[checkout.Item(reservation_id, "体育館", reservation.amount_yen)],
                deadline_at=reservation.pay_until or now + timedelta(minutes=10),
                return_url="http://127.0.0.1/return",
                cancel_url="http://127.0.0.1/cancel",
                mail_address=None,
                now=now,
            )
            if known:
                payment.first_sent_at = now
                attempts.move(payment, PaymentState.OPEN, now=now)
            return payment.id

    def settle(self, payment_id: UUID, reservation_id: UUID, *, now: datetime = NOW) -> None:
        """What payments does once Stripe says that the money is there."""
        from payments.models import Payment

        with self.database.transaction() as session:
            payment = session.get_one(Payment, payment_id)
            payment.state, payment.state_changed_at = PaymentState.SETTLED, now
            payment.settled_at, payment.next_due_at = now, None
            session.flush()
            money.payment_settled(
                session,
                reference=reservation_id,
                payment_id=payment_id,
                amount_yen=payment.amount_yen,
                now=now,
            )

    def pay(self, reservation_id: UUID, *, now: datetime = NOW) -> UUID:
        """Start a payment and settle it."""
        payment_id = self.start_payment(reservation_id, now=now)
        self.settle(payment_id, reservation_id, now=now)
        return payment_id

    def reservation(self, reservation_id: UUID) -> Reservation:
        """The reservation as the database has it."""
        with self.database.reading() as session:
            found = session.get_one(Reservation, reservation_id)
            session.expunge(found)
            return found

    def claims(self, *, owner: UUID | None = None) -> set[tuple[int, int]]:
        """(court, granule) of one reservation's claims, or of all claims."""
        with self.database.reading() as session:
            statement = sa.select(Claim.court_id, Claim.granule)
            if owner is not None:
                statement = statement.where(Claim.reservation_id == owner)
            return {(court, granule) for court, granule in session.execute(statement)}

    def _version(self, session: Session | None) -> int:
        statement = sa.select(Municipality.catalogue_version).where(Municipality.id == self.municipality_id)
        if session is not None:
            return int(session.scalar(statement) or 0)
        with self.database.reading() as reading:
            return int(reading.scalar(statement) or 0)


def build_town(database: Database) -> Town:
    """A fresh town in an empty, migrated database."""
    give_keyring(database, Keyring(bytes(range(32))))
    with database.transaction() as session:
        return _build(database, session)


BANDS = ((8, 10), (10, 12), (13, 15), (18, 20), (20, 22))


def _build(database: Database, session: Session) -> Town:
    town = Municipality(code="312029", name="見本市", office_contact="見本 施設予約担当")
    session.add(town)
    session.flush()
    _rules(session, town.id)
    gym_space, gym = _facility(session, town.id, "gym", "見本小学校", SpaceKind.GYM)
    first, second = (_court(session, town.id, gym_space, name, 0.5) for name in ("半面A", "半面B"))
    full = _offering(session, town.id, gym_space, "全面", "full", (first, second))
    half_a = _offering(session, town.id, gym_space, "半面A", "half", (first,))
    half_b = _offering(session, town.id, gym_space, "半面B", "half", (second,))
    hall_space, hall = _facility(session, town.id, "hall", "見本武道館", SpaceKind.MARTIAL_ARTS_ROOM, True)
    mat = _court(session, town.id, hall_space, "全面", 1.0)
    hall_whole = _offering(session, town.id, hall_space, "全面", "full", (mat,))
    access_point_id = installation.add_access_point(
        session, municipality_id=town.id, name="入口", kind="door_lock", courts=(first, second), now=NOW
    )
    for offering in (full, half_a, half_b):
        session.add(OfferingAccessPoint(offering_id=offering, access_point_id=access_point_id))
    resident = account(session, town.id, "mihon@example.jp")
    manager = account(session, town.id, "kanri@example.jp", role=Role.MANAGER)
    return Town(
        database=database,
        municipality_id=town.id,
        gym=gym,
        full=full,
        half_a=half_a,
        half_b=half_b,
        courts=(first, second),
        hall=hall,
        hall_whole=hall_whole,
        access_point_id=access_point_id,
        resident=resident,
        manager=manager,
        general=group(session, town.id, "見本団体01", resident),
        youth=group(session, town.id, "見本団体02", resident, category="youth"),
    )


def _rules(session: Session, municipality_id: int) -> None:
    for kind in DayKind:
        for starts, ends in BANDS if kind is not DayKind.CLOSED else ():
            session.add(
                TimeBand(
                    municipality_id=municipality_id,
                    day_kind=kind,
                    starts_minute=starts * 60,
                    ends_minute=ends * 60,
                    valid_from=date(2020, 4, 1),
                )
            )
    for space_kind, size, item, yen, minute in (
        ("gym", "full", "base", 300, 0),
        ("gym", "half", "base", 150, 0),
        ("gym", "full", "lighting", 300, 1020),
        ("martial_arts_room", "full", "base", 150, 0),
    ):
        session.add(
            FeeRate(
                municipality_id=municipality_id,
                space_kind=space_kind,
                size=size,
                item=item,
                yen_per_hour=yen,
                from_minute=minute,
                valid_from=date(2020, 4, 1),
            )
        )
    for item, percent in (("base", 100), ("lighting", 50)):
        session.add(
            ReliefRate(
                municipality_id=municipality_id,
                category="youth",
                item=item,
                percent=percent,
                valid_from=date(2020, 4, 1),
            )
        )
    session.add(
        CalendarDay(
            municipality_id=municipality_id, day=date(2026, 12, 31), kind=DayKind.CLOSED, name="年末年始"
        )
    )
    session.flush()


def _facility(
    session: Session, municipality_id: int, slug: str, name: str, kind: SpaceKind, approval: bool = False
) -> tuple[int, int]:
    facility = Facility(
        municipality_id=municipality_id, slug=slug, stage="sample", approval_required=approval
    )
    session.add(facility)
    session.flush()
    session.add(FacilityName(facility_id=facility.id, valid_from=date(2020, 4, 1), name=name))
    space = Space(municipality_id=municipality_id, facility_id=facility.id, kind=kind, name="体育館")
    session.add(space)
    session.flush()
    return space.id, facility.id


def _court(session: Session, municipality_id: int, space_id: int, name: str, share: float) -> int:
    court = Court(municipality_id=municipality_id, space_id=space_id, name=name, share=share)
    session.add(court)
    session.flush()
    return court.id


def _offering(
    session: Session, municipality_id: int, space_id: int, name: str, size: str, courts: Sequence[int]
) -> int:
    offering = Offering(
        municipality_id=municipality_id, space_id=space_id, name=name, size=size, sports=["バレーボール"]
    )
    session.add(offering)
    session.flush()
    session.add_all(OfferingCourt(offering_id=offering.id, court_id=court) for court in courts)
    session.flush()
    return offering.id


def account(session: Session, municipality_id: int, mail: str, *, role: Role = Role.RESIDENT) -> UUID:
    """Somebody who could sign in."""
    made = Account(
        id=new_id(NOW),
        municipality_id=municipality_id,
        mail_address=mail,
        name="見本 利用者",
        password_hash="-",
        role=role,
        created_at=NOW,
    )
    session.add(made)
    session.flush()
    return made.id


def group(
    session: Session, municipality_id: int, name: str, member: UUID, *, category: str = "general"
) -> UUID:
    """A group approved for the fiscal year 2026."""
    made = Group(
        id=new_id(NOW),
        municipality_id=municipality_id,
        name=name,
        category=category,
        approved_from_year=2026,
        approved_until_year=2026,
    )
    session.add(made)
    session.flush()
    session.add(Member(group_id=made.id, account_id=member, is_representative=True))
    session.flush()
    return made.id
