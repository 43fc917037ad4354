"""Mails to a group's representative about what the group owes; each once for its cause."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.models import Account, Group, Member
from core.clock import civil_day
from payments.invoice_models import Invoice


def invoice_issued(session: Session, invoice: Invoice, *, now: datetime) -> None:
    """A month's invoice is out."""
    terms = {"amount_yen": invoice.amount_yen, "due_on": invoice.due_on}
    _about_invoice(session, invoice, "invoice_issued", terms, now=now)


def invoice_overdue(session: Session, invoice: Invoice, *, now: datetime) -> None:
    """Its day has passed and it is not paid."""
    terms = {"amount_yen": invoice.amount_yen, "due_on": invoice.due_on}
    _about_invoice(session, invoice, "invoice_overdue", terms, now=now)


def invoice_paid(session: Session, invoice: Invoice, *, now: datetime) -> None:
    """It is paid."""
    _about_invoice(session, invoice, "invoice_paid", {"amount_yen": invoice.amount_yen}, now=now)


def invoice_refunded(
    session: Session, invoice: Invoice, *, refund_id: UUID, refund_yen: int, now: datetime
) -> None:
    """Money that came for it although it was paid has gone back."""
    key = f"invoice_refunded:{refund_id}"
    _about_invoice(session, invoice, "invoice_refunded", {"refund_yen": refund_yen}, key=key, now=now)


def credit_paid_out(session: Session, invoice: Invoice, *, refund_yen: int, now: datetime) -> None:
    """What it carried on has gone back."""
    _about_invoice(session, invoice, "credit_paid_out", {"refund_yen": refund_yen}, now=now)


def payment_request(
    session: Session, *, municipality_id: int, group_id: UUID, count: int, amount_yen: int, now: datetime
) -> str | None:
    """Ask a group to pay what is open, once a day; who is asked, None where nobody could be."""
    to = _representative(session, group_id)
    if to is None:
        return None
    mail_address, group_name = to
    mail.owe_mail(
        session,
        municipality_id=municipality_id,
        to=mail_address,
        template="payment_request",
        params={"group": group_name, "count": count, "amount_yen": amount_yen},
        key=f"payment_request:{group_id}:{civil_day(now)}",
        now=now,
    )
    return mail_address


def _about_invoice(
    session: Session,
    invoice: Invoice,
    template: str,
    params: Mapping[str, object],
    *,
    key: str | None = None,
    now: datetime,
) -> None:
    to = _representative(session, invoice.payer)
    if to is None:
        return
    mail_address, group_name = to
    mail.owe_mail(
        session,
        municipality_id=invoice.municipality_id,
        to=mail_address,
        template=template,
        params={"group": group_name, "month": _month(invoice), **params},
        key=key or f"{template}:{invoice.id}",
        now=now,
    )


def _month(invoice: Invoice) -> str:
    return f"{invoice.month.year}年{invoice.month.month}月分"


def _representative(session: Session, group_id: UUID) -> tuple[str, str] | None:
    """The mail address of who stands for a group, and the group's name."""
    row = session.execute(
        sa.select(Account.mail_address, Group.name)
        .select_from(Member)
        .join(Account, Account.id == Member.account_id)
        .join(Group, Group.id == Member.group_id)
        .where(Member.group_id == group_id, Account.disabled_at.is_(None))
        .order_by(Member.is_representative.desc(), Account.mail_address)
        .limit(1)
    ).first()
    return (row[0], row[1]) if row is not None else None
