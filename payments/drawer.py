"""現金: what is in the drawer by the books, and what of it was counted and brought to the bank."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.clock import civil_day
from core.errors import BadInput
from payments import cases, ledger
from payments.cases import About, CaseKind
from payments.ledger import Account, Line
from payments.models import LedgerEntry


def in_drawer(session: Session, *, municipality_id: int) -> int:
    """Cash by the books, in yen."""
    return ledger.balances(session, municipality_id=municipality_id)[Account.CASH]


def hand_in(
    session: Session,
    *,
    hand_in_id: UUID,
    municipality_id: int,
    counted_yen: int,
    handed_in_yen: int,
    actor: UUID,
    now: datetime,
) -> bool:
    """Book cash as brought to the bank; False: the same tap had done so before.

    Where the count differs from the books, the books stay and a case says by how much.

    Raises:
        BadInput: nothing is handed in, or more than was counted or than the books have.
    """
    set_key = f"hand_in:{hand_in_id}"
    # The audit's row lock puts two taps of one form in line; the second takes its entry back.
    savepoint = session.begin_nested()
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=str(actor),
        act="cash.hand_in",
        subject=str(hand_in_id),
        detail={"counted_yen": counted_yen, "handed_in_yen": handed_in_yen},
        now=now,
    )
    if session.scalar(sa.select(LedgerEntry.id).where(LedgerEntry.set_key == set_key).limit(1)) is not None:
        savepoint.rollback()
        return False
    savepoint.commit()
    has = in_drawer(session, municipality_id=municipality_id)
    if not 0 < handed_in_yen <= min(counted_yen, has):
        sentence = f"納める金額は、1円から{min(counted_yen, has):,}円までです。"
        if min(counted_yen, has) <= 0:
            sentence = "納める現金がありません。"
        raise BadInput("handed_in_yen", sentence=sentence)
    ledger.post(
        session,
        municipality_id=municipality_id,
        set_key=set_key,
        lines=[Line(Account.BANK, handed_in_yen), Line(Account.CASH, -handed_in_yen)],
        now=now,
    )
    if counted_yen != has:
        about = About(
            subject=f"cash:{civil_day(now)}",
            amount_yen=abs(counted_yen - has),
            detail={"counted_yen": counted_yen, "books_yen": has},
        )
        cases.open_case(session, municipality_id=municipality_id, kind=CaseKind.BOOKS, about=about, now=now)
    return True
