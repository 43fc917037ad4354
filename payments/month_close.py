"""Closing a month of the books (Asia/Tokyo): totals handed over, a digest that shows any later change.

A closed month is not opened again: what turns out wrong later is a new entry in a month that is open.
"""

import calendar
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.clock import civil_day, start_of_day
from payments.book_models import MonthClose, SettlementRun
from payments.case_models import Case
from payments.cases import CaseKind
from payments.comparing import GRACE
from payments.errors import MonthNotReady
from payments.ledger import Account
from payments.models import LedgerEntry

_NO_ENTRY = 0


class Obstacle(StrEnum):
    """Why a month cannot be closed yet."""

    NOT_OVER = "not_over"
    EARLIER_OPEN = "earlier_open"
    """A month before it is open and has entries."""
    NOT_SETTLED = "not_settled"
    """No settlement has come through since everything of the month had to be at Stripe as well."""
    CASES_OPEN = "cases_open"
    """A difference from Stripe's books, or a finding of the nightly audit, of its time."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A month's entries, in figures."""

    month: date
    entries: int
    last_entry_id: int
    totals: dict[str, int]
    """Yen by account over the month; accounts without an entry are left out."""
    digest: str

    @property
    def check_digits(self) -> str:
        """Four digits that stand for exactly these entries: read out, typed in, compared on paper."""
        return check_digits(self.digest)


def check_digits(digest: str) -> str:
    """The four digits of a digest."""
    return f"{int(digest[:12], 16) % 10_000:04d}"


def bounds(month: date) -> tuple[datetime, datetime]:
    """A month's first instant, and the next one's."""
    first = month.replace(day=1)
    return start_of_day(first), start_of_day(after(first))


def after(month: date) -> date:
    """The first day of the next month."""
    first = month.replace(day=1)
    return first + timedelta(days=calendar.monthrange(first.year, first.month)[1])


def summarise(session: Session, *, municipality_id: int, month: date) -> Summary:
    """Read a month's entries through, in their order."""
    begin, end = bounds(month)
    rows = session.execute(
        sa.select(
            LedgerEntry.id,
            LedgerEntry.set_key,
            LedgerEntry.line,
            LedgerEntry.account,
            LedgerEntry.amount_yen,
            LedgerEntry.at,
            LedgerEntry.reference,
            LedgerEntry.payment_id,
            LedgerEntry.refund_id,
        )
        .where(LedgerEntry.municipality_id == municipality_id, LedgerEntry.at >= begin, LedgerEntry.at < end)
        .order_by(LedgerEntry.id)
    )
    told, totals = hashlib.sha256(f"{municipality_id} {month:%Y-%m}\n".encode()), defaultdict[str, int](int)
    count, last = 0, _NO_ENTRY
    for row in rows:
        count, last = count + 1, row[0]
        totals[row[3]] += row[4]
        line = [*row[:5], row[5].astimezone(UTC).isoformat(), *(str(one or "") for one in row[6:])]
        told.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return Summary(month.replace(day=1), count, last, dict(sorted(totals.items())), told.hexdigest())


def obstacles(session: Session, *, municipality_id: int, month: date, now: datetime) -> list[Obstacle]:
    """Everything that stands against closing a month; empty: it may be closed."""
    begin, end = bounds(month)
    found = []
    if now < end:
        found.append(Obstacle.NOT_OVER)
    if _is_earlier_open(session, municipality_id, begin):
        found.append(Obstacle.EARLIER_OPEN)
    # A difference of the month's last minute is told only after the grace.
    if not _is_settled_since(session, municipality_id, end + GRACE):
        found.append(Obstacle.NOT_SETTLED)
    if _has_cases(session, municipality_id, end):
        found.append(Obstacle.CASES_OPEN)
    return found


