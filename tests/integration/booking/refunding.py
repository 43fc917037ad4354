"""Short words for tests of money that goes back: policies, giving up, what is owed, what was told."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Role
from booking.people.signed_in import Actor
from booking.refunding import policies, reviews
from booking.refunding.models import RefundReview
from booking.refunding.policies import Terms
from booking.reservations.cancel import cancel
from booking.reservations.models import Reservation
from core.audit import AuditEntry
from core.owed import Owed
from payments.models import Refund
from tests.integration.booking.town import NOW, Town, account

TODAY = date(2026, 11, 21)


def clerk(town: Town, session: Session) -> Actor:
    """The manager, within a transaction."""
    return town.actor(role=Role.MANAGER, session=session)


def sell_by(
    town: Town,
    *stages: tuple[int, int],
    kept_yen: int = 0,
    unused_percent: int = 0,
    alert_percent: int = 100,
    now: datetime = NOW,
) -> None:
    """From today on everything is sold by this policy."""
    with town.database.transaction() as session:
        policies.add(
            session,
            actor=clerk(town, session),
            facility_id=None,
            space_kind=None,
            valid_from=TODAY,
            terms=Terms(stages, kept_yen, unused_percent, alert_percent),
            now=now,
        )


def give_up(town: Town, reservation_id: UUID, *, now: datetime, **more: Any) -> Reservation:
    """The resident cancels."""
    with town.database.transaction() as session:
        actor = town.actor(session=session)
        return cancel(session, actor=actor, reservation_id=reservation_id, now=now, **more)


def owed(town: Town) -> list[tuple[UUID, int, str]]:
    """(reference, yen, cause) of everything owed back, oldest first."""
    with town.database.reading() as session:
        rows = session.scalars(sa.select(Refund).order_by(Refund.created_at, Refund.id))
        return [(row.reference, row.amount_yen, row.cause) for row in rows]


def told(town: Town, template: str) -> list[dict[str, Any]]:
    """What mails of a kind were told."""
    with town.database.reading() as session:
        payloads = [row.payload for row in session.scalars(sa.select(Owed).order_by(Owed.id))]
    return [payload["params"] for payload in payloads if payload["template"] == template]


def acts(town: Town) -> list[str]:
    """The audit trail."""
    with town.database.reading() as session:
        return list(session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.number)))


def look(town: Town, now: datetime) -> int:
    """The worker asks the locks once."""
    with town.database.transaction() as session:
        return reviews.look_due(session, now=now, limit=100)


def review(town: Town, reservation_id: UUID) -> RefundReview | None:
    """A reservation's review, as the database has it."""
    with town.database.reading() as session:
        found = session.get(RefundReview, reservation_id)
        if found is not None:
            session.expunge(found)
        return found


def another_manager(town: Town, address: str = "kacho@example.jp") -> Actor:
    """Somebody else at the office."""
    with town.database.transaction() as session:
        made = account(session, town.municipality_id, address, role=Role.MANAGER)
    staff = town.staff
    return Actor(
        account_id=made,
        municipality_id=staff.municipality_id,
        role=Role.MANAGER,
        name="見本 課長",
        mail_address=address,
        groups=(),
        catalogue_version=staff.catalogue_version,
    )
