"""Every reservation that is not final is looked at again when it is due; the worker's part of its life."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.places.catalogue import catalogue
from booking.refunding import reviews
from booking.reservations.cancel import ASK_AGAIN_AFTER
from booking.reservations.door import LATE
from booking.reservations.models import Reservation, State
from booking.reservations.money import end_hold
from booking.reservations.release import release
from booking.reservations.states import move
from core.database import is_retryable
from locks import fleet
from payments import checkout

REPORT_ASKED_AGAIN_AFTER = timedelta(hours=1)
"""A lock that has not reported since the end is waited for; meanwhile it reads "no report yet"."""
STAFFED_ASKED_AGAIN_AFTER = timedelta(days=7)
"""Where the key is had from staff no lock will ever tell; only a usage report would."""
_AFTER_FAILURE = timedelta(minutes=5)

log = structlog.get_logger()


def expire_due(session: Session, *, now: datetime, limit: int) -> int:
    """Move on up to `limit` reservations that are due; how many were looked at.

    Rows are claimed, so that two workers never have the same one. One that cannot be moved waits five minutes
    and keeps nobody else waiting.
    """
    due = session.scalars(
        sa.select(Reservation)
        .where(Reservation.next_due_at <= now)
        .order_by(Reservation.next_due_at, Reservation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    reports = _Reports(session, now)
    for reservation in due:
        try:
            with session.begin_nested():
                _move_on(session, reservation, reports, now=now)
                session.flush()
        except Exception as error:
            # Whatever it is: raised, it would undo the batch, and all that is due would wait behind one row.
            if isinstance(error, DBAPIError) and is_retryable(error):
                raise
            log.error("deadline_failed", reservation_id=str(reservation.id), error=type(error).__name__)
            session.refresh(reservation)
            reservation.next_due_at = now + _AFTER_FAILURE
            session.flush()
    return len(due)


def _move_on(session: Session, reservation: Reservation, reports: "_Reports", *, now: datetime) -> None:
    if reservation.state == State.HELD:
        # Freed only once Stripe can capture nothing; until then the loop of payments tells `attempts_closed`.
        closed = checkout.close(session, reference=reservation.id, now=now)
        if not (closed and end_hold(session, reservation, now=now)):
            reservation.next_due_at = now + ASK_AGAIN_AFTER
    elif reservation.state == State.REQUESTED:
        release(session, reservation, State.EXPIRED, now=now)
        mail.tell(session, reservation, "undecided", now=now)
    elif reservation.state == State.CONFIRMED:
        reports.settle(reservation)
    else:
        reservation.next_due_at = None


class _Reports:
    """Whether the locks have told all up to a window's end; the fleet is read once a batch and tenant."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now
        self._told_until: dict[int, Mapping[int, datetime | None]] = {}

    def settle(self, reservation: Reservation) -> None:
        """Nobody came, says every lock; or nobody knows yet."""
        places = catalogue(self._session, reservation.municipality_id)
        access_points = places.offering(reservation.offering_id).access_points
        if not access_points:
            reservation.next_due_at = self._now + STAFFED_ASKED_AGAIN_AFTER
            return
        told_until = self._of(reservation.municipality_id)
        past_end = reservation.ends_at + LATE
        told = [told_until.get(access_point) for access_point in access_points]
        if all(until is not None and until > past_end for until in told):
            move(reservation, State.NO_SHOW, now=self._now, due_at=None)
            reviews.ask(self._session, reservation, now=self._now)
        else:
            reservation.next_due_at = self._now + REPORT_ASKED_AGAIN_AFTER

    def _of(self, municipality_id: int) -> Mapping[int, datetime | None]:
        if municipality_id not in self._told_until:
            board = fleet.board(self._session, municipality_id=municipality_id, now=self._now)
            self._told_until[municipality_id] = {line.access_point_id: line.last_contact_at for line in board}
        return self._told_until[municipality_id]
