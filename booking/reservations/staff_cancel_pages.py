"""A manager takes one reservation back: a reason is asked, all the money returns, the group is told why."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.reservations import cancel as cancelling
from booking.reservations import queries
from booking.reservations.models import State
from booking.reservations.queries import ReservationLine
from core.errors import NotThere, Refused

pages = Blueprint("staff_cancel", __name__)

TAKEN_BACK = (State.REQUESTED, State.HELD, State.CONFIRMED)
"""What staff may cancel while its window is not over."""


@pages.get("/manage/reservations/<uuid:reservation_id>/cancel")
@manager_only
def show(reservation_id: UUID) -> ResponseReturnValue:
    """What would be taken back, what returns, and the question why."""
    with reading() as here:
        line = _others(here, reservation_id)
        if line.state not in TAKEN_BACK or line.window.ends_at <= here.now:
            return redirect(f"/reservations/{reservation_id}", code=303)
        return _page(here, line, None)


@pages.post("/manage/reservations/<uuid:reservation_id>/cancel")
@manager_only
def take_back(reservation_id: UUID) -> ResponseReturnValue:
    """Cancel it, for a reason."""
    reason = request.form.get("reason", "")
    try:
        with writing() as here:
            _others(here, reservation_id)
            cancelling.cancel(
                here.session, actor=here.actor, reservation_id=reservation_id, reason=reason, now=here.now
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, _others(here, reservation_id), error), status_of(error)
    return redirect(f"/reservations/{reservation_id}", code=303)


def _others(here: Here, reservation_id: UUID) -> ReservationLine:
    """A reservation that is not of the manager's own group: giving up one's own goes by the policy as sold.

    Raises:
        NotThere: there is none, it is another municipality's, or one's own.
    """
    line = queries.one(here.session, actor=here.actor, reservation_id=reservation_id)
    if here.actor.group_or_none(line.group_id) is not None:
        raise NotThere(f"reservation {reservation_id} is one's own")
    return line


def _page(here: Here, line: ReservationLine, error: Refused | None) -> str:
    return render_template(
        "manage/cancel.html",
        line=line,
        quote=cancelling.quote_here(here.session, line, now=here.now, is_staff=True),
        reason=request.form.get("reason", ""),
        error=error,
        now=here.now,
    )
