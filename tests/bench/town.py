"""The town that is measured: seed, a lock at every school, a year of reservations, residents, a server."""

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from uuid import UUID

import sqlalchemy as sa
from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from pydantic import SecretStr
from sqlalchemy.orm import Session

from booking.app.factory import create_app
from booking.app.guards import TOKEN
from booking.app.services import Services
from booking.app.wiring import build_services
from booking.fees.payer import Payer
from booking.fees.quote import quote
from booking.people.models import Account, Group, Member, Role
from booking.people.sign_in import open_session
from booking.places.catalogue import catalogue
from booking.places.models import Facility, Municipality, Offering, OfferingAccessPoint, OfferingCourt, Space
from booking.reservations.models import Claim
from booking.seed.run import seed
from booking.seed.year import Year, plant_year
from core.clock import civil_day, fiscal_year
from core.ids import new_id, new_token, random_bytes
from core.settings import Settings
from locks.installation import Installation, add_access_point, add_lock
from migrations.run import upgrade
from tests.servers.loopback import eventually, free_port, is_listening
from tests.servers.processes import Processes

RESIDENTS = 400
PLENTY = 10_000


@dataclass(frozen=True, slots=True)
class Resident:
    """A signed-in resident with a paying group and one that pays nothing by day."""

    cookie: str
    csrf: str
    group_id: UUID
    youth_id: UUID


@dataclass(frozen=True, slots=True)
class Slot:
    """A free band of an offering."""

    offering_id: int
    first: int
    length: int


