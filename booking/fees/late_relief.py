"""A decision that comes after the booking: what is sold becomes cheaper, what was paid too much goes back.

What was charged stays as it was sold; only relief is added to the frozen lines, so nothing gets dearer. The
worker looks at recent grants again, and at those before whose decision something was booked that was paid
lately: a payment under way at the decision ends before its price may change (a slip is out for as long as the
town likes), and a hold made in the same instant may not have seen the grant.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.lines import FeeLine, frozen_lines, relief_yen_of, relieved
from booking.fees.payer import Relief, Scope
from booking.fees.relief_models import ReliefApplication
from booking.fees.relief_states import ReliefState
from booking.reservations import claims
from booking.reservations.confirm import confirm
from booking.reservations.models import Reservation, State
from booking.reservations.queries import locked
from booking.reservations.refusals import NotSellableNow, ZeroFeeLimit
from booking.reservations.selling import require_sellable
from core.clock import start_of_day
from payments import checkout, refunds
from payments.cases import About, CaseKind, open_case
from payments.relief import post_relief

_LOOKED_AT_FOR = timedelta(days=8)
"""A hold after an approval is paid within days, and konbini takes days more."""
_ASKED_AGAIN_AFTER = timedelta(days=1)
_UNPAID = frozenset({State.REQUESTED, State.HELD})
_PAID = frozenset({State.CONFIRMED, State.USED, State.NO_SHOW})


def catch_up(session: Session, application: ReliefApplication, *, now: datetime) -> int:
    """Give what is booked for the days of a grant its relief; how many became cheaper. Again: none."""
    if application.state != ReliefState.GRANTED or application.scope is None:
        return 0
    relief = Relief.of_decision(Scope(application.scope), application.percent)
    booked = session.execute(
        sa.select(Reservation.id, Reservation.fee_lines, Reservation.amount_yen)
        .where(
            Reservation.group_id == application.group_id,
            Reservation.starts_at >= start_of_day(application.valid_from),
            Reservation.starts_at < start_of_day(application.valid_until + timedelta(days=1)),
            Reservation.state.in_(_UNPAID | _PAID),
        )
        .order_by(Reservation.id)
    ).all()
    dearer = [id_ for id_, lines, amount in booked if _sum(relieved(frozen_lines(lines), relief)) < amount]
    return sum(_cheapen(session, application, one, relief, now=now) for one in dearer)


def recent_grants(session: Session, *, now: datetime) -> list[UUID]:
    """Applications whose reservations are worth another look."""
    since = now - _LOOKED_AT_FOR
    paid_lately = sa.exists().where(
        Reservation.group_id == ReliefApplication.group_id,
        Reservation.state.in_(_PAID),
        Reservation.state_changed_at > since,
        Reservation.created_at <= ReliefApplication.decided_at,
        Reservation.amount_yen > 0,
    )
    return list(
        session.scalars(
            sa.select(ReliefApplication.id)
            .where(
                ReliefApplication.state == ReliefState.GRANTED,
                sa.or_(ReliefApplication.decided_at > since, paid_lately),
            )
            .order_by(ReliefApplication.id)
        )
    )


def open_overdue(session: Session, *, now: datetime, limit: int) -> int:
    """Make a case of every application that nobody has decided in time; asked again every day."""
    overdue = session.scalars(
        sa.select(ReliefApplication)
        .where(ReliefApplication.state == ReliefState.ASKED, ReliefApplication.next_due_at <= now)
        .order_by(ReliefApplication.next_due_at, ReliefApplication.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for application in overdue:
        about = About(str(application.id), detail={"asked_at": application.asked_at.isoformat()})
        open_case(
            session,
            municipality_id=application.municipality_id,
            kind=CaseKind.RELIEF,
            about=about,
            now=now,
        )
        application.next_due_at = now + _ASKED_AGAIN_AFTER
    session.flush()
    return len(overdue)


def _cheapen(
    session: Session,
    application: ReliefApplication,
    reservation_id: UUID,
    relief: Relief,
    *,
    now: datetime,
) -> bool:
    reservation = locked(session, reservation_id)
    if reservation is None:
        return False
    before = frozen_lines(reservation.fee_lines)
    after = relieved(before, relief)
    less = reservation.amount_yen - _sum(after)
    if less <= 0:
        return False
    if reservation.state in _PAID:
        _freeze(reservation, after)
        session.flush()
        cause = f"relief:{application.id}"
        # Some may have gone back before, for another reason: never more than there is.
        left = refunds.left_of(session, references=[reservation.id])[reservation.id]
        refunds.owe(session, reference=reservation.id, amount_yen=min(less, left), cause=cause, now=now)
        post_relief(
            session,
            municipality_id=reservation.municipality_id,
            reference=reservation.id,
            relief_yen=relief_yen_of(after) - relief_yen_of(before),
            decision=application.id,
            now=now,
        )
        return True
    return _requote(session, reservation, after, now=now)


def _requote(
    session: Session, reservation: Reservation, after: tuple[FeeLine, ...], *, now: datetime
) -> bool:
    """A lower price for what is not paid; not while somebody may be paying the old one."""
    if reservation.state == State.HELD:
        if reservation.cancel_asked_at is not None or _may_be_paid(session, reservation):
            return False
        if not _sum(after):
            return _give_free(session, reservation, after, now=now)
    elif reservation.state != State.REQUESTED:
        return False
    _freeze(reservation, after)
    session.flush()
    return True


def _give_free(
    session: Session, reservation: Reservation, after: tuple[FeeLine, ...], *, now: datetime
) -> bool:
    """Nothing is left to pay: confirmed at once, where the rules of free ones and the locks allow."""
    try:
        claims.require_free_one(session, group_id=reservation.group_id, starts_at=reservation.starts_at)
        require_sellable(session, reservation, now=now)
    except (ZeroFeeLimit, NotSellableNow):
        return False
    _freeze(reservation, after)
    confirm(session, reservation, now=now)
    return True


def _may_be_paid(session: Session, reservation: Reservation) -> bool:
    return checkout.live_of(session, reference=reservation.id) is not None


def _freeze(reservation: Reservation, after: tuple[FeeLine, ...]) -> None:
    reservation.fee_lines = [line.as_json() for line in after]
    reservation.amount_yen = _sum(after)


def _sum(lines: tuple[FeeLine, ...]) -> int:
    return sum(line.amount_yen for line in lines)
