"""後納: what approved payers owe, collected once a month into an invoice, and followed until it is paid."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import civil_day, start_of_day
from core.database import insert_into
from core.errors import ContractBroken
from core.ids import new_id
from payments import cases, ledger
from payments.cases import About, CaseKind
from payments.invoice_models import Charge, Invoice
from payments.ledger import Account, Line
from payments.models import Payment

USE = "use"
CARRIED = "carried"
"""Causes of a charge that are not corrections: the use itself, and a credit from the month before."""
CHASED_AGAIN_AFTER = timedelta(days=7)


class InvoiceState(StrEnum):
    """How far an invoice is."""

    ISSUED = "issued"
    PAID = "paid"
    """Or nothing was to be paid."""
    CARRIED = "carried"
    """Below zero: its sum is on the next one."""


def charge(
    session: Session,
    *,
    municipality_id: int,
    payer: UUID,
    reference: UUID,
    label: str,
    amount_yen: int,
    used_on: date,
    now: datetime,
) -> None:
    """A payer owes for a reference; the same reference again owes nothing more. No yen owe nothing.

    Raises:
        ContractBroken: a negative amount.
    """
    if amount_yen < 0:
        raise ContractBroken("a charge is not negative")
    if not amount_yen:
        return
    if _add(session, municipality_id, payer, reference, USE, label, amount_yen, used_on, now):
        lines = [
            Line(Account.RECEIVABLES, amount_yen, reference),
            Line(Account.USAGE_FEES, -amount_yen, reference),
        ]
        key = f"charge:{reference}:{USE}"
        ledger.post(session, municipality_id=municipality_id, set_key=key, lines=lines, now=now)


def is_charged(session: Session, *, reference: UUID) -> bool:
    """Whether a reference is paid by invoice."""
    found = sa.select(Charge.id).where(Charge.reference == reference, Charge.cause == USE)
    return session.scalar(found) is not None


def credit(
    session: Session, *, reference: UUID, amount_yen: int, cause: str, label: str | None = None, now: datetime
) -> int:
    """Let a payer off what it was charged, or a part; how much. The same cause again lets off nothing more.

    It is on the invoice of the month of use, or on the next one where that is out already: money of an
    invoice that is paid does not go back, the next one is less by it.

    Raises:
        ContractBroken: more than is charged.
    """
    rows = session.scalars(
        sa.select(Charge).where(Charge.reference == reference).order_by(Charge.id).with_for_update()
    ).all()
    same = [row for row in rows if row.cause == cause]
    if same:
        return -same[0].amount_yen
    if amount_yen < 0 or amount_yen > sum(row.amount_yen for row in rows):
        raise ContractBroken(f"{amount_yen} yen to let off for {reference}, more than is charged")
    if not amount_yen:
        return 0
    first = rows[0]
    words = label or f"取消し {first.label}"
    used_on = first.used_on
    _add(session, first.municipality_id, first.payer, reference, cause, words, -amount_yen, used_on, now)
    lines = [
        Line(Account.USAGE_FEES, amount_yen, reference),
        Line(Account.RECEIVABLES, -amount_yen, reference),
    ]
    key = f"charge:{reference}:{cause}"
    ledger.post(session, municipality_id=first.municipality_id, set_key=key, lines=lines, now=now)
    return amount_yen


def credit_rest(session: Session, *, reference: UUID, cause: str, now: datetime) -> int:
    """Let a payer off all that a reference is still charged; how much. The same cause again: the same sum."""
    left = left_of(session, references=[reference]).get(reference, 0)
    return credit(session, reference=reference, amount_yen=left, cause=cause, now=now)


def left_of(session: Session, *, references: Sequence[UUID]) -> dict[UUID, int]:
    """What those of the references that are charged are not let off, in yen; one query."""
    rows = session.execute(
        sa.select(Charge.reference, sa.func.sum(Charge.amount_yen))
        .where(Charge.reference.in_(references), Charge.cause != CARRIED)
        .group_by(Charge.reference)
    )
    return {reference: int(total) for reference, total in rows}


def last_month(now: datetime) -> date:
    """The first day of the month, in Asia/Tokyo, whose invoices are to be out by now."""
    return (civil_day(now).replace(day=1) - timedelta(days=1)).replace(day=1)


def payers_to_invoice(session: Session, *, municipality_id: int, now: datetime) -> list[UUID]:
    """Who has charges up to the end of last month and no invoice for it yet."""
    month = last_month(now)
    has_one = sa.exists().where(
        Invoice.municipality_id == municipality_id, Invoice.payer == Charge.payer, Invoice.month == month
    )
    return list(
        session.scalars(
            sa.select(Charge.payer)
            .where(
                Charge.municipality_id == municipality_id,
                Charge.invoice_id.is_(None),
                Charge.used_on < _after(month),
                ~has_one,
            )
            .group_by(Charge.payer)
            .order_by(Charge.payer)
        )
    )


def issue(
    session: Session, *, municipality_id: int, payer: UUID, pays_within_days: int, now: datetime
) -> Invoice | None:
    """Last month's invoice of a payer; None: it is out already, or there is nothing to put on it."""
    month = last_month(now)
    due_on = civil_day(now) + timedelta(days=pays_within_days)
    made = session.scalar(
        insert_into(session, Invoice)
        .values(
            id=new_id(now),
            municipality_id=municipality_id,
            payer=payer,
            month=month,
            amount_yen=0,
            state=InvoiceState.PAID,
            issued_at=now,
            due_on=due_on,
        )
        .on_conflict_do_nothing()
        .returning(Invoice.id)
    )
    if made is None:
        return None
    open_ones = (
        Charge.municipality_id == municipality_id,
        Charge.payer == payer,
        Charge.invoice_id.is_(None),
        Charge.used_on < _after(month),
    )
    _wait_for(session, open_ones)
    had = session.execute(
        sa.update(Charge).where(*open_ones).values(invoice_id=made).returning(Charge.amount_yen, Charge.cause)
    ).all()
    invoice = session.get_one(Invoice, made)
    if not had:
        session.delete(invoice)
        session.flush()
        return None
    invoice.amount_yen = sum(amount_yen for amount_yen, _cause in had)
    if invoice.amount_yen > 0:
        invoice.state, invoice.next_due_at = InvoiceState.ISSUED, start_of_day(due_on + timedelta(days=1))
    elif invoice.amount_yen < 0:
        invoice.state = InvoiceState.CARRIED
        label = f"{month.year}年{month.month}月分からの繰越し"
        amount = invoice.amount_yen
        _add(session, municipality_id, payer, made, CARRIED, label, amount, _after(month), now)
    else:
        invoice.paid_at = now
    session.flush()
    _list_credit(session, invoice, is_old=all(cause == CARRIED for _amount_yen, cause in had), now=now)
    return invoice


