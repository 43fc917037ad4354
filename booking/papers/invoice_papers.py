"""請求書: a month's use to be paid later, with the tax in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import long_day
from booking.papers.draft import Draft, NothingToIssue, issuer_words
from booking.papers.issuers import issuer_or_none, require_issuer
from booking.papers.sold import charges_by_rate, charges_of, sold
from booking.papers.tax import rate_sums
from booking.people.models import Group
from core.clock import civil_day
from core.errors import NotThere
from payments.invoice_models import Charge, Invoice


def invoice_paper(session: Session, invoice_id: UUID, *, municipality_id: int, now: datetime) -> Draft:
    """The paper of a monthly invoice.

    Raises:
        NotThere: no such invoice of the municipality.
        NothingToIssue: nothing is to be paid: it was carried to the next month.
        NoIssuer: nobody stands on papers yet.
    """
    row = session.execute(
        sa.select(Invoice, Group.name)
        .join(Group, Group.id == Invoice.payer)
        .where(Invoice.id == invoice_id, Invoice.municipality_id == municipality_id)
    ).one_or_none()
    if row is None:
        raise NotThere(f"invoice {invoice_id}")
    invoice, group_name = row
    if invoice.amount_yen <= 0:
        raise NothingToIssue(f"invoice {invoice_id} has nothing to pay")
    charges = charges_of(session, invoice_id)
    reservations = sold(
        session, municipality_id=municipality_id, reservation_ids=[charge.reference for charge in charges]
    )
    billed = charges_by_rate(charges, reservations)
    issuer = require_issuer(session, municipality_id=municipality_id, day=civil_day(now))
    then = issuer_or_none(session, municipality_id=municipality_id, day=civil_day(invoice.issued_at))
    content: dict[str, Any] = {
        "issuer": issuer_words(issuer, registration_number=then.registration_number if then else None),
        "month": f"{invoice.month.year}年{invoice.month.month}月分",
        "billed_on": long_day(invoice.issued_at),
        "due_on": long_day(invoice.due_on),
        "amount_yen": invoice.amount_yen,
        "lines": [_line(charge, rates) for charge, rates in billed],
        "rates": [rate.as_json() for rate in rate_sums(rates for _, rates in billed)],
    }
    return Draft(invoice.payer, group_name, content)


def _line(charge: Charge, rates: Mapping[int, int]) -> dict[str, Any]:
    return {
        "on": f"{charge.used_on.month}月{charge.used_on.day}日",
        "label": charge.label,
        "amount_yen": charge.amount_yen,
        "percents": sorted(rates),
    }
