"""What the locks say of a reservation that was not to be used: dead in time, silent, opened, or not yet."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.reservations.door import EARLY, LATE
from booking.reservations.models import Reservation
from locks import standing
from locks.models import EventLoss, Lock, LockEvent
from locks.standing import DoorStanding, Standing


class Said(StrEnum):
    """One access point's word."""

    OPENED = "opened"
    """Its lock opened with the code."""
    DEAD_IN_TIME = "dead_in_time"
    """The code was refused before its first second: nobody can have come in with it."""
    SILENT = "silent"
    """Its lock has reported past the end, and no opening."""
    LOG_LOST = "log_lost"
    """It has reported, but a part of its log is gone: nobody can tell."""
    NOT_YET = "not_yet"
    """It has not spoken since."""
    STAFF_GIVES = "staff_gives"
    """No lock's word: staff did not wait for it any longer, and give."""
    STAFF_REFUSES = "staff_refuses"


class Verdict(StrEnum):
    """What all access points together mean."""

    GRANTED = "granted"
    REFUSED = "refused"
    WAITING = "waiting"


Evidence = Mapping[str, Mapping[str, Any]]
"""Per access point id: {"name", "said", "at"}; `at` is when we knew it, an opening's own instant."""


def gather(session: Session, reservation: Reservation, before: Evidence, *, now: datetime) -> Evidence:
    """What each access point of a reservation says by now; what was dead in time stays so. Empty without
    codes.
    """
    doors = standing.standings_by_access_point(session, holder=reservation.id, now=now)
    opened = _openings(session, reservation)
    return {
        str(door.access_point_id): _word(session, reservation, door, opened, before, now=now)
        for door in doors
    }


def verdict_of(evidence: Evidence) -> Verdict:
    """One opening refuses; all dead or silent grants; a lost log cannot prove anything. Pure."""
    said = {Said(word["said"]) for word in evidence.values()}
    if Said.OPENED in said:
        return Verdict.REFUSED
    if not said or Said.NOT_YET in said:
        return Verdict.WAITING
    return Verdict.REFUSED if Said.LOG_LOST in said else Verdict.GRANTED


def due_after(reservation: Reservation, *, now: datetime) -> datetime:
    """When to ask again: often while codes may still die in time, then after the end, then twice an hour."""
    opens_from, past_end = reservation.starts_at - EARLY, reservation.ends_at + LATE
    if now < opens_from:
        return min(now + timedelta(minutes=5), opens_from)
    if now < past_end:
        return past_end
    return now + timedelta(minutes=30)


def _word(
    session: Session,
    reservation: Reservation,
    door: DoorStanding,
    opened: Mapping[int, datetime],
    before: Evidence,
    *,
    now: datetime,
) -> dict[str, Any]:
    known = before.get(str(door.access_point_id))
    at = now
    if door.access_point_id in opened:
        said, at = Said.OPENED, opened[door.access_point_id]
    elif known is not None and known["said"] == Said.DEAD_IN_TIME:
        return dict(known)
    elif _is_dead_in_time(door, now=now):
        said = Said.DEAD_IN_TIME
    elif door.last_contact_at is None or door.last_contact_at <= reservation.ends_at + LATE:
        said = Said.NOT_YET
    elif _has_lost_log(session, door, since=reservation.starts_at - EARLY):
        said = Said.LOG_LOST
    else:
        said = Said.SILENT
    return {"name": door.access_point_name, "said": said.value, "at": at.isoformat()}


def _is_dead_in_time(door: DoorStanding, *, now: datetime) -> bool:
    """Whether every lock had confirmed the withdrawal before the code's first second.

    Looked at afterwards, the last contact must have been before it; past the window `gone` says nothing.
    """
    if door.standing is not Standing.GONE or now > door.opens_until:
        return False
    return now < door.opens_from or (
        door.last_contact_at is not None and door.last_contact_at < door.opens_from
    )


def _openings(session: Session, reservation: Reservation) -> dict[int, datetime]:
    """The first opening with its code, by access point."""
    rows = session.execute(
        sa.select(LockEvent.access_point_id, LockEvent.at, LockEvent.detail)
        .where(LockEvent.holder == reservation.id, LockEvent.kind == "lock_operation")
        .order_by(LockEvent.at.desc())
    )
    return {point: at for point, at, detail in rows if detail.get("operation") == "unlock"}


def _has_lost_log(session: Session, door: DoorStanding, *, since: datetime) -> bool:
    return (
        session.scalar(
            sa.select(EventLoss.id)
            .join(Lock, Lock.id == EventLoss.lock_id)
            .where(Lock.access_point_id == door.access_point_id, EventLoss.noticed_at >= since)
            .limit(1)
        )
        is not None
    )
