"""領収書: what one settled payment was for, how it was paid, and the tax in it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from booking.app.template_words import long_day
from booking.papers.draft import Draft, NothingToIssue, issuer_words
from booking.papers.issuers import issuer_or_none, require_issuer
from booking.papers.shares import given_back, share_of
from booking.papers.sold import PaidFor, paid_for
from booking.papers.tax import rate_sums
from core.clock import civil_day
from payments.models import Payment
from payments.states import Method, PaymentState

LAWFUL_WITHOUT_STAMP = "地方公共団体が作成する文書のため、収入印紙は不要です（印紙税法第5条第2号）。"


def receipt(session: Session, subject: str, *, municipality_id: int, now: datetime) -> Draft:
    """The receipt of a payment, or of what it paid for one of several groups.

    Raises:
        NotThere: the subject names no payment for anything of the municipality.
        NothingToIssue: it is not settled, or all of it goes back.
        NoIssuer: nobody stands on papers yet.
    """
    share = share_of(session, municipality_id=municipality_id, subject=subject)
    payment = session.get_one(Payment, share.payment_id)
    if payment.state != PaymentState.SETTLED or payment.settled_at is None:
        raise NothingToIssue(f"payment {payment.id} is {payment.state}")
    if given_back(session, [share])[subject].yen >= share.amount_yen:
        raise NothingToIssue(f"{subject} went back whole")
    items = paid_for(
        session,
        municipality_id=municipality_id,
        amounts={
            item.reference: item.amount_yen for item in payment.items if item.reference in share.references
        },
    )
    paid_on = paid_day(payment)
    issuer = require_issuer(session, municipality_id=municipality_id, day=civil_day(now))
    then = issuer_or_none(session, municipality_id=municipality_id, day=paid_on)
    content: dict[str, Any] = {
        "issuer": issuer_words(issuer, registration_number=then.registration_number if then else None),
        "paid_on": long_day(paid_on),
        "amount_yen": share.amount_yen,
        "how": way_of(payment),
        "what_for": _what_for(items),
        "items": [item.as_json() for item in items],
        "rates": [rate.as_json() for rate in rate_sums(item.by_rate for item in items)],
        "stamp": LAWFUL_WITHOUT_STAMP,
    }
    return Draft(items[0].group_id, items[0].group_name, content)


def paid_day(payment: Payment) -> date:
    """The day of a settled payment: of a slip, when it was paid; else when we learned of the money."""
    return payment.paid_on or civil_day(payment.settled_at or payment.state_changed_at)


def way_of(payment: Payment) -> str:
    """How money came in, as papers say it."""
    if payment.method == Method.CASH:
        return "現金（窓口）"
    if payment.method == Method.TRANSFER:
        return "口座振込"
    if payment.method == Method.SLIP:
        return f"納付書（第{payment.slip_number}号）" if payment.slip_number else "納付書"
    # Money that Stripe had to wait for came over a shop's counter.
    return "コンビニエンスストア払い" if payment.funds_due_at is not None else "クレジットカード"


def _what_for(items: list[PaidFor]) -> str:
    if len(items) > 1:
        return f"学校体育施設使用料（{len(items)}件）"
    return f"{items[0].what}の使用料" if items[0].when else items[0].what
