"""What the pages of batches show: reservations with money that could go back, and the batches themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from booking.people.models import Account, Group
from booking.places.catalogue import catalogue
from booking.places.models import Offering, Space
from booking.refunding.batches import MAX_LINES, BatchState
from booking.refunding.models import RefundBatch, RefundBatchItem, RefundReview
from booking.reservations.models import Reservation, State
from core.clock import civil_day, start_of_day
from core.errors import NotThere
from core.window import Window
from payments import refunds

PAID_STATES = (State.CONFIRMED, State.USED, State.NO_SHOW, State.CANCELLED, State.REVOKED)
"""States of a reservation in which money of it may still be here."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reservation and what of its money is still here."""

    id: UUID
    group_name: str
    place: str
    window: Window
    state: State
    left_yen: int


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch with the names of its people."""

    id: UUID
    reason: str
    state: BatchState
    needs_second: bool
    total_yen: int
    made_at: datetime
    made_by: UUID
    made_by_name: str
    decided_at: datetime | None
    decided_by_name: str | None


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One line of a batch, with what could go back now."""

    candidate: Candidate
    amount_yen: int

    @property
    def is_too_much(self) -> bool:
        """Whether it asks for more than is there."""
        return self.amount_yen > self.candidate.left_yen


def candidates(
    session: Session,
    *,
    municipality_id: int,
    first: date,
    last: date,
    facility_id: int | None = None,
    state: State | None = None,
) -> list[Candidate]:
    """Reservations that begin from one day to another with money that could go back, by start."""
    statement = _select(municipality_id).where(
        Reservation.starts_at >= start_of_day(first),
        Reservation.starts_at < start_of_day(last + timedelta(days=1)),
        Reservation.state.in_(PAID_STATES if state is None else (state,)),
        Reservation.amount_yen > 0,
    )
    if facility_id is not None:
        statement = statement.where(Space.facility_id == facility_id)
    found = _candidates(session, municipality_id, statement.limit(5 * MAX_LINES))
    return [line for line in found if line.left_yen][:MAX_LINES]


def candidates_of(session: Session, *, municipality_id: int, ids: Sequence[UUID]) -> list[Candidate]:
    """These reservations of the municipality, by start; others are left out."""
    return _candidates(session, municipality_id, _select(municipality_id).where(Reservation.id.in_(ids)))


def batches(session: Session, *, municipality_id: int, waiting: bool, limit: int = 50) -> list[BatchLine]:
    """Batches that wait for a second person, oldest first; else the decided ones, latest first."""
    is_waiting = RefundBatch.state == BatchState.WAITING
    order = RefundBatch.made_at if waiting else RefundBatch.made_at.desc()
    where = is_waiting if waiting else sa.not_(is_waiting)
    rows = session.execute(
        _batches(municipality_id).where(where).order_by(order, RefundBatch.id).limit(limit)
    )
    return [_batch(*row) for row in rows]


def one(session: Session, *, municipality_id: int, batch_id: UUID) -> tuple[BatchLine, list[BatchItem]]:
    """One batch and its lines, by start.

    Raises:
        NotThere: the municipality has none of that id.
    """
    row = session.execute(_batches(municipality_id).where(RefundBatch.id == batch_id)).one_or_none()
    if row is None:
        raise NotThere(f"batch {batch_id}")
    amounts = {
        item.reservation_id: item.amount_yen
        for item in session.scalars(sa.select(RefundBatchItem).where(RefundBatchItem.batch_id == batch_id))
    }
    lines = candidates_of(session, municipality_id=municipality_id, ids=sorted(amounts))
    return _batch(*row), [BatchItem(line, amounts[line.id]) for line in lines]


def _select(municipality_id: int) -> Any:
    return (
        sa.select(Reservation, Group.name, Space.facility_id, Space.name, Offering.name)
        .join(Group, Group.id == Reservation.group_id)
        .join(Offering, Offering.id == Reservation.offering_id)
        .join(Space, Space.id == Offering.space_id)
        .where(Reservation.municipality_id == municipality_id)
        .order_by(Reservation.starts_at, Reservation.id)
    )


def _candidates(session: Session, municipality_id: int, statement: Any) -> list[Candidate]:
    rows = session.execute(statement).all()
    left = refunds.left_of(session, references=[row[0].id for row in rows])
    places = catalogue(session, municipality_id)
    return [
        Candidate(
            id=reservation.id,
            group_name=group,
            place=f"{places.facility_name(facility_id, on=civil_day(reservation.starts_at))} {space} {name}",
            window=Window(reservation.starts_at, reservation.ends_at),
            state=State(reservation.state),
            left_yen=left[reservation.id],
        )
        for reservation, group, facility_id, space, name in rows
    ]


_MAKER, _DECIDER = aliased(Account), aliased(Account)


def _batches(municipality_id: int) -> Any:
    return (
        sa.select(RefundBatch, _MAKER.name, _DECIDER.name)
        .join(_MAKER, _MAKER.id == RefundBatch.made_by)
        .outerjoin(_DECIDER, _DECIDER.id == RefundBatch.decided_by)
        .where(RefundBatch.municipality_id == municipality_id)
    )


def _batch(row: RefundBatch, maker: str, decider: str | None) -> BatchLine:
    return BatchLine(
        id=row.id,
        reason=row.reason,
        state=BatchState(row.state),
        needs_second=row.needs_second,
        total_yen=row.total_yen,
        made_at=row.made_at,
        made_by=row.made_by,
        made_by_name=maker,
        decided_at=row.decided_at,
        decided_by_name=decider,
    )


def given(municipality_id: int) -> sa.Subquery:
    """Per reservation (`reference`): the `yen` of batches that were agreed to, and of reviews that the locks'
    word decided.
    """
    agreed = (
        sa.select(RefundBatchItem.reservation_id.label("reference"), RefundBatchItem.amount_yen.label("yen"))
        .join(RefundBatch, RefundBatch.id == RefundBatchItem.batch_id)
        .where(RefundBatch.municipality_id == municipality_id, RefundBatch.state == BatchState.APPROVED)
    )
    unused = sa.select(RefundReview.reservation_id, RefundReview.refund_yen).where(
        RefundReview.municipality_id == municipality_id, RefundReview.refund_yen > 0
    )
    every = sa.union_all(agreed, unused).subquery()
    return (
        sa.select(every.c.reference, sa.func.sum(every.c.yen).label("yen"))
        .group_by(every.c.reference)
        .subquery()
    )
