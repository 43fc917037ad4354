"""A group's reservations: the list, one of them, paying for it, giving it up."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, reading, signed_in, writing
from booking.app.http_errors import status_of
from booking.app.parsing import number_of
from booking.app.services import current_services
from booking.app.template_words import moment
from booking.places.catalogue import catalogue
from booking.refunding import alerts, reviews
from booking.refunding.policy import stages_of, unused_percent_of
from booking.reservations import cancel as cancelling
from booking.reservations import queries
from booking.reservations.models import State
from booking.reservations.pay import require_payable, ways_of
from booking.reservations.queries import ReservationLine
from core.errors import KaihoError, NotThere, Refused, RejectedOutside, Unavailable
from locks import standing
from payments import checkout, loops, refund_list
from payments import queries as payment_queries
from payments.errors import AlreadyPaid, AttemptStanding

pages = Blueprint("reservations", __name__)

_AHEAD = (State.REQUESTED, State.HELD, State.CONFIRMED, State.USED)


@pages.get("/reservations")
@signed_in
def mine() -> ResponseReturnValue:
    """What the actor's groups have ahead of them, soonest first, and what is behind them, latest first."""
    with reading() as here:
        lines = queries.of_actor(here.session, actor=here.actor)
        ahead = [line for line in lines if line.state in _AHEAD and line.window.ends_at > here.now]
        ahead.reverse()
        ids = [line.id for line in ahead if line.state is State.CONFIRMED]
        standings = standing.standings_of(here.session, holders=ids, now=here.now)
        held = [line.id for line in ahead if line.state is State.HELD]
        awaited = payment_queries.awaited_among(here.session, references=held)
    past = [line for line in lines if line not in ahead]
    return render_template(
        "reservations/mine.html", ahead=ahead, past=past, standings=standings, awaited=awaited, now=here.now
    )


@pages.get("/reservations/<uuid:reservation_id>")
@signed_in
def one(reservation_id: UUID) -> ResponseReturnValue:
    """One reservation, as it stands."""
    return _detail(reservation_id, None)


@pages.post("/reservations/<uuid:reservation_id>/payments")
@signed_in
def pay(reservation_id: UUID) -> ResponseReturnValue:
    """Start an attempt to pay, or find the one under way, and go to its card page."""
    services = current_services()
    base = f"{services.settings.base_url.rstrip('/')}/reservations/{reservation_id}"
    try:
        with writing() as here:
            reservation, until = require_payable(
                here.session, actor=here.actor, reservation_id=reservation_id, now=here.now
            )
            line = own(here, reservation_id)
            payment = checkout.start(
                here.session,
                municipality_id=reservation.municipality_id,
                items=[checkout.Item(reservation.id, _label(line), reservation.amount_yen)],
                deadline_at=until,
                return_url=f"{base}/return",
                cancel_url=base,
                mail_address=here.actor.mail_address,
                ways=ways_of(here.session, reservation, now=here.now),
                now=here.now,
            )
        url = checkout.open_session(services.database, services.stripe, payment.id, services.clock)
    except AlreadyPaid:
        return redirect(f"{base}/return", code=303)
    except AttemptStanding as error:
        # One for several things together, or for another sum: closed at Stripe, this one can be paid alone.
        with writing() as here:
            checkout.close(here.session, reference=own(here, reservation_id).id, now=here.now)
        return _detail(reservation_id, error)
    except NotThere:
        raise
    except (Refused, Unavailable, RejectedOutside) as error:
        return _detail(reservation_id, error)
    return redirect(url, code=303)


@pages.get("/reservations/<uuid:reservation_id>/return")
@signed_in
def back_from_paying(reservation_id: UUID) -> ResponseReturnValue:
    """Where the card page leads back to: asks Stripe how it went, and believes nothing else."""
    services = current_services()
    with reading() as here:
        line = own(here, reservation_id)
        payment = checkout.live_of(here.session, reference=reservation_id)
        payment_id = payment.id if payment is not None else None
    if line.state is State.HELD and payment_id is not None:
        loops.settle_one(
            services.database, services.stripe, services.payment_callbacks, payment_id, services.clock
        )
    with reading() as here:
        line = own(here, reservation_id)
        awaited = payment_queries.awaited_of(here.session, reference=reservation_id)
    is_unpaid = line.state is State.HELD and payment_id is None
    if is_unpaid or line.state not in (State.HELD, State.CONFIRMED):
        return redirect(f"/reservations/{reservation_id}", code=303)
    return render_template("reservations/return.html", line=line, awaited=awaited, now=here.now)


