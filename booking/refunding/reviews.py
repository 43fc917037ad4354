"""Late cancellations and stays away that the locks' word may still turn into a refund, by rule."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.refunding import evidence, policy
from booking.refunding.evidence import Evidence, Said, Verdict
from booking.refunding.models import RefundReview
from booking.refunding.policy import Cause
from booking.reservations.models import Reservation
from booking.reservations.queries import locked
from core.database import insert_into, is_retryable
from core.errors import ContractBroken
from payments import refunds
from payments.cases import CaseKind, settle_case

CAUSE = "unused"
_AFTER_FAILURE = timedelta(minutes=5)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """How far a review is."""

    reservation_id: UUID
    state: Verdict
    percent: int
    would_be_yen: int
    """What a grant gives, or gave."""
    asked_at: datetime
    decided_at: datetime | None
    next_due_at: datetime | None
    evidence: Evidence

    @property
    def why(self) -> str:
        """What decides it, in a sentence."""
        return reason_of(self.evidence)


def ask(session: Session, reservation: Reservation, *, now: datetime) -> bool:
    """Begin a review where the policy as sold gives anything for it and there are locks to ask; whether one
    began. The reservation's row is locked; what it gives back anyway has been owed already.
    """
    if not _would_be(session, reservation) or not evidence.gather(session, reservation, {}, now=now):
        return False
    row = {
        "reservation_id": reservation.id,
        "municipality_id": reservation.municipality_id,
        "percent": policy.unused_percent_of(reservation.policy),
        "asked_at": now,
        "state": Verdict.WAITING.value,
        "next_due_at": now,
        "evidence": {},
    }
    statement = insert_into(session, RefundReview).values(row).on_conflict_do_nothing()
    return session.scalar(statement.returning(RefundReview.reservation_id)) is not None


def look_due(session: Session, *, now: datetime, limit: int) -> int:
    """Ask the locks about up to `limit` reviews that are due and decide those they settle; how many were
    looked at. One that cannot be looked at waits five minutes and keeps nobody else waiting.
    """
    due = session.scalars(
        sa.select(RefundReview)
        .where(RefundReview.next_due_at <= now)
        .order_by(RefundReview.next_due_at, RefundReview.reservation_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for review in due:
        try:
            with session.begin_nested():
                _look(session, review, now=now)
                session.flush()
        except Exception as error:
            if isinstance(error, DBAPIError) and is_retryable(error):
                raise
            log.error(
                "refund_review_failed",
                reservation_id=str(review.reservation_id),
                error=type(error).__name__,
            )
            session.refresh(review)
            review.next_due_at = now + _AFTER_FAILURE
            session.flush()
    return len(due)


def of_reservation(session: Session, reservation: Reservation | UUID) -> ReviewLine | None:
    """A reservation's review, if there is one."""
    id_ = reservation if isinstance(reservation, UUID) else reservation.id
    found = _lines(session, RefundReview.reservation_id == id_)
    return found[0] if found else None


def waiting(session: Session, *, municipality_id: int, limit: int = 200) -> list[ReviewLine]:
    """What still waits for a lock, oldest first."""
    of_town = RefundReview.municipality_id == municipality_id
    return _lines(session, of_town, RefundReview.state == Verdict.WAITING, limit=limit)


def reason_of(found: Evidence) -> str:
    """Why it stands as it does, in a sentence."""
    by_word: dict[Said, list[str]] = {}
    for word in found.values():
        by_word.setdefault(Said(word["said"]), []).append(word["name"])
    for said, sentence in _SENTENCES.items():
        if said in by_word:
            return sentence.format(names="、".join(by_word[said]))
    return "電子錠の記録を待っています。"


_SENTENCES = {
    Said.STAFF_GIVES: "電子錠の記録が届かないため、職員が返金を決める手続きに移しました。",
    Said.STAFF_REFUSES: "電子錠の記録が届かないため、職員が判断しました。",
    Said.OPENED: "{names}が、この予約の暗証番号で開けられていました。",
    Said.NOT_YET: "{names}からの記録を待っています。",
    Said.LOG_LOST: "{names}の記録の一部が失われ、使われていないことを確かめられませんでした。",
    Said.SILENT: "終了時刻を過ぎても、一度も開けられていませんでした。",
    Said.DEAD_IN_TIME: "利用の前に、暗証番号が電子錠で無効になっていました。",
}
"""The one that decides first."""


def settle_listed(session: Session, review: RefundReview, *, now: datetime) -> None:
    """Nobody has to decide it any more."""
    settle_case(
        session,
        municipality_id=review.municipality_id,
        kind=CaseKind.REVIEW,
        subject=str(review.reservation_id),
        note=review.state,
        now=now,
    )


def _look(session: Session, review: RefundReview, *, now: datetime) -> None:
    reservation = locked(session, review.reservation_id)
    if reservation is None:
        raise ContractBroken("a review of no reservation")
    found = evidence.gather(session, reservation, review.evidence, now=now)
    review.evidence = {point: dict(word) for point, word in found.items()}
    verdict = evidence.verdict_of(found)
    if verdict is Verdict.WAITING:
        review.next_due_at = evidence.due_after(reservation, now=now)
        return
    review.state, review.decided_at, review.next_due_at = verdict.value, now, None
    settle_listed(session, review, now=now)
    review.refund_yen = _would_be(session, reservation) if verdict is Verdict.GRANTED else 0
    session.flush()
    if review.refund_yen:
        refunds.owe(session, reference=reservation.id, amount_yen=review.refund_yen, cause=CAUSE, now=now)
    mail.tell(
        session,
        reservation,
        "reviewed",
        refund_yen=review.refund_yen,
        why=reason_of(found),
        cause=CAUSE,
        now=now,
    )


def _would_be(session: Session, reservation: Reservation) -> int:
    """What comes back for an unused one, less what came back already."""
    left = refunds.left_of(session, references=[reservation.id])[reservation.id]
    quote = policy.quote_back(
        reservation.policy,
        reservation.amount_yen,
        reservation.starts_at,
        reservation.ends_at,
        cause=Cause.UNUSED,
    )
    gone = reservation.amount_yen - left
    return max(0, min(left, quote.refund_yen - gone))


def _lines(session: Session, *where: sa.ColumnElement[bool], limit: int | None = None) -> list[ReviewLine]:
    rows = session.execute(
        sa.select(RefundReview, Reservation)
        .join(Reservation, Reservation.id == RefundReview.reservation_id)
        .where(*where)
        .order_by(RefundReview.asked_at, RefundReview.reservation_id)
        .limit(limit)
    )
    return [
        ReviewLine(
            reservation_id=review.reservation_id,
            state=Verdict(review.state),
            percent=review.percent,
            would_be_yen=_would_be(session, reservation) if review.refund_yen is None else review.refund_yen,
            asked_at=review.asked_at,
            decided_at=review.decided_at,
            next_due_at=review.next_due_at,
            evidence=review.evidence,
        )
        for review, reservation in rows
    ]
