"""Issue a paper: what it says is frozen, its number is the next of its kind and year, without gaps."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.draft import Draft
from booking.papers.invoice_papers import invoice_paper
from booking.papers.kinds import Kind, group_and_month_in, id_in
from booking.papers.models import Paper, PaperCounter
from booking.papers.owners import owner_of
from booking.papers.permits import permit
from booking.papers.receipts import receipt
from booking.papers.refund_notices import refund_notice
from booking.papers.statements import statement
from booking.people.signed_in import Actor
from booking.reservations.queries import locked
from core.clock import civil_day, fiscal_year
from core.database import insert_into
from core.errors import NotThere
from core.ids import new_id

_DRAFTS: dict[Kind, Callable[..., Draft]] = {
    Kind.PERMIT: permit,
    Kind.REFUND_NOTICE: refund_notice,
    Kind.INVOICE: invoice_paper,
}


def issue_for(session: Session, *, actor: Actor, kind: Kind, subject: str, now: datetime) -> Paper:
    """The same, for one of the actor's groups; managers have their municipality's.

    Raises:
        as `issue`; NotThere also where it is another group's.
    """
    owner = owner_of(session, municipality_id=actor.municipality_id, kind=kind, subject=subject)
    if not actor.is_manager and actor.group_or_none(owner) is None:
        raise NotThere(subject)
    return issue(session, municipality_id=actor.municipality_id, kind=kind, subject=subject, now=now)


def issue(session: Session, *, municipality_id: int, kind: Kind, subject: str, now: datetime) -> Paper:
    """The paper of a kind and subject; made now, or the one that was made before.

    The number is taken last, so call it last: its counter stays locked to the end of the transaction.

    Raises:
        NotThere: the subject names nothing of the municipality.
        NothingToIssue: it is not paid, not confirmed, not over, or taken back.
        NoIssuer: nobody stands on papers yet.
    """
    issued = paper_or_none(session, municipality_id=municipality_id, kind=kind, subject=subject)
    if issued is not None:
        return issued
    draft = draft_of(session, municipality_id=municipality_id, kind=kind, subject=subject, now=now)
    year = fiscal_year(civil_day(now))
    counter = _locked_counter(session, municipality_id, kind, year) if draft.number is None else None
    if counter is None:
        # The number is the reservation's: its row is what two at once wait for.
        locked(session, id_in(kind, subject))
    issued = paper_or_none(session, municipality_id=municipality_id, kind=kind, subject=subject)
    if issued is not None:
        return issued
    if counter is not None:
        counter.last_number += 1
    paper = Paper(
        id=new_id(now),
        municipality_id=municipality_id,
        kind=kind,
        fiscal_year=year,
        number=counter.last_number if counter is not None else draft.number,
        subject=subject,
        group_id=draft.group_id,
        issued_at=now,
        addressee=draft.addressee,
        content={**draft.content, "addressee": draft.addressee},
    )
    session.add(paper)
    session.flush()
    return paper


def draft_of(session: Session, *, municipality_id: int, kind: Kind, subject: str, now: datetime) -> Draft:
    """What the paper would say; writes nothing.

    Raises:
        as `issue`.
    """
    if kind is Kind.RECEIPT:
        return receipt(session, subject, municipality_id=municipality_id, now=now)
    if kind is Kind.STATEMENT:
        group_id, month = group_and_month_in(subject)
        return statement(session, group_id, month, municipality_id=municipality_id, now=now)
    return _DRAFTS[kind](session, id_in(kind, subject), municipality_id=municipality_id, now=now)


def paper_or_none(session: Session, *, municipality_id: int, kind: Kind, subject: str) -> Paper | None:
    """The paper of a kind and subject, if it was issued."""
    return session.scalar(
        sa.select(Paper).where(
            Paper.municipality_id == municipality_id, Paper.kind == kind, Paper.subject == subject
        )
    )


def _locked_counter(session: Session, municipality_id: int, kind: Kind, year: int) -> PaperCounter:
    # Two may be the first: one makes the row, the other waits for it here.
    session.execute(
        insert_into(session, PaperCounter)
        .values(municipality_id=municipality_id, kind=kind.value, fiscal_year=year, last_number=0)
        .on_conflict_do_nothing()
    )
    return session.scalars(
        sa.select(PaperCounter)
        .where(
            PaperCounter.municipality_id == municipality_id,
            PaperCounter.kind == kind,
            PaperCounter.fiscal_year == year,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
