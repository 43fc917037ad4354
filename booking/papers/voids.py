"""Which papers have lost their force: their money went back whole, or their permit was taken back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import Kind, id_in
from booking.papers.models import Paper
from booking.papers.permits import TAKEN_BACK
from booking.papers.shares import given_back, payment_in, shares_of
from booking.reservations.models import Reservation


def voids_of(session: Session, papers: Sequence[Paper]) -> dict[UUID, datetime]:
    """{paper: since when} of those that are void; asked of the money and the reservations themselves.

    A receipt is void once refunds of its whole amount are written down, sent or not: they are owed for sure.
    """
    found = {paper.id: paper.voided_at for paper in papers if paper.voided_at is not None}
    return found | _receipts(session, papers) | _permits(session, papers)


def _receipts(session: Session, papers: Sequence[Paper]) -> dict[UUID, datetime]:
    of = {paper.subject: paper for paper in papers if paper.kind == Kind.RECEIPT}
    found = {}
    for municipality_id in {paper.municipality_id for paper in of.values()}:
        payment_ids = [payment_in(subject) for subject in of]
        shares = shares_of(session, municipality_id=municipality_id, payment_ids=payment_ids)
        back = given_back(session, shares)
        for share in shares:
            last_at = back[share.subject].last_at
            if share.subject in of and last_at and back[share.subject].yen >= share.amount_yen:
                found[of[share.subject].id] = last_at
    return found


def _permits(session: Session, papers: Sequence[Paper]) -> dict[UUID, datetime]:
    of = {id_in(Kind.PERMIT, paper.subject): paper for paper in papers if paper.kind == Kind.PERMIT}
    if not of:
        return {}
    rows = session.execute(
        sa.select(Reservation.id, Reservation.state_changed_at).where(
            Reservation.id.in_(list(of)), Reservation.state.in_(TAKEN_BACK)
        )
    )
    return {of[reservation_id].id: changed_at for reservation_id, changed_at in rows}
