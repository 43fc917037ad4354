"""Opening schools as shelters: one manager asks, another decides, and only then anything happens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.signed_in import Actor
from booking.places import closures
from booking.places.catalogue import catalogue
from booking.places.closure_form import MAX_DAYS
from booking.places.models import Closure
from booking.shelter.doors import access_points_of
from booking.shelter.models import ShelterFacility, ShelterOpening, ShelterState
from core import audit
from core.database import insert_into
from core.errors import BadInput, NotThere, Refused
from core.window import GRANULE_S, Window, granule_of, granule_start
from locks.modes import orders
from locks.modes.orders import Mode, Why

MAX_REASON = 60


class SamePerson(Refused):
    """Who asks does not decide; the table's `two_people` holds it too."""

    code = "same_person"
    sentence = "申請した人は承認できません。ほかの管理者に承認を依頼してください。"


class DecidedAlready(Refused):
    """Somebody was quicker, or it is over."""

    code = "decided_already"
    sentence = "この申請は、すでに処理されています。"


class TimeIsOver(Refused):
    """What was asked for lies in the past by now."""

    code = "time_is_over"
    sentence = "閉鎖の期限が過ぎています。もう一度、申請してください。"


def request(
    session: Session,
    *,
    actor: Actor,
    opening_id: UUID,
    facility_ids: Sequence[int],
    reason: str,
    closes_until: datetime,
    now: datetime,
) -> ShelterOpening:
    """Ask that facilities be opened; nothing else happens. The same id again is the same request.

    `closes_until` is on the half hour; until then the facilities will be closed to residents.

    Raises:
        NotThere: a facility that is not the municipality's; an id of somebody else's request.
        BadInput: no facility, no reason, or an instant off the grid, over or too far.
    """
    reason = reason.strip()
    require_sensible(reason, closes_until, now=now)
    wanted = sorted(set(facility_ids))
    if not actor.is_manager:
        raise NotThere("shelter")
    places = catalogue(session, actor.municipality_id)
    if not wanted:
        raise BadInput("facilities", sentence="施設を選んでください。")
    if not set(wanted) <= {key for key, entry in places.facility_entries.items() if entry.spaces}:
        raise NotThere("facility")
    row = {
        "id": opening_id,
        "municipality_id": actor.municipality_id,
        "state": ShelterState.REQUESTED,
        "reason": reason,
        "closes_until": closes_until,
        "requested_by": actor.account_id,
        "requested_at": now,
    }
    made = session.scalar(
        insert_into(session, ShelterOpening).values(row).on_conflict_do_nothing().returning(ShelterOpening.id)
    )
    opening = session.get_one(ShelterOpening, opening_id)
    if opening.requested_by != actor.account_id:
        raise NotThere(f"shelter {opening_id}")
    if made is None:
        return opening
    for facility_id in wanted:
        session.add(ShelterFacility(shelter_opening_id=opening_id, facility_id=facility_id))
    session.flush()
    detail = {"facilities": wanted, "reason": reason, "closes_until": closes_until.isoformat()}
    _record(session, opening, actor, "shelter.request", detail, now=now)
    return opening


def approve(session: Session, *, actor: Actor, opening_id: UUID, now: datetime) -> ShelterOpening:
    """Agree as the second person: the facilities are closed from now on, their reservations revoked with
    all their money, and every door of them ordered to stay open. The same yes twice is one.

    Raises:
        NotThere: no such request of the municipality.
        SamePerson: the actor asked for it.
        DecidedAlready: somebody else decided, or it has ended.
        TimeIsOver: the time for which it would close is over.
    """
    opening = _held(session, actor, opening_id)
    if opening.state == ShelterState.OPEN and opening.decided_by == actor.account_id:
        return opening
    _decide(opening, actor, ShelterState.OPEN, now=now)
    if opening.closes_until <= now:
        raise TimeIsOver
    window = Window(granule_start(granule_of(now)), opening.closes_until)
    facilities = _facilities(session, opening)
    for facility in facilities:
        closure = closures.close(
            session,
            actor=actor,
            facility_id=facility.facility_id,
            space_id=None,
            window=window,
            reason=f"避難所の開設のため({opening.reason})",
            now=now,
        )
        facility.closure_id = closure.id
    session.flush()
    doors = access_points_of(session, catalogue(session, actor.municipality_id), _ids(facilities))
    points = sorted({point for of_one in doors.values() for point in of_one})
    if points:
        orders.order(
            session,
            municipality_id=opening.municipality_id,
            access_point_ids=points,
            mode=Mode.PASSAGE,
            why=Why.SHELTER,
            subject=str(opening.id),
            until=None,
            actor=str(actor.account_id),
            now=now,
        )
    detail = {"facilities": _ids(facilities), "access_points": points}
    _record(session, opening, actor, "shelter.approve", detail, now=now)
    return opening


