"""Nothing waits for a person unlisted: cases are opened once, owned, due again, closed with a note."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.database import insert_into
from core.errors import NotThere
from core.ids import new_id
from payments.case_models import Case

SYSTEM = "system"


class CaseKind(StrEnum):
    """Why somebody must look."""

    WRONG_AMOUNT = "wrong_amount"
    """Captured another amount, currency or mode than asked."""
    PAID_TWICE = "paid_twice"
    """Money for something that was paid already; it goes back by itself."""
    UNKNOWN_OBJECT = "unknown_object"
    """Stripe speaks of money that nothing of ours explains."""
    DISPUTE = "dispute"
    REFUND_FAILED = "refund_failed"
    REFUND_SLOW = "refund_slow"
    """Under way at Stripe for longer than banks take."""
    BALANCE_SHORT = "balance_short"
    """Stripe's balance does not cover a refund."""
    PAY_OUT = "pay_out"
    """Money to be paid out by hand: cash and slips do not go back by themselves."""
    SECOND_PERSON = "second_person"
    """A batch of refunds that somebody else than its maker has to agree to."""
    STUCK = "stuck"
    """A payment that Stripe has not answered about for long."""
    FOREIGN_MODE = "foreign_mode"
    """Test money on a live account, or the other way round."""
    UNPAID_INVOICE = "unpaid_invoice"
    SETTLEMENT = "settlement"
    """The books and Stripe's differ."""
    BOOKS = "books"
    """An invariant of the nightly audit does not hold."""
    CREDIT = "credit"
    """A payer's credit that a month's invoices have not used up: it may want to have it back."""
    REVIEW = "review"
    """A refund that waits for a lock's word, and the lock is silent."""
    RELIEF = "relief"
    """An application for relief that nobody has decided in time."""


DUE_AFTER: dict[CaseKind, timedelta] = {
    CaseKind.DISPUTE: timedelta(days=1),
    CaseKind.SETTLEMENT: timedelta(hours=4),
    CaseKind.BOOKS: timedelta(hours=4),
}
"""How soon somebody should have looked; a business day where it says nothing."""
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class About:
    """What a case is about. `subject` tells it from others of its kind while it is open."""

    subject: str
    reference: UUID | None = None
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    dispute_id: UUID | None = None
    amount_yen: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    """Shown to staff; ids and amounts, never a code, a secret or a person's name."""


def open_case(session: Session, *, municipality_id: int, kind: CaseKind, about: About, now: datetime) -> UUID:
    """The open case about this; made now, or seen once more where it is open already.

    A case that somebody has put off stays put off.
    """
    row = {
        "id": new_id(now),
        "municipality_id": municipality_id,
        "kind": kind.value,
        "subject": about.subject[:255],
        "reference": about.reference,
        "payment_id": about.payment_id,
        "refund_id": about.refund_id,
        "dispute_id": about.dispute_id,
        "amount_yen": about.amount_yen,
        "detail": about.detail,
        "opened_at": now,
        "seen_at": now,
        "times_seen": 1,
        "next_due_at": now + DUE_AFTER.get(kind, _A_DAY),
    }
    statement = insert_into(session, Case).values(row).on_conflict_do_nothing().returning(Case.id)
    found = None
    while found is None:
        made = session.scalar(statement)
        if made is not None:
            return made
        # None: closed between the two statements, by somebody whose commit came just now; then ours is new.
        found = _open_or_none(session, municipality_id=municipality_id, kind=kind, subject=about.subject)
    found.seen_at, found.times_seen = now, found.times_seen + 1
    found.detail = {**found.detail, **about.detail}
    session.flush()
    return found.id


def settle_case(
    session: Session, *, municipality_id: int, kind: CaseKind, subject: str, note: str, now: datetime
) -> bool:
    """Close the case of this kind and subject because it came right by itself; whether there was one."""
    found = _open_or_none(session, municipality_id=municipality_id, kind=kind, subject=subject)
    if found is None:
        return False
    _close(found, by=SYSTEM, note=note, now=now)
    session.flush()
    return True


def settle_others(
    session: Session,
    *,
    municipality_id: int,
    kind: CaseKind,
    still: Collection[str],
    note: str,
    now: datetime,
    starting_with: str = "",
) -> None:
    """Close the cases of a kind whose subject a check over everything has not found again.

    `starting_with`: only those whose subject begins so; a kind that several checks share is told apart by it.
    """
    opened = session.scalars(
        sa.select(Case.subject).where(
            Case.municipality_id == municipality_id,
            Case.kind == kind,
            Case.closed_at.is_(None),
            Case.subject.startswith(starting_with, autoescape=True),
        )
    ).all()
    for subject in opened:
        if subject not in still:
            settle_case(
                session, municipality_id=municipality_id, kind=kind, subject=subject, note=note, now=now
            )


def take_on(session: Session, *, municipality_id: int, case_id: UUID, actor: UUID, now: datetime) -> None:
    """Make the actor its owner.

    Raises:
        NotThere: no open case of this municipality.
    """
    case = _locked(session, municipality_id, case_id)
    case.owner = str(actor)
    _record(session, case, actor, "money_case.take_on", {}, now=now)


def put_off(
    session: Session,
    *,
    municipality_id: int,
    case_id: UUID,
    actor: UUID,
    until: datetime,
    note: str,
    now: datetime,
) -> None:
    """Look at it again at `until`; the actor owns it from now on.

    Raises:
        NotThere: no open case of this municipality.
    """
    case = _locked(session, municipality_id, case_id)
    case.owner, case.next_due_at = str(actor), until
    _record(session, case, actor, "money_case.put_off", {"until": until.isoformat(), "note": note}, now=now)


def close_case(
    session: Session, *, municipality_id: int, case_id: UUID, actor: UUID, note: str, now: datetime
) -> None:
    """Close it, saying what was done.

    Raises:
        NotThere: no open case of this municipality.
    """
    case = _locked(session, municipality_id, case_id)
    _close(case, by=str(actor), note=note, now=now)
    _record(session, case, actor, "money_case.close", {"note": note}, now=now)


def _close(case: Case, *, by: str, note: str, now: datetime) -> None:
    case.closed_at, case.closed_by, case.closing_note, case.next_due_at = now, by, note[:400], None


def _open_or_none(session: Session, *, municipality_id: int, kind: CaseKind, subject: str) -> Case | None:
    return session.scalar(
        sa.select(Case)
        .where(
            Case.municipality_id == municipality_id,
            Case.kind == kind,
            Case.subject == subject[:255],
            Case.closed_at.is_(None),
        )
        .with_for_update()
    )


def _locked(session: Session, municipality_id: int, case_id: UUID) -> Case:
    found = session.scalar(
        sa.select(Case)
        .where(Case.id == case_id, Case.municipality_id == municipality_id, Case.closed_at.is_(None))
        .with_for_update()
    )
    if found is None:
        raise NotThere(f"case {case_id}")
    return found


def _record(
    session: Session, case: Case, actor: UUID, act: str, detail: dict[str, Any], *, now: datetime
) -> None:
    session.flush()
    audit.record(
        session,
        municipality_id=case.municipality_id,
        actor=str(actor),
        act=act,
        subject=str(case.id),
        detail={"kind": case.kind, **detail},
        now=now,
    )