class BenchTown:
    """A database with everything in it, and what the bench needs to know about it."""

    def __init__(self, database_url: str, *, residents: int = RESIDENTS) -> None:
        upgrade(database_url)
        self.port = free_port()
        self.settings = Settings(
            database_url=database_url,
            base_url=f"http://127.0.0.1:{self.port}",
            secret_key=SecretStr(new_token()),
            master_key=SecretStr(random_bytes(32).hex()),
            cookie_secure=False,
            stripe_secret_key=SecretStr("sk_test_" + random_bytes(12).hex()),
            stripe_webhook_secret=SecretStr("whsec_" + new_token()),
        )
        self.services: Services = build_services(self.settings)
        self.app: Flask = create_app(self.services)
        self.now = self.services.clock.now()
        self.today = civil_day(self.now)
        with self.services.database.transaction() as session:
            seed(session, self.services.keyring, sample_password=new_token(), now=self.now)
        self.municipality_id = self.services.municipality_id
        with self.services.database.transaction() as session:
            town = session.get_one(Municipality, self.municipality_id)
            town.max_holds_per_group = PLENTY
            self.locks = self._fit_locks(session)
        with self.services.database.transaction() as session:
            self.residents = self._invite(session, residents)
            managers = sa.select(Account.id).where(Account.role == Role.MANAGER)
            manager = session.scalars(managers.order_by(Account.id)).first()
            assert manager is not None
            self.manager_cookie = self._sign_in(session, manager)[0]
        self.slots: dict[str, list[Slot]] = {}
        self._at_start: Counter[int] = Counter()

    def plant(self, reservations: int, *, days: int = 365) -> Year:
        """Reservations half of the days back and half ahead; from then on there are slots to take."""
        with self.services.database.transaction() as session:
            year = plant_year(
                session,
                municipality_id=self.municipality_id,
                first=self.today - timedelta(days=days // 2),
                days=days,
                reservations=reservations,
                now=self.now,
            )
        if not self.services.database.is_sqlite:
            with self.services.database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE"))
        self.slots = self._free_slots()
        return year

    def _fit_locks(self, session: Session) -> list[Installation]:
        """A lock on the door of every school's gym, besides the seed's sample doors."""
        halls = session.execute(
            sa.select(Space.id, Facility.slug)
            .join(Facility, Facility.id == Space.facility_id)
            .where(Space.kind == "gym", Facility.stage != "sample")
            .order_by(Space.id)
        ).all()
        fitted = []
        for space_id, slug in halls:
            offerings = list(session.scalars(sa.select(Offering.id).where(Offering.space_id == space_id)))
            courts = session.scalars(
                sa.select(OfferingCourt.court_id)
                .where(OfferingCourt.offering_id.in_(offerings))
                .distinct()
                .order_by(OfferingCourt.court_id)
            ).all()
            point = add_access_point(
                session,
                municipality_id=self.municipality_id,
                name=slug,
                kind="door_lock",
                courts=courts,
                now=self.now,
            )
            session.add_all(OfferingAccessPoint(offering_id=o, access_point_id=point) for o in offerings)
            session.flush()
            fitted.append(add_lock(session, self.services.keyring, access_point_id=point, now=self.now))
        samples = set(session.scalars(sa.select(OfferingAccessPoint.access_point_id)))
        known = {row.access_point_id for row in session.execute(sa.text("SELECT access_point_id FROM lock"))}
        fitted += [
            add_lock(session, self.services.keyring, access_point_id=point, now=self.now)
            for point in sorted(samples - known)
        ]
        return fitted

    def _invite(self, session: Session, count: int) -> list[Resident]:
        year = fiscal_year(self.today)
        residents = []
        for number in range(count):
            account = Account(
                id=new_id(self.now),
                municipality_id=self.municipality_id,
                mail_address=f"bench-{number}@example.jp",
                name=f"計測{number}",
                password_hash="-",
                created_at=self.now,
            )
            groups = [
                Group(
                    id=new_id(self.now),
                    municipality_id=self.municipality_id,
                    name=f"計測団体{number} {category}",
                    category=category,
                    approved_from_year=year,
                    approved_until_year=year + 1,
                )
                for category in ("general", "youth")
            ]
            session.add_all([account, *groups])
            session.flush()
            session.add_all(
                Member(group_id=group.id, account_id=account.id, is_representative=True) for group in groups
            )
            residents.append(Resident(*self._sign_in(session, account.id), groups[0].id, groups[1].id))
        return residents

    def _sign_in(self, session: Session, account_id: UUID) -> tuple[str, str]:
        """The cookie and the form's token of a browser that is signed in."""
        signed_in = open_session(session, account_id=account_id, device="bench", now=self.now)
        drawn = sha256(signed_in.token.encode()).hexdigest()
        cookies = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        cookie = cookies.dumps({TOKEN: signed_in.token, "csrf_token": drawn, "_permanent": True})
        form = URLSafeTimedSerializer(self.app.config["SECRET_KEY"], salt="wtf-csrf-token").dumps(drawn)
        return f"kaiho={cookie}", str(form)

    def _free_slots(self) -> dict[str, list[Slot]]:
        """Free bands of the days on sale in a mixed order: `paid`, and apart those `free` for the young."""
        with self.services.database.reading() as session:
            places = catalogue(session, self.municipality_id)
            rows = session.execute(sa.select(Claim.court_id, Claim.granule))
            claimed = {(court, granule) for court, granule in rows}
        found: dict[str, list[Slot]] = {"paid": [], "free": []}
        taken: set[tuple[int, int]] = set()
        offered = [
            (offering, band)
            for number in range(2, places.rules.sells_ahead_for_days)
            for offering in places.offerings.values()
            if not offering.approval_required and (offering.size == "half" or offering.space_kind != "gym")
            for band in places.bands(offering.id, self.today + timedelta(days=number))
        ]
        for offering, band in sorted(offered, key=lambda pair: _mixed(pair[0].id, pair[1].first)):
            cells = {(court, granule) for court in offering.courts for granule in band.window.granules}
            if not claimed.isdisjoint(cells) or not taken.isdisjoint(cells):
                continue
            taken |= cells
            price = quote(
                places, offering_id=offering.id, window=band.window, payer=Payer("youth")
            ).amount_yen
            # Slots in reach of a lock's horizon ask it; the free ones are kept for confirming at once.
            kind = "free" if not price and offering.access_points else "paid"
            found[kind].append(Slot(offering.id, band.first, band.length))
        return found

    @cached_property
    def busy_day(self) -> date:
        """The first Saturday a week or more ahead: a whole day of bands, on sale."""
        soon = self.today + timedelta(days=7)
        return soon + timedelta(days=(5 - soon.weekday()) % 7)

    @cached_property
    def an_offering(self) -> int:
        """A half court of an ordinary school's gym."""
        with self.services.database.reading() as session:
            return session.scalars(
                sa.select(Offering.id)
                .join(Space, Space.id == Offering.space_id)
                .join(Facility, Facility.id == Space.facility_id)
                .where(Facility.stage != "sample", Space.kind == "gym", Offering.size == "half")
                .order_by(Offering.id)
                .limit(1)
            ).one()

    @cached_property
    def courts(self) -> list[int]:
        """Every court's id."""
        with self.services.database.reading() as session:
            places = catalogue(session, self.municipality_id)
        return sorted({court for offering in places.offerings.values() for court in offering.courts})

    def take_slots(self, kind: str, count: int) -> list[Slot]:
        """Free slots that nobody gets twice."""
        pool = self.slots[kind]
        if len(pool) < count:
            raise LookupError(f"the town has only {len(pool)} {kind} slots left, not {count}")
        self.slots[kind] = pool[count:]
        return pool[:count]

    def resident_for(self, slot: Slot) -> Resident:
        """Somebody who has nothing at that start yet: a group may have two free ones of a start, no more."""
        self._at_start[slot.first] += 1
        return self.residents[(slot.first + self._at_start[slot.first]) % len(self.residents)]

    @contextmanager
    def serving(self, *, workers: int, threads: int) -> Iterator[int]:
        """`kaiho web` over this database for as long as the block lasts; its process id."""
        processes = Processes()
        environment = {
            "KAIHO_DATABASE_URL": self.settings.database_url,
            "KAIHO_BASE_URL": self.settings.base_url,
            "KAIHO_SECRET_KEY": self.settings.secret_key.get_secret_value(),
            "KAIHO_MASTER_KEY": self.settings.master_key.get_secret_value(),
            "KAIHO_STRIPE_SECRET_KEY": self.settings.stripe_secret_key.get_secret_value(),
            "KAIHO_STRIPE_WEBHOOK_SECRET": self.settings.stripe_webhook_secret.get_secret_value(),
            "KAIHO_COOKIE_SECURE": "false",
        }
        command = ["-m", "booking.app.cli", "web", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--workers", str(workers), "--threads", str(threads)]
        web = processes.python(*command, env=environment)
        try:
            eventually(lambda: answers(self.port), within_s=30, what="the web server")
            yield web.pid
        finally:
            processes.kill_all()

    def close(self) -> None:
        """Leave the database."""
        self.services.database.dispose()


def answers(port: int, path: str = "/healthz") -> bool:
    """Whether a server there says 200."""
    if not is_listening(port):
        return False
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", path)
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _mixed(*what: int) -> bytes:
    return sha256(repr(what).encode()).digest()
