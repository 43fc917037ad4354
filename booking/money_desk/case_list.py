"""Cases as the money desk lists them: typed lines, always ordered, the most pressing first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.money_desk.case_words import URGENT
from booking.people.models import Account
from core.errors import NotThere
from payments.case_models import Case
from payments.cases import SYSTEM, CaseKind

LISTED = 100


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case with the words around it."""

    id: UUID
    kind: CaseKind
    subject: str
    reference: UUID | None
    payment_id: UUID | None
    refund_id: UUID | None
    dispute_id: UUID | None
    amount_yen: int | None
    detail: dict[str, Any]
    opened_at: datetime
    seen_at: datetime
    times_seen: int
    owner_id: str | None
    owner_name: str | None
    next_due_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    """A name; "system" where it came right by itself."""
    closing_note: str | None

    @property
    def is_urgent(self) -> bool:
        """Whether it is first in every list."""
        return self.kind in URGENT

    def is_overdue(self, now: datetime) -> bool:
        """Whether somebody should have looked by now."""
        return self.next_due_at is not None and self.next_due_at <= now


def open_cases(
    session: Session, *, municipality_id: int, now: datetime, kind: CaseKind | None = None, owner: str = ""
) -> list[CaseLine]:
    """Open cases: overdue first, then the urgent kinds, then by due time.

    `owner`: an account's id; "nobody" for those that nobody has taken on; empty: all.
    """
    where = [Case.municipality_id == municipality_id, Case.closed_at.is_(None)]
    if kind is not None:
        where.append(Case.kind == kind)
    if owner:
        where.append(Case.owner.is_(None) if owner == "nobody" else Case.owner == owner)
    rows = session.scalars(
        sa.select(Case)
        .where(*where)
        .order_by(
            sa.case((Case.next_due_at <= now, 0), else_=1),
            sa.case((Case.kind.in_(sorted(URGENT)), 0), else_=1),
            Case.next_due_at,
            Case.id,
        )
        .limit(LISTED)
    ).all()
    return _lines(session, rows)


def closed_cases(session: Session, *, municipality_id: int, kind: CaseKind | None = None) -> list[CaseLine]:
    """The cases closed last, the newest first."""
    where = [Case.municipality_id == municipality_id, Case.closed_at.is_not(None)]
    if kind is not None:
        where.append(Case.kind == kind)
    rows = session.scalars(
        sa.select(Case).where(*where).order_by(Case.closed_at.desc(), Case.id.desc()).limit(LISTED)
    ).all()
    return _lines(session, rows)


def one(session: Session, *, municipality_id: int, case_id: UUID) -> CaseLine:
    """One case of the municipality, open or closed.

    Raises:
        NotThere: there is none.
    """
    row = session.scalar(sa.select(Case).where(Case.id == case_id, Case.municipality_id == municipality_id))
    if row is None:
        raise NotThere(f"case {case_id}")
    return _lines(session, [row])[0]


def of_payment(session: Session, *, payment_id: UUID) -> list[CaseLine]:
    """All cases about a payment or its refunds, oldest first."""
    rows = session.scalars(
        sa.select(Case).where(Case.payment_id == payment_id).order_by(Case.opened_at, Case.id)
    ).all()
    return _lines(session, rows)


def counts(session: Session, *, municipality_id: int, now: datetime) -> dict[CaseKind, tuple[int, int]]:
    """Open cases by kind: (all, overdue); urgent kinds first."""
    rows = session.execute(
        sa.select(Case.kind, sa.func.count(), sa.func.sum(sa.case((Case.next_due_at <= now, 1), else_=0)))
        .where(Case.municipality_id == municipality_id, Case.closed_at.is_(None))
        .group_by(Case.kind)
    )
    found = {CaseKind(kind): (int(every), int(overdue)) for kind, every, overdue in rows}
    order = sorted(found, key=lambda kind: (kind not in URGENT, list(CaseKind).index(kind)))
    return {kind: found[kind] for kind in order}


def names_of(session: Session, account_ids: Sequence[str | None]) -> dict[str, str]:
    """The names of accounts, by their ids as text; what is no account's id is left out."""
    ids = {UUID(one) for one in account_ids if one and _is_uuid(one)}
    rows = session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(ids)))
    return {str(account_id): name for account_id, name in rows}


def _lines(session: Session, rows: Sequence[Case]) -> list[CaseLine]:
    names = names_of(session, [row.owner for row in rows] + [row.closed_by for row in rows])
    return [
        CaseLine(
            id=row.id,
            kind=CaseKind(row.kind),
            subject=row.subject,
            reference=row.reference,
            payment_id=row.payment_id,
            refund_id=row.refund_id,
            dispute_id=row.dispute_id,
            amount_yen=row.amount_yen,
            detail=row.detail,
            opened_at=row.opened_at,
            seen_at=row.seen_at,
            times_seen=row.times_seen,
            owner_id=row.owner,
            owner_name=names.get(row.owner or ""),
            next_due_at=row.next_due_at,
            closed_at=row.closed_at,
            closed_by=SYSTEM if row.closed_by == SYSTEM else names.get(row.closed_by or ""),
            closing_note=row.closing_note,
        )
        for row in rows
    ]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