def close(
    session: Session, *, municipality_id: int, month: date, check: str, actor: UUID, now: datetime
) -> MonthClose:
    """Close a month whose four digits the actor has read; a month that is closed already stays as it is.

    Raises:
        MonthNotReady: something stands against it, or it is no longer what the actor has seen.
    """
    month = month.replace(day=1)
    closed = session.get(MonthClose, (municipality_id, month))
    if closed is not None:
        return closed
    against = obstacles(session, municipality_id=municipality_id, month=month, now=now)
    if against:
        raise MonthNotReady(", ".join(against))
    found = summarise(session, municipality_id=municipality_id, month=month)
    if check != found.check_digits:
        raise MonthNotReady(
            "check digits",
            sentence="確認番号が一致しません。合計を確かめて、表示されている4桁を入力してください。",
        )
    closed = MonthClose(
        municipality_id=municipality_id,
        month=month,
        closed_at=now,
        closed_by=str(actor),
        totals=found.totals,
        last_entry_id=found.last_entry_id,
        digest=found.digest,
    )
    session.add(closed)
    session.flush()
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=str(actor),
        act="month.close",
        subject=f"month:{month:%Y-%m}",
        detail={"entries": found.entries, "totals": found.totals, "digest": found.digest},
        now=now,
    )
    return closed


def changed_since_closed(session: Session, *, municipality_id: int) -> list[date]:
    """Closed months whose entries or totals are no longer those that were closed, the earliest first."""
    closed = session.scalars(
        sa.select(MonthClose).where(MonthClose.municipality_id == municipality_id).order_by(MonthClose.month)
    ).all()
    changed = []
    for one in closed:
        found = summarise(session, municipality_id=municipality_id, month=one.month)
        if (found.digest, found.last_entry_id, found.totals) != (one.digest, one.last_entry_id, one.totals):
            changed.append(one.month)
    return changed


def months(session: Session, *, municipality_id: int, now: datetime) -> list[tuple[date, MonthClose | None]]:
    """Every month from the first entry to the present one, the latest first, with its closing."""
    first = session.scalar(
        sa.select(sa.func.min(LedgerEntry.at, type_=LedgerEntry.at.type)).where(
            LedgerEntry.municipality_id == municipality_id
        )
    )
    closed = {
        one.month: one
        for one in session.scalars(sa.select(MonthClose).where(MonthClose.municipality_id == municipality_id))
    }
    month, last = civil_day(first or now).replace(day=1), civil_day(now).replace(day=1)
    found = []
    while month <= last:
        found.append((month, closed.get(month)))
        month = after(month)
    return found[::-1]


def account_totals(totals: dict[str, int]) -> dict[Account, int]:
    """Totals by account, in the order of the accounts; accounts without an entry are zero."""
    return {account: totals.get(account, 0) for account in Account}


def _is_earlier_open(session: Session, municipality_id: int, begin: datetime) -> bool:
    last_closed = session.scalar(
        sa.select(sa.func.max(MonthClose.month)).where(
            MonthClose.municipality_id == municipality_id, MonthClose.month < civil_day(begin)
        )
    )
    where = [LedgerEntry.municipality_id == municipality_id, LedgerEntry.at < begin]
    if last_closed is not None:
        where.append(LedgerEntry.at >= bounds(last_closed)[1])
    return session.scalar(sa.select(LedgerEntry.id).where(*where).limit(1)) is not None


def _is_settled_since(session: Session, municipality_id: int, instant: datetime) -> bool:
    found = session.scalar(
        sa.select(SettlementRun.id)
        .where(
            SettlementRun.municipality_id == municipality_id,
            SettlementRun.begun_at >= instant,
            SettlementRun.ended_at.is_not(None),
        )
        .limit(1)
    )
    return found is not None


def _has_cases(session: Session, municipality_id: int, end: datetime) -> bool:
    """Whether one is open that began before the month's end, by its own word or by when it was opened."""
    rows = session.scalars(
        sa.select(Case).where(
            Case.municipality_id == municipality_id,
            Case.kind.in_((CaseKind.SETTLEMENT, CaseKind.BOOKS)),
            Case.closed_at.is_(None),
        )
    )
    return any(min(case.opened_at, _since(case)) < end for case in rows)


def _since(case: Case) -> datetime:
    told = case.detail.get("since")
    return datetime.fromisoformat(told) if isinstance(told, str) else case.opened_at
