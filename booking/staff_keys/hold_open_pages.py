"""Keeping a door open until a time: managers at any door of theirs, a caretaker where the staff right is
valid.
"""

from datetime import datetime, timedelta

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, signed_in, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, number_of
from booking.staff_keys.resting import require_nobody_booked
from core.clock import civil_day, start_of_day
from core.errors import BadInput, NotThere, Refused
from core.window import granule_of, granule_start
from locks.models import AccessPoint
from locks.modes import one_door, orders, progress
from locks.modes.one_door import LONGEST_HOLD_OPEN, LONGEST_REST
from locks.modes.orders import Why
from locks.staff import queries

pages = Blueprint("hold_open", __name__)

_NUMBER = "<int(max=2147483647):access_point_id>"
_DONE = {
    "held": "受け付けました。電子錠の次の通信から、開いたままになります。",
    "ended": "受け付けました。電子錠の次の通信から、通常の施錠に戻ります。",
    "resting": "休止にしました。予約は受け付けません。",
    "awake": "休止を終えました。電子錠の次の通信から、また予約を受け付けます。",
}


@pages.get(f"/manage/access-points/{_NUMBER}/hold-open")
@manager_only
def show_of_manager(access_point_id: int) -> ResponseReturnValue:
    """Whether the door is kept open, and until when it may be."""
    with reading() as here:
        return _page(here, _own(here, access_point_id))


@pages.post(f"/manage/access-points/{_NUMBER}/hold-open")
@manager_only
def hold_of_manager(access_point_id: int) -> ResponseReturnValue:
    """Keep it open."""
    return _hold(access_point_id, is_manager=True)


@pages.post(f"/manage/access-points/{_NUMBER}/hold-open/end")
@manager_only
def end_of_manager(access_point_id: int) -> ResponseReturnValue:
    """Let it lock again."""
    return _end(access_point_id, is_manager=True)


@pages.post(f"/manage/access-points/{_NUMBER}/rest")
@manager_only
def rest(access_point_id: int) -> ResponseReturnValue:
    """Let the door rest until the end of a day."""
    try:
        with writing() as here:
            point = _own(here, access_point_id)
            until = start_of_day(day_of(request.form.get("last_day", ""), now=here.now) + timedelta(days=1))
            require_nobody_booked(here.session, access_point_id=point.id, until=until, now=here.now)
            one_door.rest(
                here.session,
                municipality_id=here.municipality_id,
                access_point_id=point.id,
                until=until,
                actor=str(here.actor.account_id),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, _own(here, access_point_id), error=error), status_of(error)
    return redirect(f"{_page_of(access_point_id)}?done=resting", code=303)


@pages.post(f"/manage/access-points/{_NUMBER}/rest/end")
@manager_only
def end_rest(access_point_id: int) -> ResponseReturnValue:
    """Let holders in again."""
    with writing() as here:
        orders.end(
            here.session,
            municipality_id=here.municipality_id,
            why=Why.VACATION,
            access_point_ids=[_own(here, access_point_id).id],
            actor=str(here.actor.account_id),
            now=here.now,
        )
    return redirect(f"{_page_of(access_point_id)}?done=awake", code=303)


@pages.get(f"/my/access-points/{_NUMBER}/hold-open")
@signed_in
def show(access_point_id: int) -> ResponseReturnValue:
    """The same page for whoever has a valid staff right there."""
    with reading() as here:
        return _page(here, _reached(here, access_point_id))


@pages.post(f"/my/access-points/{_NUMBER}/hold-open")
@signed_in
def hold(access_point_id: int) -> ResponseReturnValue:
    """Keep it open."""
    return _hold(access_point_id, is_manager=False)


@pages.post(f"/my/access-points/{_NUMBER}/hold-open/end")
@signed_in
def end(access_point_id: int) -> ResponseReturnValue:
    """Let it lock again."""
    return _end(access_point_id, is_manager=False)


def _hold(access_point_id: int, *, is_manager: bool) -> ResponseReturnValue:
    try:
        with writing() as here:
            point = _own(here, access_point_id) if is_manager else _reached(here, access_point_id)
            one_door.hold_open(
                here.session,
                municipality_id=point.municipality_id,
                access_point_id=point.id,
                until=granule_start(number_of(request.form, "until", least=0, most=4_000_000)),
                actor=str(here.actor.account_id),
                now=here.now,
            )
    except BadInput as error:
        with reading() as here:
            point = _own(here, access_point_id) if is_manager else _reached(here, access_point_id)
            return _page(here, point, error=error), status_of(error)
    return redirect(f"{request.path}?done=held", code=303)


def _end(access_point_id: int, *, is_manager: bool) -> ResponseReturnValue:
    with writing() as here:
        point = _own(here, access_point_id) if is_manager else _reached(here, access_point_id)
        orders.end(
            here.session,
            municipality_id=point.municipality_id,
            why=Why.HOLD_OPEN,
            access_point_ids=[point.id],
            actor=str(here.actor.account_id),
            now=here.now,
        )
    return redirect(f"{request.path.removesuffix('/end')}?done=ended", code=303)


def _own(here: Here, access_point_id: int) -> AccessPoint:
    point = here.session.get(AccessPoint, access_point_id)
    if point is None or point.municipality_id != here.municipality_id:
        raise NotThere(f"access point {access_point_id}")
    return point


def _reached(here: Here, access_point_id: int) -> AccessPoint:
    point = _own(here, access_point_id)
    if not queries.reaches_now(
        here.session, person=here.actor.account_id, access_point_id=point.id, now=here.now
    ):
        raise NotThere(f"access point {access_point_id}")
    return point


def _page_of(access_point_id: int, *, of: str = "/manage") -> str:
    return f"{of}/access-points/{access_point_id}/hold-open"


def _page(here: Here, point: AccessPoint, *, error: Refused | None = None) -> str:
    mode, until = orders.mode_of(here.session, point.id, here.now)
    return render_template(
        "manage/staff/hold_open.html",
        point=point,
        mode=mode,
        until=until,
        held=progress.newest_at(here.session, access_point_id=point.id, why=Why.HOLD_OPEN, now=here.now),
        choices=_choices(here.now),
        action=_page_of(point.id, of="/my" if request.path.startswith("/my/") else "/manage"),
        is_manager=not request.path.startswith("/my/"),
        resting=progress.newest_at(here.session, access_point_id=point.id, why=Why.VACATION, now=here.now),
        today=civil_day(here.now),
        last_day=civil_day(here.now + LONGEST_REST) - timedelta(days=1),
        error=error,
        done=_DONE.get(request.args.get("done", "")),
        now=here.now,
    )


def _choices(now: datetime) -> list[tuple[int, datetime]]:
    """Half hours to choose from, the first at least a quarter of an hour ahead."""
    first = granule_of(now) + 1
    return [
        (granule, granule_start(granule)) for granule in range(first, granule_of(now + LONGEST_HOLD_OPEN) + 1)
    ]
