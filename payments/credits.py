"""預かり: what an invoice below zero has carried on, and how it is paid out by hand where nothing uses it up.

The pay-out is a charge beside the carried one, so that the next invoice has both and comes to nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere, Refused
from payments import cases, ledger
from payments.case_models import Case
from payments.cases import About, CaseKind
from payments.invoice_models import Charge, Invoice
from payments.invoices import CARRIED
from payments.ledger import Account, Line
from payments.paying_out import GOES_FROM, require_in_drawer, require_second
from payments.states import Method

PAID_OUT = "paid_out"
"""Cause of the charge that takes a carried credit away again."""


class CreditChanged(Refused):
    """It is not what the page showed: used since, or on the next invoice."""

    code = "credit_changed"
    sentence = "お預かりの金額が変わりました。いまの金額を確かめてください。"


@dataclass(frozen=True, slots=True)
class Credit:
    """What an invoice carried on: `amount_yen` can be paid out, or was at `paid_out_at`."""

    amount_yen: int
    paid_out_at: datetime | None
    asked_by: str | None
    """The account that asked for it; needed above the limit."""
    asked_how: Method | None


def of_invoice(session: Session, invoice: Invoice) -> Credit | None:
    """What can be paid out of a carried invoice: what is left beside the uses since. None: nothing."""
    paid = session.scalar(sa.select(Charge).where(Charge.reference == invoice.id, Charge.cause == PAID_OUT))
    if paid is not None:
        return Credit(paid.amount_yen, paid.charged_at, None, None)
    amount = _open_yen(session, invoice, _carried(session, invoice))
    if amount <= 0:
        return None
    asked_by, how = _asked(session, invoice)
    return Credit(amount, None, asked_by, Method(how) if how else None)


def ask(
    session: Session, *, municipality_id: int, invoice_id: UUID, how: Method, actor: UUID, now: datetime
) -> None:
    """Ask that a second person pays it out; asking again changes who asked.

    Raises:
        NotThere: no invoice of the municipality.
        CreditChanged: nothing of it can be paid out.
    """
    invoice = _invoice(session, municipality_id, invoice_id)
    found = of_invoice(session, invoice)
    if found is None or found.paid_out_at:
        raise CreditChanged
    about = About(
        subject=str(invoice.payer),
        amount_yen=found.amount_yen,
        detail={
            "month": f"{invoice.month:%Y-%m}",
            "invoice_id": str(invoice_id),
            "asked_for": str(invoice_id),
            "asked_by": str(actor),
            "asked_how": how.value,
        },
    )
    cases.open_case(session, municipality_id=municipality_id, kind=CaseKind.CREDIT, about=about, now=now)
    _record(session, invoice, "credit.ask_pay_out", actor, how, found.amount_yen, now=now)


def pay_out(
    session: Session,
    *,
    municipality_id: int,
    invoice_id: UUID,
    amount_yen: int,
    how: Method,
    actor: UUID,
    alone_up_to_yen: int,
    now: datetime,
) -> bool:
    """Write down that it was paid out; False: it was already, and nothing has changed.

    `amount_yen` is what the page showed.

    Raises:
        NotThere: no invoice of the municipality.
        CreditChanged: it is another sum by now.
        NeedsSecond: above `alone_up_to_yen`, and nobody else has asked for it before.
        DrawerShort: cash that is not there.
    """
    invoice = _invoice(session, municipality_id, invoice_id)
    # Whoever puts it on the next invoice, or pays it out as well, is in line here.
    carried = _carried(session, invoice, locked=True)
    found = of_invoice(session, invoice)
    if found is not None and found.paid_out_at:
        return False
    if carried is None or found is None or found.amount_yen != amount_yen:
        raise CreditChanged
    require_second(amount_yen, alone_up_to_yen, asked_by=found.asked_by, actor=actor)
    leaves = GOES_FROM[how]
    _record(session, invoice, "credit.pay_out", actor, how, amount_yen, now=now)
    require_in_drawer(session, amount_yen, how, municipality_id=municipality_id)
    session.add(
        Charge(
            municipality_id=municipality_id,
            payer=invoice.payer,
            reference=invoice_id,
            cause=PAID_OUT,
            label=f"{invoice.month.year}年{invoice.month.month}月分のお預かりの払戻し",
            amount_yen=amount_yen,
            used_on=carried.used_on,
            charged_at=now,
        )
    )
    session.flush()
    ledger.post(
        session,
        municipality_id=municipality_id,
        set_key=f"charge:{invoice_id}:{PAID_OUT}",
        lines=[Line(Account.RECEIVABLES, amount_yen, invoice_id), Line(leaves, -amount_yen, invoice_id)],
        now=now,
    )
    cases.settle_case(
        session,
        municipality_id=municipality_id,
        kind=CaseKind.CREDIT,
        subject=str(invoice.payer),
        note=f"paid out: {how}",
        now=now,
    )
    return True


def _invoice(session: Session, municipality_id: int, invoice_id: UUID) -> Invoice:
    found = session.scalar(
        sa.select(Invoice).where(Invoice.id == invoice_id, Invoice.municipality_id == municipality_id)
    )
    if found is None:
        raise NotThere(f"invoice {invoice_id}")
    return found


def _carried(session: Session, invoice: Invoice, *, locked: bool = False) -> Charge | None:
    found = sa.select(Charge).where(
        Charge.reference == invoice.id, Charge.cause == CARRIED, Charge.invoice_id.is_(None)
    )
    return session.scalar(found.with_for_update() if locked else found)


def _open_yen(session: Session, invoice: Invoice, carried: Charge | None) -> int:
    if carried is None:
        return 0
    owed = session.scalar(
        sa.select(sa.func.sum(Charge.amount_yen)).where(
            Charge.municipality_id == invoice.municipality_id,
            Charge.payer == invoice.payer,
            Charge.invoice_id.is_(None),
        )
    )
    return min(-carried.amount_yen, -int(owed or 0))


def _asked(session: Session, invoice: Invoice) -> tuple[str | None, str | None]:
    detail = session.scalar(
        sa.select(Case.detail).where(
            Case.municipality_id == invoice.municipality_id,
            Case.kind == CaseKind.CREDIT,
            Case.subject == str(invoice.payer),
            Case.closed_at.is_(None),
        )
    )
    if detail is None or detail.get("asked_for") != str(invoice.id):
        return None, None
    return detail["asked_by"], detail["asked_how"]


def _record(
    session: Session, invoice: Invoice, act: str, actor: UUID, how: Method, amount_yen: int, *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=invoice.municipality_id,
        actor=str(actor),
        act=act,
        subject=str(invoice.id),
        detail={"amount_yen": amount_yen, "how": how.value},
        now=now,
    )