def _wait_for(session: Session, open_ones: Sequence[sa.ColumnElement[bool]]) -> None:
    """Wait until nobody else is at these charges; the next statement sees what was added beside them."""
    session.execute(sa.select(Charge.id).where(*open_ones).order_by(Charge.id).with_for_update())


def _list_credit(session: Session, invoice: Invoice, *, is_old: bool, now: datetime) -> None:
    """A credit that is all there was on an invoice is carried for nothing: somebody asks the payer."""
    town, payer = invoice.municipality_id, str(invoice.payer)
    if invoice.state != InvoiceState.CARRIED:
        note = "used up by an invoice"
        cases.settle_case(
            session, municipality_id=town, kind=CaseKind.CREDIT, subject=payer, note=note, now=now
        )
    elif is_old:
        detail = {"month": f"{invoice.month:%Y-%m}", "invoice_id": str(invoice.id)}
        about = About(subject=payer, amount_yen=-invoice.amount_yen, detail=detail)
        cases.open_case(session, municipality_id=town, kind=CaseKind.CREDIT, about=about, now=now)


def locked(session: Session, invoice_id: UUID) -> Invoice | None:
    """An invoice's row, locked and read anew."""
    return session.scalar(
        sa.select(Invoice)
        .where(Invoice.id == invoice_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def settle(session: Session, invoice: Invoice, *, payment_id: UUID, amount_yen: int, now: datetime) -> bool:
    """Its money is here; False where it was paid before or the money is not enough: it has to go back."""
    if invoice.state != InvoiceState.ISSUED or amount_yen < invoice.amount_yen:
        return False
    payment = session.get_one(Payment, payment_id)
    invoice.state, invoice.paid_at, invoice.paid_by = InvoiceState.PAID, now, payment.method
    invoice.next_due_at = None
    session.flush()
    cases.settle_case(
        session,
        municipality_id=invoice.municipality_id,
        kind=CaseKind.UNPAID_INVOICE,
        subject=str(invoice.id),
        note="paid",
        now=now,
    )
    return True


def overdue(session: Session, *, now: datetime, limit: int) -> list[Invoice]:
    """Invoices that want a reminder or a person, locked, those that have waited longest first."""
    return list(
        session.scalars(
            sa.select(Invoice)
            .where(Invoice.state == InvoiceState.ISSUED, Invoice.next_due_at <= now)
            .order_by(Invoice.next_due_at, Invoice.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def chase(session: Session, invoice: Invoice, *, now: datetime) -> bool:
    """A step further with an overdue invoice: True, it is reminded of; False, it is a case for staff now."""
    invoice.next_due_at = now + CHASED_AGAIN_AFTER
    if invoice.reminded_at is None:
        invoice.reminded_at = now
        session.flush()
        return True
    session.flush()
    about = About(
        subject=str(invoice.id),
        reference=invoice.id,
        amount_yen=invoice.amount_yen,
        detail={"month": f"{invoice.month:%Y-%m}", "due_on": invoice.due_on.isoformat()},
    )
    cases.open_case(
        session,
        municipality_id=invoice.municipality_id,
        kind=CaseKind.UNPAID_INVOICE,
        about=about,
        now=now,
    )
    return False


def _add(
    session: Session,
    municipality_id: int,
    payer: UUID,
    reference: UUID,
    cause: str,
    label: str,
    amount_yen: int,
    used_on: date,
    now: datetime,
) -> bool:
    """Whether it is new: one reference and cause is charged once."""
    statement = (
        insert_into(session, Charge)
        .values(
            municipality_id=municipality_id,
            payer=payer,
            reference=reference,
            cause=cause,
            label=label[:200],
            amount_yen=amount_yen,
            used_on=used_on,
            charged_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Charge.id)
    )
    return session.scalar(statement) is not None


def _after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
