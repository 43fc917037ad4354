"""What the pages of the books show: typed rows, always ordered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.money_desk.book_words import ACCOUNTS, account_word, event_word, events_named
from booking.people.models import Account as Person
from core.errors import NotThere
from payments import ledger
from payments.book_models import AuditNight, SettlementRun, StripeMovement, StripePayout
from payments.ledger import Account
from payments.models import LedgerEntry

SETS_A_PAGE = 50
_NUMBER = re.compile(r"[0-9,]{1,15}")


@dataclass(frozen=True, slots=True)
class Bar:
    """An account's balance, drawn: debit to the right of the middle, credit to the left."""

    account: Account
    word: str
    balance_yen: int
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One side of a set."""

    account: Account
    word: str
    amount_yen: int


@dataclass(frozen=True, slots=True)
class JournalSet:
    """伝票: what was booked at once."""

    set_key: str
    word: str
    at: datetime
    number: int
    """Id of its first line."""
    lines: tuple[JournalLine, ...]
    reference: UUID | None
    payment_id: UUID | None


def bars(session: Session, *, municipality_id: int) -> list[Bar]:
    """Balances of all accounts as bars of 200 units around a middle of 100."""
    totals = ledger.balances(session, municipality_id=municipality_id)
    most = max((abs(yen) for yen in totals.values()), default=0)
    found = []
    for account, yen in totals.items():
        width = -(-abs(yen) * 100 // most) if most else 0
        x = 100 if yen >= 0 else 100 - width
        found.append(Bar(account, ACCOUNTS[account], yen, x, width))
    return found


def journal(
    session: Session,
    *,
    municipality_id: int,
    begin: datetime,
    end: datetime,
    sought: str = "",
    after: int = 0,
) -> tuple[list[JournalSet], int | None]:
    """Sets of a span in which a line is what is sought, in order, and where to go on."""
    first = sa.func.min(LedgerEntry.id)
    keys = session.execute(
        sa.select(LedgerEntry.set_key, first)
        .where(
            LedgerEntry.municipality_id == municipality_id,
            LedgerEntry.at >= begin,
            LedgerEntry.at < end,
            *_seeks(sought.strip()),
        )
        .group_by(LedgerEntry.set_key)
        .having(first > after)
        .order_by(first)
        .limit(SETS_A_PAGE)
    ).all()
    lines = session.scalars(
        sa.select(LedgerEntry)
        .where(
            LedgerEntry.municipality_id == municipality_id,
            LedgerEntry.set_key.in_([key for key, _ in keys]),
        )
        .order_by(LedgerEntry.set_key, LedgerEntry.line)
    ).all()
    of_set: dict[str, list[LedgerEntry]] = {}
    for line in lines:
        of_set.setdefault(line.set_key, []).append(line)
    found = [_set(of_set[key]) for key, _ in keys]
    return found, keys[-1][1] if len(keys) == SETS_A_PAGE else None


def runs(session: Session, *, municipality_id: int, limit: int = 50) -> Sequence[SettlementRun]:
    """Settlements, the newest first."""
    return session.scalars(
        sa.select(SettlementRun)
        .where(SettlementRun.municipality_id == municipality_id)
        .order_by(SettlementRun.id.desc())
        .limit(limit)
    ).all()


def last_good_run(session: Session, *, municipality_id: int) -> SettlementRun | None:
    """The newest settlement that came through."""
    return session.scalar(
        sa.select(SettlementRun)
        .where(SettlementRun.municipality_id == municipality_id, SettlementRun.ended_at.is_not(None))
        .order_by(SettlementRun.id.desc())
        .limit(1)
    )


def last_night(session: Session, *, municipality_id: int) -> AuditNight | None:
    """The newest nightly audit."""
    return session.scalar(
        sa.select(AuditNight)
        .where(AuditNight.municipality_id == municipality_id)
        .order_by(AuditNight.id.desc())
        .limit(1)
    )


def payouts(session: Session, *, municipality_id: int, limit: int = 100) -> Sequence[StripePayout]:
    """Payouts, the newest first."""
    return session.scalars(
        sa.select(StripePayout)
        .where(StripePayout.municipality_id == municipality_id)
        .order_by(StripePayout.created_at.desc(), StripePayout.id)
        .limit(limit)
    ).all()


def payout(
    session: Session, *, municipality_id: int, payout_id: str
) -> tuple[StripePayout, Sequence[StripeMovement]]:
    """A payout with what it carried, its own movement left out, the oldest first.

    Raises:
        NotThere: none of the municipality's.
    """
    found = session.get(StripePayout, payout_id)
    if found is None or found.municipality_id != municipality_id:
        raise NotThere(f"payout {payout_id}")
    inside = session.scalars(
        sa.select(StripeMovement)
        .where(
            StripeMovement.municipality_id == municipality_id,
            StripeMovement.payout_id == payout_id,
            StripeMovement.source_id.is_distinct_from(payout_id),
        )
        .order_by(StripeMovement.created_at, StripeMovement.id)
        .limit(1000)
    ).all()
    return found, inside


def unmet(session: Session, *, municipality_id: int, limit: int = 50) -> Sequence[StripeMovement]:
    """Movements that nothing of ours explains yet, the oldest first."""
    return session.scalars(
        sa.select(StripeMovement)
        .where(StripeMovement.municipality_id == municipality_id, StripeMovement.matched_set.is_(None))
        .order_by(StripeMovement.created_at, StripeMovement.id)
        .limit(limit)
    ).all()


def names_of(session: Session, actors: Sequence[str]) -> dict[str, str]:
    """Names of accounts, by the ids that the books and the audit trail keep."""
    ids = {UUID(actor) for actor in actors}
    rows = session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(ids)))
    return {str(account_id): name for account_id, name in rows}


def _seeks(sought: str) -> list[sa.ColumnElement[bool]]:
    """An amount, an id, a word of an account or an event, else a part of the set's key."""
    if not sought:
        return []
    if _NUMBER.fullmatch(sought) and sought.strip(","):
        return [sa.func.abs(LedgerEntry.amount_yen) == int(sought.replace(",", ""))]
    try:
        wanted = UUID(sought)
    except ValueError:
        pass
    else:
        ids = (LedgerEntry.reference, LedgerEntry.payment_id, LedgerEntry.refund_id)
        return [sa.or_(*(column == wanted for column in ids))]
    accounts = [account for account, word in ACCOUNTS.items() if sought in word]
    events = events_named(sought)
    return [
        sa.or_(
            LedgerEntry.account.in_(accounts),
            *(LedgerEntry.set_key.startswith(f"{event}:") for event in events),
            LedgerEntry.set_key.contains(sought, autoescape=True),
        )
    ]


def _set(lines: Sequence[LedgerEntry]) -> JournalSet:
    first = lines[0]
    return JournalSet(
        set_key=first.set_key,
        word=event_word(first.set_key),
        at=first.at,
        number=first.id,
        lines=tuple(
            JournalLine(Account(line.account), account_word(line.account), line.amount_yen) for line in lines
        ),
        reference=next((line.reference for line in lines if line.reference is not None), None),
        payment_id=first.payment_id,
    )
