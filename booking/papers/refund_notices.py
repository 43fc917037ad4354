"""還付通知書: what goes back, of which payment, why, and the tax in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import long_day
from booking.papers.draft import Draft, NothingToIssue, issuer_words
from booking.papers.issuers import issuer_or_none, require_issuer
from booking.papers.kinds import Kind, number_words
from booking.papers.models import Paper
from booking.papers.receipts import paid_day, way_of
from booking.papers.shares import shares_of
from booking.papers.sold import paid_for
from booking.papers.tax import rate_sums
from booking.reservations.words import refund_cause
from core.clock import civil_day
from core.errors import NotThere
from payments.models import Payment, Refund
from payments.states import Method, PaymentState

_BY_HAND = {
    Method.CASH: "窓口で現金で還付",
    Method.SLIP: "口座振込または窓口で還付",
    Method.TRANSFER: "口座振込で還付",
}


def refund_notice(session: Session, refund_id: UUID, *, municipality_id: int, now: datetime) -> Draft:
    """The notice of one refund.

    Raises:
        NotThere: no such refund of the municipality, or nothing of ours explains it.
        NothingToIssue: its payment came in wrong; such money was never ours to tax.
        NoIssuer: nobody stands on papers yet.
    """
    refund = session.get(Refund, refund_id)
    if refund is None or refund.municipality_id != municipality_id:
        raise NotThere(f"refund {refund_id}")
    payment = session.get_one(Payment, refund.payment_id)
    if payment.state != PaymentState.SETTLED or payment.settled_at is None:
        raise NothingToIssue(f"payment {payment.id} is {payment.state}")
    items = paid_for(session, municipality_id=municipality_id, amounts={refund.reference: refund.amount_yen})
    if not items:
        raise NotThere(f"refund {refund_id}")
    paid_on = paid_day(payment)
    issuer = require_issuer(session, municipality_id=municipality_id, day=civil_day(now))
    then = issuer_or_none(session, municipality_id=municipality_id, day=paid_on)
    paid_yen = next(item.amount_yen for item in payment.items if item.reference == refund.reference)
    content: dict[str, Any] = {
        "issuer": issuer_words(issuer, registration_number=then.registration_number if then else None),
        "amount_yen": refund.amount_yen,
        "decided_on": long_day(refund.created_at),
        "cause": refund_cause(refund.cause),
        "how": way_back(refund, payment),
        "what": items[0].what,
        "when": items[0].when,
        "rates": [rate.as_json() for rate in rate_sums(item.by_rate for item in items)],
        "original": {
            "paid_on": long_day(paid_on),
            "how": way_of(payment),
            "amount_yen": paid_yen,
            "receipt_number": _receipt_number(session, municipality_id, refund),
        },
    }
    return Draft(items[0].group_id, items[0].group_name, content)


def way_back(refund: Refund, payment: Payment) -> str:
    """How it goes back, as papers say it."""
    return _BY_HAND.get(Method(refund.method), f"お支払いの方法（{way_of(payment)}）へ返金")


def _receipt_number(session: Session, municipality_id: int, refund: Refund) -> str | None:
    shares = shares_of(session, municipality_id=municipality_id, payment_ids=[refund.payment_id])
    subjects = [share.subject for share in shares if refund.reference in share.references]
    paper = session.scalar(sa.select(Paper).where(Paper.kind == Kind.RECEIPT, Paper.subject.in_(subjects)))
    return number_words(Kind.RECEIPT, paper.fiscal_year, paper.number) if paper is not None else None
