"""警報・熱中症警戒アラート: declared by managers; who gives up before the start gets its money back.

Source: field.md 2 (heat alerts: no report before the start, no refund).
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.notices.texts import window_in_words
from booking.people.models import Account
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.models import Municipality, Offering, Space
from booking.refunding.models import AlertDay
from booking.reservations.models import Reservation, State
from core import audit
from core.clock import civil_day
from core.errors import BadInput, NotThere
from core.window import Window

MAX_NOTE = 200
MAX_DAYS = 14


class AlertKind(StrEnum):
    """What is warned of."""

    HEAT = "heat"
    STORM = "storm"
    SNOW = "snow"
    OTHER = "other"


WORDS: dict[AlertKind, str] = {
    AlertKind.HEAT: "熱中症警戒アラート",
    AlertKind.STORM: "暴風・大雨の警報",
    AlertKind.SNOW: "大雪の警報",
    AlertKind.OTHER: "臨時の警戒",
}


def declare(
    session: Session,
    *,
    actor: Actor,
    kind: AlertKind,
    facility_id: int | None,
    window: Window,
    note: str,
    now: datetime,
) -> AlertDay:
    """Declare an alert for everywhere (None) or one facility; those with a start in it are told by mail.

    The same alert again while it stands is the same one.

    Raises:
        NotThere: no such facility of the municipality, or the actor is no manager.
        BadInput: it is over already, too long, or its note is.
    """
    _require_manager(actor)
    note = note.strip()
    if window.ends_at <= now or (window.ends_at - window.starts_at).days > MAX_DAYS:
        raise BadInput("window", sentence=f"これから終わる、{MAX_DAYS}日以内の期間にしてください。")
    if len(note) > MAX_NOTE or not (note.isprintable() or not note):
        raise BadInput("note", sentence=f"補足は1行、{MAX_NOTE}字までで入力してください。")
    if (
        facility_id is not None
        and facility_id not in catalogue(session, actor.municipality_id).facility_entries
    ):
        raise NotThere(f"facility {facility_id}")
    # Two taps at once: the second waits here and finds what the first has made.
    session.scalar(
        sa.select(Municipality.id)
        .where(Municipality.id == actor.municipality_id)
        .with_for_update(key_share=True)
    )
    same = session.scalar(
        sa.select(AlertDay).where(
            AlertDay.municipality_id == actor.municipality_id,
            AlertDay.kind == kind,
            AlertDay.facility_id.is_not_distinct_from(facility_id),
            AlertDay.starts_at == window.starts_at,
            AlertDay.ends_at == window.ends_at,
            AlertDay.withdrawn_at.is_(None),
        )
    )
    if same is not None:
        return same
    alert = AlertDay(
        municipality_id=actor.municipality_id,
        kind=kind,
        facility_id=facility_id,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        declared_at=now,
        declared_by=actor.account_id,
        note=note,
    )
    session.add(alert)
    session.flush()
    told = _tell(session, alert, "alert_declared", now=now)
    detail = {"kind": kind.value, "facility": facility_id, "told": told, "note": note}
    detail |= {"from": window.starts_at.isoformat(), "until": window.ends_at.isoformat()}
    _record(session, actor, alert, "alert.declare", detail, now=now)
    return alert


def withdraw(session: Session, *, actor: Actor, alert_id: int, now: datetime) -> AlertDay:
    """Take an alert back: from now on giving up costs as sold again; a second time changes nothing.

    Raises:
        NotThere: no such alert of the municipality, or the actor is no manager.
    """
    _require_manager(actor)
    alert = session.scalar(
        sa.select(AlertDay)
        .where(AlertDay.id == alert_id, AlertDay.municipality_id == actor.municipality_id)
        .with_for_update()
    )
    if alert is None:
        raise NotThere(f"alert {alert_id}")
    if alert.withdrawn_at is not None:
        return alert
    alert.withdrawn_at = now
    session.flush()
    told = _tell(session, alert, "alert_withdrawn", now=now)
    _record(session, actor, alert, "alert.withdraw", {"told": told}, now=now)
    return alert


def covering(
    session: Session, *, municipality_id: int, facility_id: int, starts_at: datetime
) -> AlertDay | None:
    """The alert that stands over a start at a facility, the earliest declared."""
    return session.scalar(
        sa.select(AlertDay)
        .where(
            AlertDay.municipality_id == municipality_id,
            AlertDay.withdrawn_at.is_(None),
            sa.or_(AlertDay.facility_id.is_(None), AlertDay.facility_id == facility_id),
            AlertDay.starts_at <= starts_at,
            AlertDay.ends_at > starts_at,
        )
        .order_by(AlertDay.declared_at, AlertDay.id)
        .limit(1)
    )


def of_municipality(session: Session, *, municipality_id: int, limit: int = 50) -> list[AlertDay]:
    """Alerts, those that begin last first."""
    return list(
        session.scalars(
            sa.select(AlertDay)
            .where(AlertDay.municipality_id == municipality_id)
            .order_by(AlertDay.starts_at.desc(), AlertDay.id.desc())
            .limit(limit)
        )
    )


def _tell(session: Session, alert: AlertDay, template: str, *, now: datetime) -> int:
    """Owe one mail to each account with starts still to come in it; how many."""
    rows = session.execute(
        sa.select(Reservation, Account.mail_address, Account.name, Space.facility_id, Space.name)
        .join(Account, Account.id == Reservation.account_id)
        .join(Offering, Offering.id == Reservation.offering_id)
        .join(Space, Space.id == Offering.space_id)
        .where(
            Reservation.municipality_id == alert.municipality_id,
            Reservation.state == State.CONFIRMED,
            Reservation.starts_at >= max(alert.starts_at, now),
            Reservation.starts_at < alert.ends_at,
            sa.true() if alert.facility_id is None else Space.facility_id == alert.facility_id,
        )
        .order_by(Reservation.starts_at, Reservation.id)
    ).all()
    places = catalogue(session, alert.municipality_id)
    lines: dict[tuple[UUID, str, str], list[str]] = defaultdict(list)
    for reservation, address, name, facility_id, space in rows:
        facility = places.facility_name(facility_id, on=civil_day(reservation.starts_at))
        when = window_in_words(reservation.starts_at, reservation.ends_at)
        lines[reservation.account_id, address, name].append(f"・{when} {facility} {space}")
    title = WORDS[AlertKind(alert.kind)]
    for (account_id, address, name), own in lines.items():
        mail.owe_mail(
            session,
            municipality_id=alert.municipality_id,
            to=address,
            template=template,
            params={"name": name, "title": title, "note": alert.note, "lines": "\n".join(own)},
            key=f"{template}:{alert.id}:{account_id}",
            now=now,
        )
    return len(lines)


def _require_manager(actor: Actor) -> None:
    if not actor.is_manager:
        raise NotThere("alerts")


def _record(
    session: Session, actor: Actor, alert: AlertDay, act: str, detail: Mapping[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=alert.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=f"alert:{alert.id}",
        detail=detail,
        now=now,
    )
