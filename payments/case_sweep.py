"""What has waited too long becomes a case by itself, and stops being one when it comes right."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments import paying_out
from payments.case_models import Case
from payments.cases import About, CaseKind, open_case, settle_case
from payments.models import Payment, Refund
from payments.states import CAN_CAPTURE, Method, PaymentState, RefundState

UNANSWERED_FOR = timedelta(minutes=15)
_TRIES_IN_THAT_TIME = 8
"""Calls that failed in a row: 5 s, doubling up to five minutes, are a quarter of an hour."""
FUNDS_TOLD_WITHIN = timedelta(days=1)
"""How long after its own deadline Stripe may leave money that comes later undecided."""
PENDING_FOR = timedelta(days=5)
"""Longer than banks take for a refund."""
OWED_FOR = timedelta(days=1)


def sweep(session: Session, *, now: datetime, limit: int = 200) -> int:
    """Open a case for each payment and refund that waits too long, close those that do not; how many."""
    opened = _list_stuck(session, now=now, limit=limit) + _list_slow(session, now=now, limit=limit)
    opened += _list_unpaid_out(session, now=now, limit=limit)
    return opened + _settle(session, now=now)


def _is_stuck(now: datetime) -> sa.ColumnElement[bool]:
    unanswered = sa.and_(
        Payment.attempts >= _TRIES_IN_THAT_TIME, Payment.state_changed_at <= now - UNANSWERED_FOR
    )
    undecided = sa.and_(
        Payment.state == PaymentState.PROCESSING, Payment.funds_due_at <= now - FUNDS_TOLD_WITHIN
    )
    return sa.and_(
        Payment.next_due_at.is_not(None),
        Payment.method == Method.STRIPE,
        Payment.state.in_(CAN_CAPTURE),
        sa.or_(unanswered, undecided),
    )


def _is_slow(now: datetime) -> sa.ColumnElement[bool]:
    pending = sa.and_(Refund.state == RefundState.PENDING, Refund.state_changed_at <= now - PENDING_FOR)
    owed = sa.and_(Refund.state == RefundState.OWED, Refund.state_changed_at <= now - OWED_FOR)
    return sa.and_(Refund.next_due_at.is_not(None), Refund.method == Method.STRIPE, sa.or_(pending, owed))


def _list_stuck(session: Session, *, now: datetime, limit: int) -> int:
    rows = session.scalars(
        sa.select(Payment)
        .where(
            _is_stuck(now),
            sa.not_(
                sa.exists().where(
                    Case.kind == CaseKind.STUCK, Case.payment_id == Payment.id, Case.closed_at.is_(None)
                )
            ),
        )
        .order_by(Payment.id)
        .limit(limit)
    ).all()
    for payment in rows:
        about = About(
            subject=str(payment.id),
            reference=payment.items[0].reference,
            payment_id=payment.id,
            amount_yen=payment.amount_yen,
            detail={"state": payment.state, "error": payment.last_error},
        )
        open_case(session, municipality_id=payment.municipality_id, kind=CaseKind.STUCK, about=about, now=now)
    return len(rows)


def _list_slow(session: Session, *, now: datetime, limit: int) -> int:
    rows = session.scalars(
        sa.select(Refund)
        .where(
            _is_slow(now),
            sa.not_(
                sa.exists().where(
                    Case.kind == CaseKind.REFUND_SLOW, Case.refund_id == Refund.id, Case.closed_at.is_(None)
                )
            ),
        )
        .order_by(Refund.id)
        .limit(limit)
    ).all()
    for refund in rows:
        open_case(
            session,
            municipality_id=refund.municipality_id,
            kind=CaseKind.REFUND_SLOW,
            about=about_refund(refund),
            now=now,
        )
    return len(rows)


def _list_unpaid_out(session: Session, *, now: datetime, limit: int) -> int:
    """What goes back by hand stays a case until it has: closed without paying, it is listed again."""
    is_listed = sa.exists().where(
        Case.kind == CaseKind.PAY_OUT, Case.refund_id == Refund.id, Case.closed_at.is_(None)
    )
    rows = session.scalars(
        sa.select(Refund)
        .where(
            Refund.next_due_at.is_not(None),
            Refund.method != Method.STRIPE,
            Refund.state != RefundState.SUCCEEDED,
            sa.not_(is_listed),
        )
        .order_by(Refund.id)
        .limit(limit)
    ).all()
    for refund in rows:
        paying_out.open_case(session, refund, now=now)
    return len(rows)


def about_refund(refund: Refund) -> About:
    """What a case about a refund says; its subject is the refund's id."""
    return About(
        subject=str(refund.id),
        reference=refund.reference,
        payment_id=refund.payment_id,
        refund_id=refund.id,
        amount_yen=refund.amount_yen,
        detail={"state": refund.state, "error": refund.last_error},
    )


def _settle(session: Session, *, now: datetime) -> int:
    """Close what is not stuck or slow any more."""
    cured = [
        *session.execute(
            sa.select(Case.municipality_id, Case.kind, Case.subject)
            .join(Payment, Payment.id == Case.payment_id)
            .where(Case.kind == CaseKind.STUCK, Case.closed_at.is_(None), sa.not_(_is_stuck_now(now)))
            .order_by(Case.id)
        ),
        *session.execute(
            sa.select(Case.municipality_id, Case.kind, Case.subject)
            .join(Refund, Refund.id == Case.refund_id)
            .where(
                Case.kind == CaseKind.REFUND_SLOW,
                Case.closed_at.is_(None),
                Refund.state.in_((RefundState.SUCCEEDED, RefundState.FAILED)),
            )
            .order_by(Case.id)
        ),
    ]
    return sum(
        settle_case(
            session,
            municipality_id=municipality_id,
            kind=CaseKind(kind),
            subject=subject,
            note="Stripe has answered",
            now=now,
        )
        for municipality_id, kind, subject in cured
    )


def _is_stuck_now(now: datetime) -> sa.ColumnElement[bool]:
    """Never NULL: a final payment has no due time, and a card's no time for funds."""
    undecided = sa.and_(
        Payment.state == PaymentState.PROCESSING,
        sa.func.coalesce(Payment.funds_due_at <= now - FUNDS_TOLD_WITHIN, sa.false()),
    )
    return sa.and_(Payment.state.in_(CAN_CAPTURE), sa.or_(Payment.attempts > 0, undecided))
