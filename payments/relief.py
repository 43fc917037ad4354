"""Fees waived, in the books: what usage fees would have been, beside what was given up of them."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments import ledger
from payments.ledger import Account, Line
from payments.models import LedgerEntry


def post_relief(
    session: Session,
    *,
    municipality_id: int,
    reference: UUID,
    relief_yen: int,
    now: datetime,
    decision: UUID | None = None,
) -> None:
    """Book what relief took off a confirmed reference; `decision`: what a later grant takes off besides.

    The same reference and decision again books nothing more. No yen book nothing.
    """
    set_key = f"relief:{reference}" if decision is None else f"relief:{reference}:{decision}"
    if not relief_yen or _is_booked(session, set_key):
        return
    _post(session, municipality_id, reference, set_key, relief_yen, now=now)


def undo_relief(session: Session, *, municipality_id: int, reference: UUID, now: datetime) -> None:
    """Take back all relief booked for a reference that is not used after all; a second time does nothing."""
    standing = session.scalar(
        sa.select(sa.func.sum(LedgerEntry.amount_yen)).where(
            LedgerEntry.reference == reference, LedgerEntry.account == Account.RELIEF
        )
    )
    if standing:
        set_key = f"relief_undone:{reference}"
        _post(session, municipality_id, reference, set_key, -int(standing), now=now)


def _is_booked(session: Session, set_key: str) -> bool:
    found = session.scalar(sa.select(LedgerEntry.id).where(LedgerEntry.set_key == set_key).limit(1))
    return found is not None


def _post(
    session: Session, municipality_id: int, reference: UUID, set_key: str, relief_yen: int, *, now: datetime
) -> None:
    ledger.post(
        session,
        municipality_id=municipality_id,
        set_key=set_key,
        lines=[
            Line(Account.RELIEF, relief_yen, reference),
            Line(Account.USAGE_FEES, -relief_yen, reference),
        ],
        now=now,
    )
