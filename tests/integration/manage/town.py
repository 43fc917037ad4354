"""A small town for tests of what managers do: rows as they are after a sale, made without selling."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.fees.models import FeeRate
from booking.people.models import Account, Group, Member, Role
from booking.people.signed_in import Actor
from booking.places.models import (
    Court,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    Space,
    TimeBand,
)
from booking.reservations.models import Channel, Claim, Reservation, State
from core.clock import start_of_day
from core.ids import new_id
from core.window import Window
from payments.models import Payment, PaymentItem
from payments.states import PaymentState

NOW = datetime.fromisoformat("2026-11-21T09:00:00+09:00")
TODAY = date(2026, 11, 21)
BANDS = ((9 * 60, 12 * 60), (13 * 60, 17 * 60), (19 * 60, 21 * 60))


def at(day: date, hour: float) -> datetime:
    """An hour of a civil day in Tokyo."""
    return start_of_day(day) + timedelta(hours=hour)


def window(day: date, first: float, last: float) -> Window:
    """From one hour of a day to another."""
    return Window(at(day, first), at(day, last))


class StoppedClock:
    """A clock that moves when told."""

    def __init__(self, now: datetime = NOW) -> None:
        self.instant = now
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.instant += by
        self.seconds += by.total_seconds()


@dataclass
class Place:
    """A school with one gym of two halves."""

    facility_id: int
    space_id: int
    courts: tuple[int, int]
    full: int
    halves: tuple[int, int]


@dataclass
class Town:
    """One municipality; numbers of its places start at its own number times 100."""

    session: Session
    number: int = 1
    places: list[Place] = field(default_factory=list)

    def found(self) -> "Town":
        """Write the municipality, its bands and fees."""
        self.session.add(
            Municipality(
                id=self.number,
                code=f"{312028 + self.number}",
                name=f"見本市{self.number}",
                office_contact="見本市 スポーツ課 0859-00-0000",
            )
        )
        self.session.flush()
        for kind in ("weekday", "saturday", "holiday", "vacation"):
            for starts, ends in BANDS:
                self.session.add(
                    TimeBand(
                        municipality_id=self.number,
                        day_kind=kind,
                        starts_minute=starts,
                        ends_minute=ends,
                        valid_from=date(2020, 4, 1),
                    )
                )
        self.session.add(
            FeeRate(
                municipality_id=self.number,
                space_kind="gym",
                size="full",
                item="base",
                yen_per_hour=400,
                from_minute=0,
                valid_from=date(2020, 4, 1),
            )
        )
        self.session.flush()
        return self

    def school(self, name: str, *, access_points: tuple[int, ...] = (), approval: bool = False) -> Place:
        """A school with a gym: two halves and the whole."""
        base = self.number * 100 + len(self.places) * 10
        add = self.session.add
        add(
            Facility(
                id=base,
                municipality_id=self.number,
                slug=f"school-{base}",
                stage="sample",
                approval_required=approval,
                sort_key=base,
            )
        )
        self.session.flush()
        add(FacilityName(facility_id=base, valid_from=date(2020, 4, 1), name=name))
        add(Space(id=base, municipality_id=self.number, facility_id=base, kind="gym", name="体育館"))
        self.session.flush()
        for offset, half in enumerate(("A面", "B面")):
            add(
                Court(
                    id=base + offset,
                    municipality_id=self.number,
                    space_id=base,
                    name=half,
                    share=0.5,
                    sort_key=offset,
                )
            )
        self.session.flush()
        offered = {"全面": (base, base + 1), "半面A": (base,), "半面B": (base + 1,)}
        for offset, (title, courts) in enumerate(offered.items()):
            add(
                Offering(
                    id=base + offset,
                    municipality_id=self.number,
                    space_id=base,
                    name=title,
                    size="full" if len(courts) == 2 else "half",
                    sports=["バレーボール"],
                    sort_key=offset,
                )
            )
            self.session.flush()
            for court in courts:
                add(OfferingCourt(offering_id=base + offset, court_id=court))
            for access_point in access_points:
                add(OfferingAccessPoint(offering_id=base + offset, access_point_id=access_point))
        self.session.flush()
        place = Place(base, base, (base, base + 1), base, (base + 1, base + 2))
        self.places.append(place)
        return place

    def account(
        self,
        mail_address: str,
        *,
        role: Role = Role.RESIDENT,
        name: str = "見本 花子",
        password_hash: str = "-",
    ) -> Account:
        """Somebody who can sign in."""
        account = Account(
            id=new_id(NOW),
            municipality_id=self.number,
            mail_address=mail_address,
            name=name,
            password_hash=password_hash,
            role=role,
            created_at=NOW,
        )
        self.session.add(account)
        self.session.flush()
        return account

    def group(self, name: str, account: Account) -> Group:
        """An approved group that the account acts for."""
        group = Group(
            id=new_id(NOW),
            municipality_id=self.number,
            name=name,
            category="general",
            approved_from_year=2026,
            approved_until_year=2026,
        )
        self.session.add(group)
        self.session.flush()
        self.session.add(Member(group_id=group.id, account_id=account.id, is_representative=True))
        self.session.flush()
        return group

    def reservation(
        self,
        offering_id: int,
        when: Window,
        *,
        account: Account,
        group: Group,
        state: State = State.CONFIRMED,
        first_opened_at: datetime | None = None,
        made_at: datetime = NOW - timedelta(days=3),
        amount_yen: int = 800,
    ) -> Reservation:
        """A reservation as it stands after a sale, with its claims where its state has them."""
        live = state in (State.REQUESTED, State.HELD, State.CONFIRMED, State.USED)
        reservation = Reservation(
            id=new_id(NOW),
            municipality_id=self.number,
            offering_id=offering_id,
            group_id=group.id,
            account_id=account.id,
            starts_at=when.starts_at,
            ends_at=when.ends_at,
            state=state,
            channel=Channel.ONLINE,
            created_at=made_at,
            state_changed_at=made_at,
            next_due_at=when.ends_at if live else None,
            amount_yen=amount_yen,
            fee_lines=[],
            policy={"free_cancel_until": (when.starts_at - timedelta(days=1)).isoformat()},
            request_key=str(new_id(NOW)),
            first_opened_at=first_opened_at,
        )
        self.session.add(reservation)
        self.session.flush()
        if live:
            for court in self._courts_of(offering_id):
                for granule in when.granules:
                    self.session.add(
                        Claim(
                            municipality_id=self.number,
                            court_id=court,
                            granule=granule,
                            reservation_id=reservation.id,
                        )
                    )
            self.session.flush()
        if amount_yen and state in (State.CONFIRMED, State.USED, State.NO_SHOW):
            self._paid(reservation)
        return reservation

    def _paid(self, reservation: Reservation) -> None:
        item = PaymentItem(reference=reservation.id, position=0, label="-", amount_yen=reservation.amount_yen)
        self.session.add(
            Payment(
                id=new_id(NOW),
                municipality_id=self.number,
                amount_yen=reservation.amount_yen,
                state=PaymentState.SETTLED,
                created_at=reservation.created_at,
                state_changed_at=reservation.created_at,
                deadline_at=reservation.created_at,
                return_url="-",
                cancel_url="-",
                settled_at=reservation.created_at,
                items=[item],
            )
        )
        self.session.flush()

    def _courts_of(self, offering_id: int) -> tuple[int, ...]:
        place = next(place for place in self.places if offering_id in (place.full, *place.halves))
        if offering_id == place.full:
            return place.courts
        return (place.courts[place.halves.index(offering_id)],)


def actor_of_account(account: Account, *, catalogue_version: int) -> Actor:
    """The account as a step is given it."""
    return Actor(
        account_id=UUID(str(account.id)),
        municipality_id=account.municipality_id,
        role=Role(account.role),
        name=account.name,
        mail_address=account.mail_address,
        groups=(),
        catalogue_version=catalogue_version,
    )