def refuse(session: Session, *, actor: Actor, opening_id: UUID, now: datetime) -> ShelterOpening:
    """Say no as the second person; nothing happens. The same no twice is one.

    Raises:
        NotThere, SamePerson, DecidedAlready: as `approve`.
    """
    opening = _held(session, actor, opening_id)
    if opening.state == ShelterState.REFUSED and opening.decided_by == actor.account_id:
        return opening
    _decide(opening, actor, ShelterState.REFUSED, now=now)
    session.flush()
    _record(session, opening, actor, "shelter.refuse", {}, now=now)
    return opening


def end(session: Session, *, actor: Actor, opening_id: UUID, now: datetime) -> ShelterOpening:
    """End an opening: the doors lock again from their next contact on, what is left of the closures is
    lifted. One person may do that; a second time changes nothing.

    Raises:
        NotThere: no such opening of the municipality.
        DecidedAlready: it was never opened.
    """
    opening = _held(session, actor, opening_id)
    if opening.state == ShelterState.ENDED:
        return opening
    if opening.state != ShelterState.OPEN:
        raise DecidedAlready
    opening.state, opening.ended_by, opening.ended_at = ShelterState.ENDED, actor.account_id, now
    session.flush()
    for facility in _facilities(session, opening):
        closure = session.get(Closure, facility.closure_id) if facility.closure_id is not None else None
        if closure is not None and closure.ends_at > now:
            closures.lift(session, actor=actor, closure_id=closure.id, now=now)
    orders.end(
        session,
        municipality_id=opening.municipality_id,
        why=Why.SHELTER,
        subject=str(opening.id),
        actor=str(actor.account_id),
        now=now,
    )
    _record(session, opening, actor, "shelter.end", {}, now=now)
    return opening


def require_sensible(reason: str, closes_until: datetime, *, now: datetime) -> None:
    """Refuse a request that nobody could agree to.

    Raises:
        BadInput: no reason, or an instant off the grid, over or too far.
    """
    if not reason or not reason.isprintable() or len(reason) > MAX_REASON:
        raise BadInput("reason", sentence=f"理由を1行、{MAX_REASON}字までで入力してください。")
    if closes_until <= now:
        raise BadInput("closes_until", sentence="閉鎖の期限は、いまより後にしてください。")
    if closes_until.timestamp() % GRANULE_S:
        raise BadInput("closes_until", sentence="閉鎖の期限を選んでください。")
    if (closes_until - now).days >= MAX_DAYS:
        raise BadInput("closes_until", sentence=f"閉鎖の期限は{MAX_DAYS}日先までです。")


def _held(session: Session, actor: Actor, opening_id: UUID) -> ShelterOpening:
    opening = session.scalar(
        sa.select(ShelterOpening)
        .where(ShelterOpening.id == opening_id, ShelterOpening.municipality_id == actor.municipality_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if opening is None or not actor.is_manager:
        raise NotThere(f"shelter {opening_id}")
    return opening


def _decide(opening: ShelterOpening, actor: Actor, state: ShelterState, *, now: datetime) -> None:
    if opening.state != ShelterState.REQUESTED:
        raise DecidedAlready
    if opening.requested_by == actor.account_id:
        raise SamePerson
    opening.state, opening.decided_by, opening.decided_at = state, actor.account_id, now


def _facilities(session: Session, opening: ShelterOpening) -> list[ShelterFacility]:
    return list(
        session.scalars(
            sa.select(ShelterFacility)
            .where(ShelterFacility.shelter_opening_id == opening.id)
            .order_by(ShelterFacility.facility_id)
        )
    )


def _ids(facilities: Sequence[ShelterFacility]) -> list[int]:
    return [facility.facility_id for facility in facilities]


def _record(
    session: Session,
    opening: ShelterOpening,
    actor: Actor,
    act: str,
    detail: Mapping[str, object],
    *,
    now: datetime,
) -> None:
    audit.record(
        session,
        municipality_id=opening.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=f"shelter:{opening.id}",
        detail=detail,
        now=now,
    )
