"""Payments as the money desk finds them: by day, group, reservation, or whatever number Stripe shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.reservations.models import Reservation
from core.clock import start_of_day
from core.errors import NotThere
from payments.case_models import Dispute
from payments.models import LedgerEntry, Payment, PaymentItem, Refund
from payments.states import PaymentState

LISTED = 50


@dataclass(frozen=True, slots=True)
class Item:
    """What a payment paid for."""

    reference: UUID
    label: str
    amount_yen: int
    group_name: str | None
    """None: it is no reservation."""
    permit_number: int | None
    is_given_up: bool


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One attempt to pay."""

    id: UUID
    state: PaymentState
    method: str
    amount_yen: int
    created_at: datetime
    settled_at: datetime | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class LedgerSet:
    """One event in the books: (account, yen), debit positive."""

    key: str
    at: datetime
    lines: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """Everything about one payment."""

    line: PaymentLine
    row: Payment
    others: tuple[PaymentLine, ...]
    """Other attempts for the same things, oldest first."""
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]
    sets: tuple[LedgerSet, ...]


def find(
    session: Session, *, municipality_id: int, words: str = "", day: date | None = None
) -> list[PaymentLine]:
    """The payments that match, newest first; without words and day the newest of all."""
    where = [Payment.municipality_id == municipality_id]
    if words:
        where.append(Payment.id.in_(_matching(words)))
    if day is not None:
        first, end = start_of_day(day), start_of_day(day + timedelta(days=1))
        where.append(
            sa.or_(
                sa.and_(Payment.created_at >= first, Payment.created_at < end),
                sa.and_(Payment.settled_at >= first, Payment.settled_at < end),
            )
        )
    rows = session.scalars(
        sa.select(Payment).where(*where).order_by(Payment.created_at.desc(), Payment.id.desc()).limit(LISTED)
    ).all()
    return _lines(session, rows)


def one(session: Session, *, municipality_id: int, payment_id: UUID) -> PaymentFile:
    """One payment of the municipality with all that belongs to it.

    Raises:
        NotThere: there is none.
    """
    row = session.get(Payment, payment_id)
    if row is None or row.municipality_id != municipality_id:
        raise NotThere(f"payment {payment_id}")
    references = [item.reference for item in row.items]
    same = sa.select(PaymentItem.payment_id).where(PaymentItem.reference.in_(references))
    others = session.scalars(
        sa.select(Payment)
        .where(Payment.id.in_(same), Payment.id != row.id)
        .order_by(Payment.created_at, Payment.id)
        .limit(LISTED)
    ).all()
    refunds = session.scalars(
        sa.select(Refund).where(Refund.payment_id == row.id).order_by(Refund.created_at, Refund.id)
    ).all()
    disputes = session.scalars(
        sa.select(Dispute).where(Dispute.payment_id == row.id).order_by(Dispute.opened_at, Dispute.id)
    ).all()
    return PaymentFile(
        line=_lines(session, [row])[0],
        row=row,
        others=tuple(_lines(session, others)),
        refunds=tuple(refunds),
        disputes=tuple(disputes),
        sets=_sets(session, row.id),
    )


def _matching(words: str) -> sa.Select[UUID] | sa.Select[UUID | None]:
    """Ids of payments by whatever somebody may have copied or remember."""
    by_item = sa.select(PaymentItem.payment_id)
    try:
        wanted = UUID(words)
    except ValueError:
        pass
    else:
        return sa.select(Payment.id).where(
            sa.or_(Payment.id == wanted, Payment.id.in_(by_item.where(PaymentItem.reference == wanted)))
        )
    if words.startswith(("cs_", "pi_")):
        return sa.select(Payment.id).where(
            sa.or_(Payment.stripe_session_id == words, Payment.stripe_payment_intent_id == words)
        )
    if words.startswith(("re_", "pyr_")):
        return sa.select(Refund.payment_id).where(Refund.stripe_refund_id == words)
    if words.startswith(("dp_", "du_")):
        return sa.select(Dispute.payment_id).where(
            Dispute.stripe_dispute_id == words, Dispute.payment_id.is_not(None)
        )
    with_group = by_item.join(Reservation, Reservation.id == PaymentItem.reference).join(Group)
    if words.isascii() and words.isdigit() and len(words) < 10:
        return with_group.where(Reservation.permit_number == int(words))
    return with_group.where(Group.name.contains(words, autoescape=True))


def _lines(session: Session, rows: Sequence[Payment]) -> list[PaymentLine]:
    references = [item.reference for row in rows for item in row.items]
    known = {
        reference: (name, permit_number)
        for reference, name, permit_number in session.execute(
            sa.select(Reservation.id, Group.name, Reservation.permit_number)
            .join(Group, Group.id == Reservation.group_id)
            .where(Reservation.id.in_(references))
        )
    }
    return [
        PaymentLine(
            id=row.id,
            state=PaymentState(row.state),
            method=row.method,
            amount_yen=row.amount_yen,
            created_at=row.created_at,
            settled_at=row.settled_at,
            items=tuple(_item(item, known.get(item.reference)) for item in row.items),
        )
        for row in rows
    ]


def _item(item: PaymentItem, reservation: tuple[str, int | None] | None) -> Item:
    group_name, permit_number = reservation or (None, None)
    return Item(
        reference=item.reference,
        label=item.label,
        amount_yen=item.amount_yen,
        group_name=group_name,
        permit_number=permit_number,
        is_given_up=item.given_up_at is not None,
    )


def _sets(session: Session, payment_id: UUID) -> tuple[LedgerSet, ...]:
    rows = session.scalars(
        sa.select(LedgerEntry)
        .where(LedgerEntry.payment_id == payment_id)
        .order_by(LedgerEntry.at, LedgerEntry.id)
    ).all()
    keys = dict.fromkeys(row.set_key for row in rows)
    return tuple(
        LedgerSet(
            key,
            next(row.at for row in rows if row.set_key == key),
            tuple((row.account, row.amount_yen) for row in rows if row.set_key == key),
        )
        for key in keys
    )
