"""Managers: put a new lock on an access point that has none."""

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.installing import broker_shown, shown_once
from booking.app.parsing import number_of
from booking.fleet.free_doors import free_access_points
from booking.fleet.secrets_page import secrets_page
from core.errors import BadInput, NotThere, Refused
from locks.installation import add_lock
from locks.models import AccessPoint, Transport

pages = Blueprint("lock_install", __name__)

_ADDRESS = "/manage/access-points/new-lock"


@pages.get(_ADDRESS)
@manager_only
def ask() -> ResponseReturnValue:
    """Which access point, and how it speaks."""
    with reading() as here:
        return _page(here, None)


@pages.post(_ADDRESS)
@manager_only
def add() -> ResponseReturnValue:
    """Make the lock and show once what goes into it: the answer itself is that page.

    A second tap finds the access point fitted, and makes none.
    """
    try:
        with writing() as here:
            point = _chosen(here)
            # Before there is a lock, whose secrets an error would lose.
            broker = broker_shown(here.services.settings)
            transport = Transport.HTTPS if request.form.get("transport") == "https" else Transport.MQTT
            made = add_lock(
                here.session,
                here.services.keyring,
                access_point_id=point.id,
                transport=transport,
                actor=str(here.actor.account_id),
                now=here.now,
            )
            shown = shown_once(here.services.settings, broker, made)
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error), status_of(error)
    return secrets_page(shown, access_point_name=point.name, transport=transport)


def _chosen(here: Here) -> AccessPoint:
    if not request.form.get("access_point"):
        raise BadInput("access_point", sentence="取り付ける場所を選んでください。")
    wanted = number_of(request.form, "access_point", least=1, most=2**31 - 1)
    point = here.session.scalar(
        sa.select(AccessPoint).where(
            AccessPoint.id == wanted, AccessPoint.municipality_id == here.municipality_id
        )
    )
    if point is None:
        raise NotThere(f"access point {wanted}")
    return point


def _page(here: Here, error: Refused | None) -> str:
    return render_template(
        "manage/locks/new.html",
        free=free_access_points(here.session, municipality_id=here.municipality_id),
        chosen=request.values.get("access_point", ""),
        transport=request.form.get("transport", "mqtt"),
        error=error,
    )
