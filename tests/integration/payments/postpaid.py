"""Short words for 後納: a group is charged, let off and invoiced; the rows that come of it."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.ids import new_id
from payments import invoices
from payments.case_models import Case
from payments.invoice_models import Charge, Invoice
from payments.models import LedgerEntry
from tests.integration.payments.conftest import START, TOWN, Till

T = TypeVar("T")
ELSEWHERE = TOWN + 1
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
IN_DECEMBER = datetime.fromisoformat("2026-12-01T00:00:00+09:00")
GROUP, NEIGHBOUR = sorted((new_id(START), new_id(START)))


def within(till: Till, step: Callable[[Session], T]) -> T:
    """One step, committed."""
    with till.database.transaction() as session:
        return step(session)


def charged(till: Till, reference: UUID, yen: int, **more: Any) -> None:
    """The group owes for a reference."""
    known = {"municipality_id": TOWN, "payer": GROUP, "label": "見本体育館", "used_on": date(2026, 11, 28)}
    within(
        till,
        lambda session: invoices.charge(
            session, **{**known, **more}, reference=reference, amount_yen=yen, now=till.clock.now()
        ),
    )


def let_off(till: Till, reference: UUID, yen: int, cause: str = "cancelled", label: str | None = None) -> int:
    """The group is let off."""
    return within(
        till,
        lambda session: invoices.credit(
            session, reference=reference, amount_yen=yen, cause=cause, label=label, now=till.clock.now()
        ),
    )


def issued(till: Till, now: datetime = IN_DECEMBER, *, payer: UUID = GROUP, town: int = TOWN) -> bool:
    """Whether there is a new invoice."""
    made = within(
        till,
        lambda session: invoices.issue(
            session, municipality_id=town, payer=payer, pays_within_days=30, now=now
        ),
    )
    return made is not None


def charges(till: Till) -> list[Charge]:
    """All, in the order in which they were written."""
    with till.database.reading() as session:
        return list(session.scalars(sa.select(Charge).order_by(Charge.id)))


def books(till: Till) -> list[tuple[str, str, int, UUID | None]]:
    """All lines."""
    with till.database.reading() as session:
        rows = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.id)).all()
        return [(row.set_key, row.account, row.amount_yen, row.reference) for row in rows]


def invoice(till: Till) -> Invoice:
    """The newest."""
    with till.database.reading() as session:
        return session.scalars(sa.select(Invoice).order_by(Invoice.month.desc()).limit(1)).one()


def cases(till: Till) -> list[Case]:
    """All, in the order in which they were opened."""
    with till.database.reading() as session:
        return list(session.scalars(sa.select(Case).order_by(Case.id)))
