"""Keep an offering's courts for a group while it pays: the hot path, five statements after the sign-in's."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.quote import Quote, quote
from booking.fees.relief import relief_of
from booking.notices import mail
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue, OfferingEntry, Rules
from booking.refunding import policy
from booking.reservations import claims, rules
from booking.reservations.confirm import due_after, give_rights
from booking.reservations.models import Channel, Reservation, State
from booking.reservations.refusals import (
    GroupNotApproved,
    NotSellableNow,
    PostpaidNotAllowed,
    SlotClosed,
    SlotTaken,
    TooLateForApproval,
    TooManyHolds,
    ZeroFeeLimit,
)
from booking.reservations.states import require_due
from core.clock import civil_day
from core.errors import NotThere
from core.ids import new_id
from core.window import Window
from locks import grants
from locks.errors import NotSellable
from payments.checkout import LEAST_YEN
from payments.states import Method

DECIDED_WITHIN = timedelta(days=7)
DECIDED_BEFORE_START = timedelta(hours=24)
"""An approval is asked until the earlier of the two (design.md 4)."""

_INSERT = sa.insert(Reservation.__table__)  # type: ignore[arg-type]


def hold(
    session: Session,
    *,
    actor: Actor,
    group_id: UUID,
    offering_id: int,
    window: Window,
    request_key: str,
    pays_by: Method = Method.STRIPE,
    channel: Channel = Channel.ONLINE,
    now: datetime,
) -> Reservation:
    """A reservation for a group of the actor: held; requested where an approval is wanted; confirmed if free.

    Paid by invoice (後納), it is confirmed at once as well.

    The same `request_key` of the same group again gives the same reservation, whatever else is asked.

    Raises:
        NotThere: the group is not the actor's, or there is no such offering.
        Misaligned, NotOffered, TooLong, Ended, TooFarAhead: see `rules.require_offered`.
        GroupNotApproved: its registration does not cover the fiscal year of the use.
        TooLateForApproval: an approval is wanted and the start is too near.
        TooManyHolds: the group has as many unsettled reservations as the rule allows.
        PostpaidNotAllowed: by invoice, and the group is not approved for it.
        ZeroFeeLimit: a third reservation of the same start for which nothing is paid before.
        SlotClosed, SlotTaken: a closure or another reservation has a part; the claims' primary key decides.
        NotSellableNow: a lock could not know the code in time.

    Source: design.md 4, lock-protocol.md 6.
    """
    group = actor.group_or_none(group_id)
    if group is None:
        raise NotThere(f"group {group_id}")
    places = catalogue(session, actor.municipality_id, version=actor.catalogue_version)
    rules.require_offered(places, offering_id, window, now=now)
    offering = places.offering(offering_id)
    if not group.is_approved_on(civil_day(window.starts_at)):
        raise GroupNotApproved()
    if pays_by is Method.INVOICE and not group.is_postpaid:
        raise PostpaidNotAllowed()
    price = quote(
        places,
        offering_id=offering_id,
        window=window,
        payer=group.payer,
        relief=relief_of(session, group, civil_day(window.starts_at)),
    )
    first_yen = 0 if pays_by is Method.INVOICE else price.amount_yen
    state, due_at, pay_until = _beginning(places.rules, offering, window, first_yen, now=now)
    found = _look(session, places, offering, window, group_id, request_key, first_yen)
    if found is not None:
        return found
    try:
        grants.require_sellable(
            session, access_point_ids=offering.access_points, courts=offering.courts, window=window, now=now
        )
    except NotSellable as error:
        raise NotSellableNow(error.why, str(error)) from error
    reservation = Reservation(
        id=new_id(now),
        municipality_id=actor.municipality_id,
        offering_id=offering_id,
        group_id=group_id,
        account_id=actor.account_id,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        state=state,
        channel=channel,
        created_at=now,
        state_changed_at=now,
        next_due_at=due_at,
        pay_until=pay_until,
        request_key=request_key,
        pays_by=pays_by,
        **_as_sold(places, offering, price, window, now=now),
    )
    if not claims.take_new(
        session,
        municipality_id=actor.municipality_id,
        courts=offering.courts,
        window=window,
        reservation_id=reservation.id,
        group_id=group_id,
        request_key=request_key,
        amount_yen=first_yen,
        max_holds=places.rules.max_holds_per_group,
    ):
        found = _look(session, places, offering, window, group_id, request_key, first_yen)
        if found is None:
            raise SlotTaken()
        return found
    session.execute(_INSERT, _values(reservation))
    _tell(session, reservation, offering, now=now)
    return reservation


def _beginning(
    town: Rules, offering: OfferingEntry, window: Window, amount_yen: int, *, now: datetime
) -> tuple[State, datetime, datetime | None]:
    """The first state, when the worker looks at it, and until when it may be paid."""
    if offering.approval_required:
        due_at = min(now + DECIDED_WITHIN, window.starts_at - DECIDED_BEFORE_START)
        if due_at <= now:
            raise TooLateForApproval()
        return State.REQUESTED, due_at, None
    if not amount_yen:
        return State.CONFIRMED, due_after(window.ends_at), None
    pay_until = now + timedelta(seconds=town.hold_for_s)
    if amount_yen < LEAST_YEN:
        # No card pays so little: somebody has to come to the counter.
        latest = now + timedelta(seconds=town.pay_after_approval_for_s)
        pay_until = max(pay_until, min(latest, window.starts_at))
    return State.HELD, pay_until, pay_until


def _look(
    session: Session,
    places: Catalogue,
    offering: OfferingEntry,
    window: Window,
    group_id: UUID,
    request_key: str,
    amount_yen: int,
) -> Reservation | None:
    """The reservation of the same request, or None where nothing stands in the way of a new one."""
    seen = claims.look(
        session,
        municipality_id=places.municipality_id,
        courts=offering.courts,
        window=window,
        group_id=group_id,
        request_key=request_key,
    )
    if seen.same is not None:
        return session.get_one(Reservation, seen.same)
    if seen.closed:
        raise SlotClosed()
    if seen.holds >= places.rules.max_holds_per_group:
        raise TooManyHolds()
    if not amount_yen and seen.free_ones >= claims.MAX_FREE_PER_START:
        raise ZeroFeeLimit()
    if seen.taken:
        raise SlotTaken()
    return None


def _as_sold(
    places: Catalogue, offering: OfferingEntry, price: Quote, window: Window, *, now: datetime
) -> dict[str, object]:
    """What is frozen into a reservation: price with its lines, cancellation policy."""
    return {
        "amount_yen": price.amount_yen,
        "fee_lines": [line.as_json() for line in price.lines],
        "policy": policy.as_sold(places, offering, window, now=now),
    }


def _values(reservation: Reservation) -> dict[str, object]:
    require_due(State(reservation.state), reservation.next_due_at)
    return {column.key: getattr(reservation, column.key) for column in Reservation.__table__.columns}


def _tell(session: Session, reservation: Reservation, offering: OfferingEntry, *, now: datetime) -> None:
    if reservation.state == State.CONFIRMED:
        give_rights(session, reservation, offering, now=now)
    elif reservation.state == State.HELD:
        mail.tell(session, reservation, "made", pay_by=reservation.pay_until, now=now)
    else:
        mail.tell(session, reservation, "requested", now=now)
