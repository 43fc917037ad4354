"""利用明細書: what one group used, paid and got back in a month that is over."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import short_day, span
from booking.papers.draft import Draft, NothingToIssue, issuer_words
from booking.papers.issuers import require_issuer
from booking.papers.permits import TAKEN_BACK
from booking.papers.receipts import paid_day, way_of
from booking.papers.sold import Sold, sold
from booking.people.models import Group
from booking.reservations.models import Reservation, State
from booking.reservations.words import refund_cause
from core.clock import civil_day, start_of_day
from core.errors import NotThere
from payments.invoice_models import Invoice
from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState

_STATES = {
    State.CONFIRMED: "予約確定",
    State.USED: "利用済み",
    State.NO_SHOW: "利用の記録なし",
    State.CANCELLED: "取消し",
    State.REVOKED: "利用中止",
}


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def is_over(month: date, *, now: datetime) -> bool:
    """Whether nothing of a month lies ahead, so that its statement can be frozen."""
    return month_after(month) <= civil_day(now)


def statement(session: Session, group_id: UUID, month: date, *, municipality_id: int, now: datetime) -> Draft:
    """A group's month.

    Raises:
        NotThere: no such group of the municipality.
        NothingToIssue: the month is not over.
        NoIssuer: nobody stands on papers yet.
    """
    name = session.scalar(
        sa.select(Group.name).where(Group.id == group_id, Group.municipality_id == municipality_id)
    )
    if name is None:
        raise NotThere(f"group {group_id}")
    if not is_over(month, now=now):
        raise NothingToIssue(f"{month:%Y-%m} is not over")
    begin, end = start_of_day(month), start_of_day(month_after(month))
    used = _used(session, group_id, municipality_id, begin, end)
    paid = _paid(session, group_id, begin, end)
    back = _back(session, group_id, begin, end)
    issuer = require_issuer(session, municipality_id=municipality_id, day=civil_day(now))
    content: dict[str, Any] = {
        "issuer": issuer_words(issuer, registration_number=None),
        "month": f"{month.year}年{month.month}月",
        "reservations": [_reservation(one) for one in used],
        "payments": [
            _money(paid_day(payment), item.amount_yen, how=way_of(payment), what=item.label)
            for payment, item in paid
        ],
        "refunds": [
            _money(refund.created_at, refund.amount_yen, cause=refund_cause(refund.cause)) for refund in back
        ],
        "used_yen": sum(one.amount_yen for one in used if one.state not in TAKEN_BACK),
        "paid_yen": sum(item.amount_yen for _, item in paid),
        "refunded_yen": sum(refund.amount_yen for refund in back),
    }
    return Draft(group_id, name, content)


def _money(on: date | datetime, amount_yen: int, **words: str) -> dict[str, Any]:
    return {"on": short_day(on), **words, "amount_yen": amount_yen}


def _reservation(one: Sold) -> dict[str, Any]:
    return {
        "when": f"{short_day(one.window.starts_at)} {span(one.window)}",
        "where": one.where,
        "state": _STATES.get(one.state, ""),
        "permit_number": one.permit_number,
        "amount_yen": one.amount_yen,
        "is_taken_back": one.state in TAKEN_BACK,
    }


def _used(
    session: Session, group_id: UUID, municipality_id: int, begin: datetime, end: datetime
) -> list[Sold]:
    """What was ever confirmed for the month, by start."""
    ids = session.scalars(
        sa.select(Reservation.id).where(
            Reservation.group_id == group_id,
            Reservation.starts_at >= begin,
            Reservation.starts_at < end,
            Reservation.permit_number.is_not(None),
        )
    ).all()
    return list(sold(session, municipality_id=municipality_id, reservation_ids=ids).values())


def _references(group_id: UUID) -> sa.CompoundSelect[Any]:
    """Everything of a group that money can be for."""
    return sa.union_all(
        sa.select(Reservation.id).where(Reservation.group_id == group_id),
        sa.select(Invoice.id).where(Invoice.payer == group_id),
    )


def _paid(
    session: Session, group_id: UUID, begin: datetime, end: datetime
) -> Sequence[sa.Row[Payment, PaymentItem]]:
    return session.execute(
        sa.select(Payment, PaymentItem)
        .join(PaymentItem, PaymentItem.payment_id == Payment.id)
        .where(
            Payment.state == PaymentState.SETTLED,
            Payment.settled_at >= begin,
            Payment.settled_at < end,
            PaymentItem.reference.in_(_references(group_id)),
        )
        .order_by(Payment.settled_at, Payment.id, PaymentItem.position)
    ).all()


def _back(session: Session, group_id: UUID, begin: datetime, end: datetime) -> Sequence[Refund]:
    return session.scalars(
        sa.select(Refund)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(
            Payment.state == PaymentState.SETTLED,
            Refund.created_at >= begin,
            Refund.created_at < end,
            Refund.reference.in_(_references(group_id)),
        )
        .order_by(Refund.created_at, Refund.id)
    ).all()
