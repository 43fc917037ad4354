"""Applications for relief as pages show them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.relief_mails import decision_words
from booking.fees.relief_models import ReliefApplication, ReliefDocument
from booking.fees.relief_states import ReliefState, decision_due_at
from booking.people.models import Account, Group
from core.errors import NotThere


@dataclass(frozen=True, slots=True)
class ApplicationLine:
    """One application with the words around it."""

    id: UUID
    group_name: str
    account_name: str
    valid_from: date
    valid_until: date
    reason: str
    state: ReliefState
    decision: str
    decision_reason: str | None
    asked_at: datetime
    due_at: datetime
    """Until when it was to be decided."""
    decided_at: datetime | None
    document_name: str | None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.state is ReliefState.ASKED

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been decided."""
        return self.is_open and self.due_at <= now


def of_groups(session: Session, *, group_ids: Collection[UUID], limit: int) -> list[ApplicationLine]:
    """The applications of these groups, the newest first."""
    return _lines(
        session,
        _SELECT.where(ReliefApplication.group_id.in_(group_ids))
        .order_by(ReliefApplication.asked_at.desc(), ReliefApplication.id.desc())
        .limit(limit),
    )


def of_municipality(session: Session, *, municipality_id: int, limit: int) -> list[ApplicationLine]:
    """The undecided ones first, the longest waiting first of all; then the others, the newest first."""
    of_town = _SELECT.where(ReliefApplication.municipality_id == municipality_id)
    is_open = ReliefApplication.state == ReliefState.ASKED
    waiting = of_town.where(is_open).order_by(ReliefApplication.asked_at, ReliefApplication.id).limit(limit)
    closed = (
        of_town.where(~is_open)
        .order_by(ReliefApplication.asked_at.desc(), ReliefApplication.id.desc())
        .limit(limit)
    )
    return _lines(session, waiting) + _lines(session, closed)


def document_of(session: Session, *, municipality_id: int, application_id: UUID) -> tuple[str, bytes]:
    """Type and content of an application's document.

    Raises:
        NotThere: the municipality has no such application, or it came without one.
    """
    found = session.execute(
        sa.select(ReliefApplication.document_type, ReliefDocument.content)
        .join(ReliefDocument, ReliefDocument.application_id == ReliefApplication.id)
        .where(ReliefApplication.id == application_id, ReliefApplication.municipality_id == municipality_id)
    ).first()
    if found is None:
        raise NotThere(f"document of {application_id}")
    return str(found[0]), found[1]


_SELECT = (
    sa.select(ReliefApplication, Group.name, Account.name)
    .join(Group, Group.id == ReliefApplication.group_id)
    .join(Account, Account.id == ReliefApplication.account_id)
)


def _lines(session: Session, statement: sa.Select[ReliefApplication, str, str]) -> list[ApplicationLine]:
    return [
        ApplicationLine(
            id=found.id,
            group_name=group,
            account_name=account,
            valid_from=found.valid_from,
            valid_until=found.valid_until,
            reason=found.reason,
            state=ReliefState(found.state),
            decision=decision_words(found.scope, found.percent),
            decision_reason=found.decision_reason,
            asked_at=found.asked_at,
            due_at=decision_due_at(found.asked_at, found.valid_from),
            decided_at=found.decided_at,
            document_name=found.document_name,
        )
        for found, group, account in session.execute(statement)
    ]
