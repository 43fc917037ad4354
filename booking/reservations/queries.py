"""Reservations as pages show them: typed lines, always ordered; names come from the catalogue."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Group
from booking.people.signed_in import Actor
from booking.places.catalogue import Catalogue, catalogue
from booking.places.entries import OfferingEntry
from booking.reservations.models import Reservation, State
from booking.reservations.states import CLAIMING
from core.clock import civil_day, start_of_day
from core.errors import NotThere
from core.window import Window
from payments.states import Method


@dataclass(frozen=True, slots=True)
class ReservationLine:
    """One reservation with the words around it."""

    id: UUID
    municipality_id: int
    group_id: UUID
    group_name: str
    account_name: str
    facility_id: int
    facility_name: str
    """As it is called on the day of use."""
    offering: OfferingEntry
    window: Window
    state: State
    channel: str
    amount_yen: int
    fee_lines: list[dict[str, Any]]
    policy: dict[str, Any]
    """What comes back when, as sold."""
    pays_by: Method
    created_at: datetime
    state_changed_at: datetime
    next_due_at: datetime | None
    pay_until: datetime | None
    cancel_asked_at: datetime | None
    permit_number: int | None
    reason: str | None
    first_opened_at: datetime | None
    door_unreached_at: datetime | None
    """Since when we know that a lock may not learn of it in time."""

    def is_payable(self, now: datetime) -> bool:
        """Whether a payment may begin."""
        return (
            self.state is State.HELD
            and self.cancel_asked_at is None
            and self.pay_until is not None
            and now < self.pay_until
        )

    def is_without_report(self, now: datetime) -> bool:
        """Whether it is over and no lock has said yet whether anybody came."""
        return self.state is State.CONFIRMED and self.window.ends_at <= now


def of_group(session: Session, *, actor: Actor, group_id: UUID, limit: int = 200) -> list[ReservationLine]:
    """A group's reservations, latest start first.

    Raises:
        NotThere: not the actor's group.
    """
    if actor.group_or_none(group_id) is None:
        raise NotThere(f"group {group_id}")
    statement = _SELECT.where(Reservation.group_id == group_id).order_by(*_LATEST_FIRST).limit(limit)
    return _lines(session, actor.municipality_id, statement, version=actor.catalogue_version)


def of_actor(session: Session, *, actor: Actor, limit: int = 200) -> list[ReservationLine]:
    """The reservations of all groups of the actor, latest start first."""
    ids = [group.id for group in actor.groups]
    statement = _SELECT.where(Reservation.group_id.in_(ids)).order_by(*_LATEST_FIRST).limit(limit)
    return _lines(session, actor.municipality_id, statement, version=actor.catalogue_version)


def one(session: Session, *, actor: Actor, reservation_id: UUID) -> ReservationLine:
    """One reservation of the actor's groups, or of the municipality for its managers.

    Raises:
        NotThere: there is none, or it is somebody else's.
    """
    found = _lines(
        session,
        actor.municipality_id,
        _SELECT.where(Reservation.id == reservation_id, *_visible_to(actor)),
        version=actor.catalogue_version,
    )
    if not found:
        raise NotThere(f"reservation {reservation_id}")
    return found[0]


def locked_for(session: Session, *, actor: Actor, reservation_id: UUID) -> Reservation:
    """The same reservation's row, locked until the end of the transaction and read anew.

    Raises:
        NotThere: there is none, or it is somebody else's.
    """
    found = session.scalar(
        sa.select(Reservation)
        .where(Reservation.id == reservation_id, *_visible_to(actor))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotThere(f"reservation {reservation_id}")
    return found


def locked(session: Session, reservation_id: UUID) -> Reservation | None:
    """A reservation's row, locked and read anew; None where there is none of that id."""
    return session.scalar(
        sa.select(Reservation)
        .where(Reservation.id == reservation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def board(
    session: Session, *, municipality_id: int, day: date, now: datetime, with_taken_back: bool = False
) -> list[ReservationLine]:
    """What a day holds: every reservation that has or had its courts, by facility, space and start.

    A hold that has run out is left out: nobody will come. `with_taken_back` adds those that had codes and
    were cancelled or revoked: a lock may not have heard of it.
    """
    holds = sa.and_(
        Reservation.state.in_(CLAIMING),
        sa.or_(Reservation.state != State.HELD, Reservation.pay_until > now),
    )
    taken_back = sa.and_(
        Reservation.state.in_((State.CANCELLED, State.REVOKED)), Reservation.permit_number.is_not(None)
    )
    begin = start_of_day(day)
    statement = _SELECT.where(
        Reservation.municipality_id == municipality_id,
        Reservation.starts_at >= begin,
        Reservation.starts_at < begin + timedelta(days=1),
        sa.or_(holds, taken_back) if with_taken_back else holds,
    ).order_by(Reservation.starts_at, Reservation.id)
    lines = _lines(session, municipality_id, statement)
    order = {
        entry.id: place for place, entry in enumerate(catalogue(session, municipality_id).facilities(day))
    }
    lines.sort(
        key=lambda line: (
            order[line.facility_id],
            line.offering.space_id,
            line.window.starts_at,
            line.offering.id,
        )
    )
    return lines


def approvals(session: Session, *, municipality_id: int) -> list[ReservationLine]:
    """What waits for staff's word, the most urgent first (`next_due_at` is when it lapses)."""
    statement = _SELECT.where(
        Reservation.municipality_id == municipality_id, Reservation.state == State.REQUESTED
    ).order_by(Reservation.next_due_at, Reservation.id)
    return _lines(session, municipality_id, statement)


def unpaid(session: Session, *, municipality_id: int, group_ids: Collection[UUID]) -> list[ReservationLine]:
    """Some groups' reservations that are held until they are paid, the most urgent first."""
    statement = _SELECT.where(
        Reservation.municipality_id == municipality_id,
        Reservation.group_id.in_(group_ids),
        Reservation.state == State.HELD,
    ).order_by(Reservation.pay_until, Reservation.starts_at, Reservation.id)
    return _lines(session, municipality_id, statement)


def search(
    session: Session,
    *,
    municipality_id: int,
    group_words: str = "",
    permit_number: int | None = None,
    ids: Collection[UUID] | None = None,
    day: date | None = None,
    limit: int = 50,
) -> list[ReservationLine]:
    """Reservations by part of the group's name, permit number, id or day; what waits for money is first."""
    wanted = [Reservation.municipality_id == municipality_id]
    if group_words:
        wanted.append(Group.name.contains(group_words, autoescape=True))
    if permit_number is not None:
        wanted.append(Reservation.permit_number == permit_number)
    if ids is not None:
        wanted.append(Reservation.id.in_(ids))
    if day is not None:
        begin = start_of_day(day)
        wanted += [Reservation.starts_at >= begin, Reservation.starts_at < begin + timedelta(days=1)]
    is_held = sa.case((Reservation.state == State.HELD, 0), else_=1)
    statement = _SELECT.where(*wanted).order_by(is_held, *_LATEST_FIRST).limit(limit)
    return _lines(session, municipality_id, statement)


def _visible_to(actor: Actor) -> Iterable[sa.ColumnElement[bool]]:
    yield Reservation.municipality_id == actor.municipality_id
    if not actor.is_manager:
        yield Reservation.group_id.in_([group.id for group in actor.groups])


_SELECT = (
    sa.select(Reservation.__table__, Group.name.label("group_name"), Account.name.label("account_name"))
    .join(Group, Group.id == Reservation.group_id)
    .join(Account, Account.id == Reservation.account_id)
)
_LATEST_FIRST = (Reservation.starts_at.desc(), Reservation.created_at.desc(), Reservation.id)


def _lines(
    session: Session, municipality_id: int, statement: sa.Select[Any], *, version: int | None = None
) -> list[ReservationLine]:
    places = catalogue(session, municipality_id, version=version)
    return [_line(places, row) for row in session.execute(statement)]


def _line(places: Catalogue, row: Any) -> ReservationLine:
    offering = places.offering(row.offering_id)
    return ReservationLine(
        id=row.id,
        municipality_id=row.municipality_id,
        group_id=row.group_id,
        group_name=row.group_name,
        account_name=row.account_name,
        facility_id=offering.facility_id,
        facility_name=places.facility_name(offering.facility_id, on=civil_day(row.starts_at)),
        offering=offering,
        window=Window(row.starts_at, row.ends_at),
        state=State(row.state),
        channel=row.channel,
        amount_yen=row.amount_yen,
        fee_lines=row.fee_lines,
        policy=row.policy,
        pays_by=Method(row.pays_by),
        created_at=row.created_at,
        state_changed_at=row.state_changed_at,
        next_due_at=row.next_due_at,
        pay_until=row.pay_until,
        cancel_asked_at=row.cancel_asked_at,
        permit_number=row.permit_number,
        reason=row.reason,
        first_opened_at=row.first_opened_at,
        door_unreached_at=row.door_unreached_at,
    )
