"""Managers: messages that no lock has proved, as figures and hexadecimal digits; nothing of them is run."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading
from booking.app.parsing import number_of
from booking.places.access_points import facility_names, full_name
from booking.places.catalogue import catalogue
from core.clock import civil_day
from locks import quarantine

pages = Blueprint("manage_quarantine", __name__)

PAGE = 30
_SHOWN_OCTETS = 256
WHY = {
    "unknown_lock": "登録のない電子錠",
    "unknown_topic": "知らない宛先",
    "bad_envelope": "署名が合わない",
    "bad_payload": "内容を読めない",
    "unsupported": "知らない形式",
    "too_large": "大きすぎる",
    "foreign": "他の電子錠の名前",
}


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One of them, in words."""

    lock_id: str
    name: str
    """Of the access point; empty where no lock has that name."""
    why: str
    received_at: datetime
    size: int
    hex_lines: tuple[str, ...]
    is_cut: bool


@pages.get("/manage/quarantine")
@manager_only
def show_quarantine() -> ResponseReturnValue:
    """The newest first; `?page=`."""
    with reading() as here:
        page = number_of(request.args, "page", least=1, most=100_000, default=1)
        rows = quarantine.newest_of(
            here.session,
            municipality_id=here.municipality_id,
            offset=(page - 1) * PAGE,
            limit=PAGE + 1,
        )
        places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
        facility_of = facility_names(places, civil_day(here.now))
    kept = [
        KeptMessage(
            lock_id=row.message.claimed_lock,
            name=""
            if row.access_point_id is None
            else full_name(row.access_point_id, row.access_point_name or "", facility_of),
            why=WHY.get(row.message.why, row.message.why),
            received_at=row.message.received_at,
            size=row.message.size,
            hex_lines=_hex_lines(row.message.head),
            is_cut=row.message.size > _SHOWN_OCTETS,
        )
        for row in rows[:PAGE]
    ]
    return render_template(
        "manage/locks/quarantine.html", kept=kept, page=page, has_more=len(rows) > PAGE, now=here.now
    )


def _hex_lines(octets: bytes) -> tuple[str, ...]:
    shown = octets[:_SHOWN_OCTETS]
    return tuple(f"{at:04x}  {shown[at : at + 8].hex(' ')}" for at in range(0, len(shown), 8))
