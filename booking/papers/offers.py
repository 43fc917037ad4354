"""Which papers there are to be had: those issued, and those that a tap would issue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import span
from booking.papers.kinds import Kind, month_subject, number_words, subject_of
from booking.papers.models import Paper
from booking.papers.permits import TAKEN_BACK
from booking.papers.shares import given_back, shares_of
from booking.papers.sold import sold
from booking.papers.statements import is_over, month_after
from booking.papers.voids import voids_of
from booking.people.signed_in import GroupOfActor
from booking.reservations.models import Reservation
from booking.reservations.words import refund_cause
from core.clock import civil_day, start_of_day
from payments.invoice_models import Charge, Invoice
from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState


@dataclass(frozen=True, slots=True)
class Offer:
    """A paper to be had. Without `paper_id` it is issued when somebody asks for it."""

    kind: Kind
    subject: str
    group_id: UUID
    on: date
    amount_yen: int | None
    what: str
    """What it is about, for who looks for it."""
    paper_id: UUID | None = None
    number: str | None = None
    is_void: bool = False


Where = sa.ColumnElement[bool]
_ORDER = {kind: place for place, kind in enumerate((Kind.STATEMENT, Kind.INVOICE, Kind.PERMIT, Kind.RECEIPT))}


def of_reservation(
    session: Session, *, municipality_id: int, reservation_id: UUID, group_id: UUID
) -> list[Offer]:
    """The papers about one reservation."""
    billed = sa.select(Charge.invoice_id).where(Charge.reference == reservation_id)
    found = [
        *_permits(session, municipality_id, Reservation.id == reservation_id),
        *_receipts(session, municipality_id, {reservation_id: group_id}),
        *_notices(session, {reservation_id: group_id}),
        *_invoices(session, Invoice.id.in_(billed)),
    ]
    return _with_papers(session, municipality_id, found)


def of_month(
    session: Session, *, municipality_id: int, groups: Sequence[GroupOfActor], month: date, now: datetime
) -> dict[UUID, list[Offer]]:
    """Each group's papers of a month; permits by the day of use, the others by the day of the money."""
    ids = [group.id for group in groups]
    begin, end = start_of_day(month), start_of_day(month_after(month))
    in_month = sa.and_(Reservation.starts_at >= begin, Reservation.starts_at < end)
    paid = _group_by_reference(
        session,
        ids,
        sa.select(PaymentItem.reference)
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(Payment.settled_at >= begin, Payment.settled_at < end),
    )
    back = _group_by_reference(
        session, ids, sa.select(Refund.reference).where(Refund.created_at >= begin, Refund.created_at < end)
    )
    found = [
        *_permits(session, municipality_id, Reservation.group_id.in_(ids), in_month),
        *_receipts(session, municipality_id, paid, Payment.settled_at >= begin, Payment.settled_at < end),
        *_notices(session, back, Refund.created_at >= begin, Refund.created_at < end),
        *_invoices(session, Invoice.payer.in_(ids), Invoice.month == month),
    ]
    if is_over(month, now=now):
        last, words = civil_day(end), f"{month.year}年{month.month}月"
        found += [
            Offer(Kind.STATEMENT, month_subject(group_id, month), group_id, last, None, words)
            for group_id in dict.fromkeys(offer.group_id for offer in found)
        ]
    offers = _with_papers(session, municipality_id, found)
    return {group_id: [offer for offer in offers if offer.group_id == group_id] for group_id in ids}


def _group_by_reference(
    session: Session, groups: Sequence[UUID], references: sa.Select[UUID]
) -> dict[UUID, UUID]:
    """{reservation or invoice: its group} of some references that are these groups'."""
    rows = session.execute(
        sa.union_all(
            sa.select(Reservation.id, Reservation.group_id).where(
                Reservation.group_id.in_(groups), Reservation.id.in_(references)
            ),
            sa.select(Invoice.id, Invoice.payer).where(Invoice.payer.in_(groups), Invoice.id.in_(references)),
        )
    )
    return {row[0]: row[1] for row in rows}


