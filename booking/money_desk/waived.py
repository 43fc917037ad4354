"""A check of the nightly audit: what the books say was waived is what was sold."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.lines import frozen_lines, relief_yen_of
from booking.reservations.models import Reservation, State
from payments.invariants import Checked, Finding, count
from payments.ledger import Account
from payments.models import LedgerEntry

_STANDS = (State.CONFIRMED, State.USED, State.NO_SHOW)


def waived_is_as_sold(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: 減免 holds, per reservation that stands, what its lines of relief take off, and nothing else."""
    off = _booked(session, municipality_id)
    # Few of a year's reservations have a line of relief: the others' lines stay in the database.
    sold = sa.select(Reservation.id, Reservation.fee_lines).where(
        Reservation.municipality_id == municipality_id,
        Reservation.state.in_(_STANDS),
        sa.cast(Reservation.fee_lines, sa.Text).contains('"relief_', autoescape=True),
    )
    for reference, lines in session.execute(sold):
        off[reference] = off.get(reference, 0) - relief_yen_of(frozen_lines(lines))
    found = [
        Finding(str(reference or "without a reservation"), yen, reference=reference)
        for reference, yen in sorted(off.items(), key=lambda one: str(one[0]))
        if yen
    ]
    return Checked(count(session, Reservation, municipality_id), found)


def _booked(session: Session, municipality_id: int) -> dict[UUID | None, int]:
    rows = session.execute(
        sa.select(LedgerEntry.reference, sa.func.sum(LedgerEntry.amount_yen))
        .where(LedgerEntry.municipality_id == municipality_id, LedgerEntry.account == Account.RELIEF)
        .group_by(LedgerEntry.reference)
    )
    return {reference: int(yen) for reference, yen in rows}
