"""Reviews for which no lock has spoken for two weeks: listed for staff, who decide instead of the rule."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.signed_in import Actor
from booking.refunding import batches, reviews
from booking.refunding.evidence import Said, Verdict
from booking.refunding.models import RefundBatchItem, RefundReview
from booking.reservations.models import Reservation
from booking.reservations.queries import locked
from core import audit
from core.errors import BadInput, NotThere
from payments.case_models import Case
from payments.cases import About, CaseKind, open_case

LISTED_AFTER = timedelta(days=14)
"""Longer than a flat battery needs to be noticed and changed."""
_STAFF = "staff"
_REVIEW = "review:"
"""Begins the request key of a batch that gives what a review would."""


def list_overdue(session: Session, *, now: datetime, limit: int = 100) -> int:
    """A case for each review that still waits two weeks after it was asked and its use was over; how many."""
    is_listed = sa.exists().where(
        Case.kind == CaseKind.REVIEW,
        Case.municipality_id == RefundReview.municipality_id,
        Case.reference == RefundReview.reservation_id,
        Case.closed_at.is_(None),
    )
    rows = session.execute(
        sa.select(RefundReview.reservation_id, RefundReview.municipality_id, RefundReview.asked_at)
        .join(Reservation, Reservation.id == RefundReview.reservation_id)
        .where(
            RefundReview.state == Verdict.WAITING,
            RefundReview.asked_at <= now - LISTED_AFTER,
            Reservation.ends_at <= now - LISTED_AFTER,
            sa.not_(is_listed),
        )
        .order_by(RefundReview.asked_at, RefundReview.reservation_id)
        .limit(limit)
    ).all()
    for reservation_id, municipality_id, asked_at in rows:
        line = reviews.of_reservation(session, reservation_id)
        about = About(
            subject=str(reservation_id),
            reference=reservation_id,
            amount_yen=line.would_be_yen if line is not None else None,
            detail={"asked_at": asked_at.isoformat()},
        )
        open_case(session, municipality_id=municipality_id, kind=CaseKind.REVIEW, about=about, now=now)
    return len(rows)


def decide(
    session: Session, *, actor: Actor, reservation_id: UUID, gives: bool, reason: str, now: datetime
) -> bool:
    """End a review by hand; False: it was decided already, and nothing has changed.

    What is given goes the way of every sum that staff give: a batch, with a second person above the limit.

    Raises:
        NotThere: no review of the municipality, or the actor is no manager.
        BadInput: no reason or too long a one; nothing is left to give.
    """
    review = session.scalar(
        sa.select(RefundReview)
        .where(
            RefundReview.reservation_id == reservation_id,
            RefundReview.municipality_id == actor.municipality_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if review is None or not actor.is_manager:
        raise NotThere(f"review of {reservation_id}")
    if review.state != Verdict.WAITING:
        return False
    reason = reason.strip()
    if not 0 < len(reason) <= batches.MAX_REASON or not reason.isprintable():
        raise BadInput("reason", sentence=f"理由を1行、{batches.MAX_REASON}字までで入力してください。")
    line = reviews.of_reservation(session, reservation_id)
    would_be_yen = line.would_be_yen if line is not None else 0
    said = Said.STAFF_GIVES if gives else Said.STAFF_REFUSES
    word = {"name": "", "said": said.value, "at": now.isoformat()}
    review.evidence = {**review.evidence, _STAFF: word}
    review.state = Verdict.GRANTED if gives else Verdict.REFUSED
    review.decided_at, review.next_due_at, review.refund_yen = now, None, 0
    session.flush()
    if gives:
        if not would_be_yen:
            raise BadInput("amounts", sentence="この予約には、返せる金額がありません。")
        key, amounts = f"{_REVIEW}{reservation_id}", {reservation_id: would_be_yen}
        batches.make(session, actor=actor, request_key=key, reason=reason, amounts=amounts, now=now)
    else:
        _tell_refused(session, review, now=now)
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act="refund_review.give" if gives else "refund_review.refuse",
        subject=str(reservation_id),
        detail={"reason": reason},
        now=now,
    )
    reviews.settle_listed(session, review, now=now)
    return True


def reject(session: Session, *, actor: Actor, batch_id: UUID, reason: str, now: datetime) -> None:
    """Say no to a batch as the second person; where it gave what a review would, the review is refused.

    Raises:
        As `batches.reject`.
    """
    batch = batches.reject(session, actor=actor, batch_id=batch_id, reason=reason, now=now)
    review = session.scalar(
        sa.select(RefundReview)
        .join(RefundBatchItem, RefundBatchItem.reservation_id == RefundReview.reservation_id)
        .where(RefundBatchItem.batch_id == batch.id)
        .with_for_update(of=RefundReview)
        .execution_options(populate_existing=True)
    )
    if review is None or batch.request_key != f"{_REVIEW}{review.reservation_id}":
        return
    if review.state != Verdict.GRANTED:
        return
    word = {"name": "", "said": Said.STAFF_REFUSES.value, "at": now.isoformat()}
    review.evidence = {**review.evidence, _STAFF: word}
    review.state, review.decided_at = Verdict.REFUSED, now
    session.flush()
    _tell_refused(session, review, now=now)


def _tell_refused(session: Session, review: RefundReview, *, now: datetime) -> None:
    reservation = locked(session, review.reservation_id)
    assert reservation is not None, "the foreign key holds it"
    why = reviews.reason_of(review.evidence)
    mail.tell(session, reservation, "reviewed", refund_yen=0, why=why, cause=reviews.CAUSE, now=now)
