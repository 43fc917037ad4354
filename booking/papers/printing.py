"""Hand a paper out: the first print is the original, each later one says 再発行 and which it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import WORDS, Kind, number_words
from booking.papers.models import Paper, PaperPrint
from booking.papers.voids import voids_of
from booking.people.signed_in import Actor
from core.errors import NotThere

SAME_PRINT_WITHIN = timedelta(minutes=2)
"""A second tap, or a browser that asks twice for one file, is the same print."""


@dataclass(frozen=True, slots=True)
class Print:
    """What one print shows beside the frozen content."""

    kind: Kind
    title: str
    number: str
    addressee: str
    content: dict[str, Any]
    issued_at: datetime
    print_number: int
    """1: the original."""
    printed_at: datetime
    voided_at: datetime | None

    @property
    def file_name(self) -> str:
        """`領収書-領2026-000012.pdf`."""
        return f"{self.title}-{self.number}.pdf"


def visible(session: Session, *, actor: Actor, paper_id: UUID, lock: bool = False) -> Paper:
    """A paper of the actor's groups, or of the municipality for its managers.

    Raises:
        NotThere: there is none, or it is somebody else's.
    """
    statement = sa.select(Paper).where(Paper.id == paper_id, Paper.municipality_id == actor.municipality_id)
    if not actor.is_manager:
        statement = statement.where(Paper.group_id.in_([group.id for group in actor.groups]))
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotThere(f"paper {paper_id}")
    return found


def hand_out(session: Session, *, actor: Actor, paper_id: UUID, now: datetime) -> Print:
    """Count a print and tell what is on it.

    Asked again by the same account within two minutes, of a paper that has not changed since: the same print.

    Raises:
        NotThere: there is none, or it is somebody else's.
    """
    paper = visible(session, actor=actor, paper_id=paper_id, lock=True)
    paper.voided_at = voids_of(session, [paper]).get(paper.id)
    last = session.scalar(
        sa.select(PaperPrint)
        .where(PaperPrint.paper_id == paper.id)
        .order_by(PaperPrint.number.desc())
        .limit(1)
    )
    if last is None or not _is_the_same(last, paper, actor, now):
        number = 1 if last is None else last.number + 1
        last = PaperPrint(paper_id=paper.id, number=number, at=now, by=actor.account_id)
        session.add(last)
    session.flush()
    kind = Kind(paper.kind)
    return Print(
        kind=kind,
        title=WORDS[kind],
        number=number_words(kind, paper.fiscal_year, paper.number),
        addressee=paper.addressee,
        content=paper.content,
        issued_at=paper.issued_at,
        print_number=last.number,
        printed_at=last.at,
        voided_at=paper.voided_at,
    )


def disposition(name: str, *, plain: str) -> str:
    """A `Content-Disposition` with a Japanese file name (RFC 6266), and a plain one for old programs."""
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_the_same(last: PaperPrint, paper: Paper, actor: Actor, now: datetime) -> bool:
    changes = [at for at in (paper.addressee_changed_at, paper.voided_at) if at is not None]
    return (
        last.by == actor.account_id
        and now - last.at < SAME_PRINT_WITHIN
        and all(changed < last.at for changed in changes)
    )
