"""What pages read of invoices: typed rows, always ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import NotThere
from payments.invoice_models import Charge, Invoice
from payments.invoices import InvoiceState


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One invoice."""

    id: UUID
    payer: UUID
    month: date
    amount_yen: int
    state: InvoiceState
    issued_at: datetime
    due_on: date
    paid_at: datetime | None
    paid_by: str | None
    reminded_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One sum on an invoice, or on the next; below zero it is let off."""

    reference: UUID
    cause: str
    label: str
    amount_yen: int
    used_on: date


def one(session: Session, *, municipality_id: int, invoice_id: UUID) -> InvoiceLine:
    """One invoice.

    Raises:
        NotThere: no such invoice of the municipality.
    """
    found = session.scalar(
        sa.select(Invoice).where(Invoice.id == invoice_id, Invoice.municipality_id == municipality_id)
    )
    if found is None:
        raise NotThere(f"invoice {invoice_id}")
    return _line(found)


def charges_of(session: Session, *, invoice_id: UUID) -> list[ChargeLine]:
    """What an invoice asks for, by day of use."""
    return _charges(session, Charge.invoice_id == invoice_id)


def coming(session: Session, *, payer: UUID) -> list[ChargeLine]:
    """What is on no invoice yet, by day of use."""
    return _charges(session, Charge.payer == payer, Charge.invoice_id.is_(None))


def of_payers(session: Session, *, payers: Sequence[UUID], unpaid_only: bool = False) -> list[InvoiceLine]:
    """The invoices of some payers, newest month first."""
    statement = sa.select(Invoice).where(Invoice.payer.in_(payers))
    if unpaid_only:
        statement = statement.where(Invoice.state == InvoiceState.ISSUED)
    rows = session.scalars(statement.order_by(Invoice.month.desc(), Invoice.id))
    return [_line(row) for row in rows]


def of_town(session: Session, *, municipality_id: int, limit: int = 200) -> list[InvoiceLine]:
    """A municipality's invoices: the unpaid ones, those due first in front; then the newest."""
    is_unpaid = Invoice.state == InvoiceState.ISSUED
    rows = session.scalars(
        sa.select(Invoice)
        .where(Invoice.municipality_id == municipality_id)
        .order_by(is_unpaid.desc(), Invoice.month.desc(), Invoice.due_on, Invoice.id)
        .limit(limit)
    )
    return [_line(row) for row in rows]


def _charges(session: Session, *where: sa.ColumnElement[bool]) -> list[ChargeLine]:
    rows = session.scalars(sa.select(Charge).where(*where).order_by(Charge.used_on, Charge.id))
    return [ChargeLine(row.reference, row.cause, row.label, row.amount_yen, row.used_on) for row in rows]


def _line(row: Invoice) -> InvoiceLine:
    return InvoiceLine(
        id=row.id,
        payer=row.payer,
        month=row.month,
        amount_yen=row.amount_yen,
        state=InvoiceState(row.state),
        issued_at=row.issued_at,
        due_on=row.due_on,
        paid_at=row.paid_at,
        paid_by=row.paid_by,
        reminded_at=row.reminded_at,
    )