@pages.get("/reservations/<uuid:reservation_id>/cancel")
@signed_in
def cancel_screen(reservation_id: UUID) -> ResponseReturnValue:
    """What giving it up would bring back, and the button."""
    return _cancel_screen(reservation_id, None)


@pages.post("/reservations/<uuid:reservation_id>/cancel")
@signed_in
def cancel(reservation_id: UUID) -> ResponseReturnValue:
    """Give it up."""
    try:
        with writing() as here:
            own(here, reservation_id)
            cancelling.cancel(
                here.session,
                actor=here.actor,
                reservation_id=reservation_id,
                # Nothing said is nothing accepted: less than all is never given back unseen.
                accepts_loss_yen=number_of(request.form, "lost_yen", least=0, most=10**9, default=0),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _cancel_screen(reservation_id, error)
    return redirect(f"/reservations/{reservation_id}", code=303)


def own(here: Here, reservation_id: UUID) -> ReservationLine:
    """A reservation of one of the actor's groups; a manager has others' in the manager pages.

    Raises:
        NotThere: there is none, or it is somebody else's.
    """
    line = queries.one(here.session, actor=here.actor, reservation_id=reservation_id)
    if here.actor.group_or_none(line.group_id) is None:
        raise NotThere(f"reservation {reservation_id}")
    return line


def _detail(reservation_id: UUID, error: KaihoError | None) -> ResponseReturnValue:
    with reading() as here:
        line = queries.one(here.session, actor=here.actor, reservation_id=reservation_id)
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        money_back = refund_list.of_reference(here.session, reference=line.id)
        review = reviews.of_reservation(here.session, line.id)
        is_ahead = line.state is State.CONFIRMED and here.now < line.window.starts_at
        alert = cancelling.alert_over(here.session, line) if is_ahead else None
        quote = cancelling.quote_here(here.session, line, now=here.now) if alert else None
        awaited = payment_queries.awaited_of(here.session, reference=line.id)
        ways = ways_of(here.session, line, now=here.now) if line.is_payable(here.now) else checkout.CARD_ONLY
        doors = standing.standings_by_access_point(here.session, holder=line.id, now=here.now)
    page = render_template(
        "reservations/one.html",
        line=line,
        is_own=here.actor.group_or_none(line.group_id) is not None,
        refunds=money_back,
        review=review,
        alert=alert,
        quote=quote,
        alert_words=alerts.WORDS,
        stages=stages_of(line.policy, line.amount_yen, line.window.starts_at),
        awaited=awaited,
        can_pay_later=ways.funds_within_days is not None,
        least_yen=checkout.LEAST_YEN,
        codes=standing.worst(door.standing for door in doors) if doors else None,
        doors=doors,
        can_cancel=_can_cancel(line, here.now),
        rules=places.rules,
        office=places.office_contact,
        error=error,
        now=here.now,
    )
    return (page, status_of(error)) if error else page


def _cancel_screen(reservation_id: UUID, error: Refused | None) -> ResponseReturnValue:
    with reading() as here:
        line = own(here, reservation_id)
        quote = cancelling.quote_here(here.session, line, now=here.now)
        awaited = payment_queries.awaited_of(here.session, reference=line.id)
    if error is None and not _can_cancel(line, here.now):
        return redirect(f"/reservations/{reservation_id}", code=303)
    page = render_template(
        "reservations/cancel.html",
        line=line,
        quote=quote,
        awaited=awaited,
        stages=stages_of(line.policy, line.amount_yen, line.window.starts_at),
        unused_percent=unused_percent_of(line.policy) if line.offering.access_points else 0,
        can_cancel=_can_cancel(line, here.now),
        error=error,
        now=here.now,
    )
    return (page, status_of(error)) if error else page


def _can_cancel(line: ReservationLine, now: datetime) -> bool:
    if line.state is State.HELD:
        return line.is_payable(now)
    return line.state in (State.REQUESTED, State.CONFIRMED) and line.window.ends_at > now


def _label(line: ReservationLine) -> str:
    """What the card page and its receipt call it."""
    place = f"{line.facility_name} {line.offering.space_name} {line.offering.name}"
    return f"{place} {moment(line.window.starts_at)}"
