"""書類の台帳: what was issued, and whether the numbers have no gap."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import SERIES, Kind, number_words
from booking.papers.models import Paper, PaperCounter, PaperPrint
from booking.papers.statements import month_after
from booking.papers.voids import voids_of
from booking.people.models import Account, Group
from booking.reservations.models import PermitCounter, Reservation
from core.clock import start_of_day

_NUMBER = re.compile(r"(?P<sign>\D?)(?:(?P<year>\d{4})-)?(?P<number>\d{1,9})")


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """One issued paper."""

    paper_id: UUID
    kind: Kind
    number: str
    group_name: str
    addressee: str
    issued_at: datetime
    amount_yen: int | None
    prints: int
    voided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one kind and fiscal year."""

    kind: Kind
    fiscal_year: int | None
    """None: permits, numbered through all years."""
    last_number: int
    missing: tuple[int, ...]
    """Numbers that were given and stand on nothing, the first twenty; there must be none."""


@dataclass(frozen=True, slots=True)
class PrintLine:
    """One print."""

    number: int
    at: datetime
    by_name: str


def papers(
    session: Session,
    *,
    municipality_id: int,
    kind: Kind | None = None,
    month: date | None = None,
    sought: str = "",
    limit: int = 200,
) -> list[RegisterLine]:
    """Issued papers, the newest first. `sought` is a number as papers show it, or its last digits."""
    counted = sa.select(sa.func.count()).where(PaperPrint.paper_id == Paper.id).scalar_subquery()
    statement = (
        sa.select(Paper, Group.name, counted)
        .join(Group, Group.id == Paper.group_id)
        .where(Paper.municipality_id == municipality_id)
        .order_by(Paper.issued_at.desc(), Paper.kind, Paper.number.desc())
        .limit(limit)
    )
    if kind is not None:
        statement = statement.where(Paper.kind == kind)
    if month is not None:
        statement = statement.where(
            Paper.issued_at >= start_of_day(month), Paper.issued_at < start_of_day(month_after(month))
        )
    if sought:
        statement = statement.where(*_numbered(sought))
    rows = session.execute(statement).all()
    voids = voids_of(session, [row[0] for row in rows])
    return [_line(paper, group_name, prints, voids.get(paper.id)) for paper, group_name, prints in rows]


def series(session: Session, *, municipality_id: int) -> list[Series]:
    """Each kind and year that has numbers: the last one given, and any that is missing."""
    counters = session.scalars(
        sa.select(PaperCounter)
        .where(PaperCounter.municipality_id == municipality_id, PaperCounter.last_number > 0)
        .order_by(PaperCounter.fiscal_year.desc(), PaperCounter.kind)
    ).all()
    found = []
    last = session.scalar(
        sa.select(PermitCounter.last_number).where(PermitCounter.municipality_id == municipality_id)
    )
    if last:
        # Permits are numbered when a reservation is confirmed, whether anybody prints them or not.
        numbers = sa.select(Reservation.permit_number.label("number")).where(
            Reservation.municipality_id == municipality_id, Reservation.permit_number.is_not(None)
        )
        found.append(Series(Kind.PERMIT, None, last, _missing(session, numbers, last)))
    for row in counters:
        numbers = sa.select(Paper.number.label("number")).where(
            Paper.municipality_id == municipality_id,
            Paper.kind == row.kind,
            Paper.fiscal_year == row.fiscal_year,
        )
        missing = _missing(session, numbers, row.last_number)
        found.append(Series(Kind(row.kind), row.fiscal_year, row.last_number, missing))
    return found


def prints(session: Session, paper_id: UUID) -> Sequence[PrintLine]:
    """Every print of a paper, the first one first."""
    rows = session.execute(
        sa.select(PaperPrint.number, PaperPrint.at, Account.name)
        .join(Account, Account.id == PaperPrint.by)
        .where(PaperPrint.paper_id == paper_id)
        .order_by(PaperPrint.number)
    )
    return [PrintLine(number, at, name) for number, at, name in rows]


def _line(paper: Paper, group_name: str, prints: int, voided_at: datetime | None) -> RegisterLine:
    kind = Kind(paper.kind)
    return RegisterLine(
        paper_id=paper.id,
        kind=kind,
        number=number_words(kind, paper.fiscal_year, paper.number),
        group_name=group_name,
        addressee=paper.addressee,
        issued_at=paper.issued_at,
        amount_yen=paper.content.get("amount_yen"),
        prints=prints,
        voided_at=voided_at,
    )


def _missing(session: Session, numbers: sa.Select[Any], last: int) -> tuple[int, ...]:
    """Which of 1 … last are not among the numbers; they are listed only where their count is wrong."""
    given = numbers.subquery()
    count, highest = session.execute(
        sa.select(sa.func.count(sa.distinct(given.c.number)), sa.func.max(given.c.number))
    ).one()
    if count == last and highest == last:
        return ()
    there = set(session.scalars(numbers))
    return tuple(islice((number for number in range(1, last + 1) if number not in there), 20))


def _numbered(sought: str) -> list[sa.ColumnElement[bool]]:
    plain = re.sub(r"[\s第号]", "", unicodedata.normalize("NFKC", sought))
    found = _NUMBER.fullmatch(plain)
    if found is None:
        return [sa.false()]
    where: list[sa.ColumnElement[bool]] = [Paper.number == int(found["number"])]
    if found["year"]:
        where.append(Paper.fiscal_year == int(found["year"]))
    if found["sign"]:
        kinds = [kind for kind, sign in SERIES.items() if sign == found["sign"]]
        where.append(Paper.kind.in_(kinds))
    return where
