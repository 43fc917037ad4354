"""A site with a counter: the small town, a manager's browser, and Stripe in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.counter import desk
from booking.people.models import Group, Role
from booking.people.signed_in import Actor, GroupOfActor
from booking.reservations.hold import hold
from booking.reservations.models import Reservation
from core.clock import civil_day
from core.database import Database
from core.ids import new_id
from core.window import Window
from payments import counter, ledger, loops
from payments.models import Payment, Refund
from payments.slips import slips_of
from payments.states import Method
from tests.integration.booking.town import NOW, account, window
from tests.integration.pages.conftest import Site, build_site


@dataclass
class Counter:
    """The town, its site, and short words for what happens at the counter."""

    site: Site
    staff: Actor = field(init=False)
    """The manager."""

    def __post_init__(self) -> None:
        self.staff = self.site.town.staff

    @property
    def now(self) -> datetime:
        """The site's present."""
        return self.site.clock.now()

    @property
    def database(self) -> Database:
        """The site's."""
        return self.site.town.database

    def held(self, wanted: Window | None = None, group: UUID | None = None) -> UUID:
        """A hold of the full gym, 10 to 12 unless told otherwise."""
        return self.site.town.held(wanted=wanted, group=group, now=self.now)

    def cash(self, reservation_id: UUID, *, yen: int | None = None, payment_id: UUID | None = None) -> bool:
        """Staff take cash."""
        owed = self.reservation(reservation_id).amount_yen if yen is None else yen
        with self.database.transaction() as session:
            return desk.take_cash(
                session,
                actor=self.staff,
                reservation_id=reservation_id,
                payment_id=payment_id or new_id(self.now),
                amount_yen=owed,
                callbacks=PAYMENT_CALLBACKS,
                now=self.now,
            )

    def slip(self, reservation_id: UUID, *, payment_id: UUID | None = None) -> UUID:
        """Staff hand out a slip."""
        with self.database.transaction() as session:
            assert desk.issue_slip(
                session,
                actor=self.staff,
                reservation_id=reservation_id,
                payment_id=payment_id or new_id(self.now),
                now=self.now,
            )
            return slips_of(session, references=[reservation_id])[reservation_id].payment_id

    def book_slip(self, payment_id: UUID) -> bool:
        """Staff book a slip as paid today."""
        with self.database.transaction() as session:
            return desk.book_slip(
                session,
                actor=self.staff,
                payment_id=payment_id,
                paid_on=civil_day(self.now),
                callbacks=PAYMENT_CALLBACKS,
                now=self.now,
            )

    def expire_slips(self) -> int:
        """The worker's job."""
        return counter.expire_slips(self.database, PAYMENT_CALLBACKS, self.site.clock)

    def stripe_works(self) -> None:
        """The worker's loops over sessions, once."""
        services = self.site.services
        for loop in (loops.expire_sessions, loops.settle):
            loop(services.database, services.stripe, services.payment_callbacks, services.clock)

    def reservation(self, reservation_id: UUID) -> Reservation:
        """As the database has it."""
        return self.site.town.reservation(reservation_id)

    def payments(self) -> list[Payment]:
        """All, oldest first."""
        with self.database.reading() as session:
            return list(session.scalars(sa.select(Payment).order_by(Payment.created_at, Payment.id)))

    def refunds(self) -> list[Refund]:
        """All, oldest first."""
        with self.database.reading() as session:
            return list(session.scalars(sa.select(Refund).order_by(Refund.created_at, Refund.id)))

    def books(self) -> dict[str, int]:
        """Accounts that are not zero; every set balances, or the test fails here."""
        with self.database.reading() as session:
            assert ledger.unbalanced_sets(session) == []
            totals = ledger.balances(session, municipality_id=self.site.town.municipality_id)
        return {str(account): yen for account, yen in totals.items() if yen}

    def second_manager(self) -> UUID:
        """Another manager's account."""
        with self.database.transaction() as session:
            return account(session, self.site.town.municipality_id, "kanri2@example.jp", role=Role.MANAGER)

    def make_postpaid(self, group_id: UUID | None = None) -> None:
        """The general group may pay by invoice."""
        with self.database.transaction() as session:
            session.get_one(Group, group_id or self.site.town.general).is_postpaid = True

    def postpaid(self, wanted: Window | None = None, *, offering: int | None = None) -> UUID:
        """A reservation of the general group, paid by invoice."""
        town = self.site.town
        with self.database.transaction() as session:
            actor = town.actor(session=session)
            group = GroupOfActor(town.general, "団体", "general", 2026, 2027, is_postpaid=True)
            return hold(
                session,
                actor=Actor(
                    actor.account_id,
                    actor.municipality_id,
                    actor.role,
                    actor.name,
                    actor.mail_address,
                    (group,),
                    actor.catalogue_version,
                ),
                group_id=town.general,
                offering_id=offering or town.full,
                window=wanted or window(10, 12),
                request_key=str(new_id(NOW)),
                pays_by=Method.INVOICE,
                now=self.now,
            ).id


@pytest.fixture
def office(database_url: str) -> Iterator[Counter]:
    """A fresh counter; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url, pool_size=20)
    yield Counter(build_site(database))
    database.dispose()


@pytest.fixture
def small_office(sqlite_database_url: str) -> Iterator[Counter]:
    """A fresh counter on SQLite, for what does not depend on the database."""
    database = Database(sqlite_database_url)
    yield Counter(build_site(database))
    database.dispose()
