"""Money for an invoice: what `payments` tells of a reference that is no reservation."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.counter import letters
from payments import invoices, refunds
from payments.cases import About, CaseKind, open_case


def invoice_refunded(
    session: Session, *, invoice_id: UUID, refund_id: UUID, refund_yen: int, now: datetime
) -> None:
    """Money that an invoice did not want has gone back; nothing where there is no such invoice."""
    invoice = invoices.locked(session, invoice_id)
    if invoice is not None:
        letters.invoice_refunded(session, invoice, refund_id=refund_id, refund_yen=refund_yen, now=now)


def invoice_settled(
    session: Session, *, invoice_id: UUID, payment_id: UUID, amount_yen: int, now: datetime
) -> bool:
    """The invoice is paid, or the money goes back and staff see it; False: there is no such invoice."""
    invoice = invoices.locked(session, invoice_id)
    if invoice is None:
        return False
    if invoices.settle(session, invoice, payment_id=payment_id, amount_yen=amount_yen, now=now):
        letters.invoice_paid(session, invoice, now=now)
        return True
    refunds.owe(session, reference=invoice_id, amount_yen=amount_yen, cause=f"late:{payment_id}", now=now)
    open_case(
        session,
        municipality_id=invoice.municipality_id,
        kind=CaseKind.PAID_TWICE,
        about=About(
            subject=str(payment_id),
            reference=invoice_id,
            payment_id=payment_id,
            amount_yen=amount_yen,
        ),
        now=now,
    )
    return True