def _permits(session: Session, municipality_id: int, *where: Where) -> list[Offer]:
    ids = session.scalars(sa.select(Reservation.id).where(Reservation.permit_number.is_not(None), *where))
    found = sold(session, municipality_id=municipality_id, reservation_ids=ids.all())
    return [
        Offer(
            Kind.PERMIT,
            subject_of(Kind.PERMIT, one.reservation_id),
            one.group_id,
            civil_day(one.window.starts_at),
            None,
            f"{span(one.window)} {one.where}",
            is_void=one.state in TAKEN_BACK,
        )
        for one in found.values()
    ]


def _in_short(labels: Sequence[str]) -> str:
    """`体育館 11月28日(土) 18:00 ほか2件`."""
    return labels[0] if len(labels) == 1 else f"{labels[0]} ほか{len(labels) - 1}件"


def _receipts(session: Session, municipality_id: int, groups: dict[UUID, UUID], *where: Where) -> list[Offer]:
    rows = session.execute(
        sa.select(Payment.id, Payment.settled_at).where(
            Payment.id.in_(sa.select(PaymentItem.payment_id).where(PaymentItem.reference.in_(list(groups)))),
            Payment.state == PaymentState.SETTLED,
            *where,
        )
    )
    settled = {row.id: row.settled_at for row in rows if row.settled_at is not None}
    shares = shares_of(session, municipality_id=municipality_id, payment_ids=list(settled))
    back = given_back(session, shares)
    return [
        Offer(
            Kind.RECEIPT,
            share.subject,
            share.group_id,
            civil_day(settled[share.payment_id]),
            share.amount_yen,
            _in_short(share.labels),
            is_void=back[share.subject].yen >= share.amount_yen,
        )
        for share in shares
        if not groups.keys().isdisjoint(share.references)
    ]


def _notices(session: Session, groups: dict[UUID, UUID], *where: Where) -> list[Offer]:
    rows = session.execute(
        sa.select(Refund.id, Refund.reference, Refund.created_at, Refund.amount_yen, Refund.cause)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.reference.in_(list(groups)), Payment.state == PaymentState.SETTLED, *where)
    )
    return [
        Offer(
            Kind.REFUND_NOTICE,
            subject_of(Kind.REFUND_NOTICE, row.id),
            groups[row.reference],
            civil_day(row.created_at),
            row.amount_yen,
            refund_cause(row.cause),
        )
        for row in rows
    ]


def _invoices(session: Session, *where: Where) -> list[Offer]:
    rows = session.execute(
        sa.select(Invoice.id, Invoice.payer, Invoice.issued_at, Invoice.amount_yen, Invoice.month).where(
            Invoice.amount_yen > 0, *where
        )
    )
    return [
        Offer(
            Kind.INVOICE,
            subject_of(Kind.INVOICE, row.id),
            row.payer,
            civil_day(row.issued_at),
            row.amount_yen,
            f"{row.month.year}年{row.month.month}月分",
        )
        for row in rows
    ]


def _with_papers(session: Session, municipality_id: int, offers: list[Offer]) -> list[Offer]:
    """The offers with what was issued of them; what is void and was never issued is left out."""
    papers = session.scalars(
        sa.select(Paper).where(
            Paper.municipality_id == municipality_id, Paper.subject.in_([offer.subject for offer in offers])
        )
    ).all()
    voids = voids_of(session, papers)
    issued = {(paper.kind, paper.subject): paper for paper in papers}
    found = []
    for offer in offers:
        paper = issued.get((offer.kind, offer.subject))
        if paper is not None:
            number = number_words(offer.kind, paper.fiscal_year, paper.number)
            found.append(replace(offer, paper_id=paper.id, number=number, is_void=paper.id in voids))
        elif not offer.is_void:
            found.append(offer)
    return sorted(found, key=lambda offer: (_ORDER.get(offer.kind, 9), offer.on, offer.subject))
