"""Courts that are not to be had: what was there is revoked with its money, and the granules are claimed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue
from booking.places.models import Closure
from booking.reservations import claims
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.release import release
from booking.reservations.states import OPEN
from core import audit
from core.errors import BadInput, ContractBroken, NotThere
from core.window import Window
from payments import checkout, refunds

_ROUNDS = 20
"""A closure competes with holds being made; a round loses only to one that has just been committed."""


def close(
    session: Session,
    *,
    actor: Actor,
    facility_id: int,
    space_id: int | None,
    window: Window,
    reason: str,
    now: datetime,
) -> Closure:
    """Close a space, or a whole facility where `space_id` is None, for a window on the 30-minute grid.

    Reservations there are revoked with a full refund and a mail; what is in use stays. One transaction, so
    that no hold can come between.

    Raises:
        NotThere: no such facility or space of the municipality, or the actor is no manager.
        BadInput: the window is off the grid, or there is no reason.
    """
    reason = reason.strip()
    if not window.is_aligned or not 0 < len(reason) <= 80:
        raise BadInput("closure", sentence="日時と理由（80文字以内）を確認してください。")
    places = _places(session, actor)
    courts = _courts(places, facility_id, space_id)
    closure = Closure(
        municipality_id=actor.municipality_id,
        facility_id=facility_id,
        space_id=space_id,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        reason=reason,
    )
    session.add(closure)
    session.flush()
    revoked = _claim(session, closure, courts, window, reason=reason, now=now)
    _record(session, actor, closure, "closure.close", {"reason": reason, "revoked": len(revoked)}, now=now)
    return closure


def lift(session: Session, *, actor: Actor, closure_id: int, now: datetime) -> Closure:
    """End a closure before its time; lifting it again changes nothing. What it had revoked stays revoked.

    Raises:
        NotThere: no such closure of the municipality, or the actor is no manager.
    """
    places = _places(session, actor)
    closure = session.scalar(
        sa.select(Closure)
        .where(Closure.id == closure_id, Closure.municipality_id == actor.municipality_id)
        .with_for_update()
    )
    if closure is None:
        raise NotThere(f"closure {closure_id}")
    if closure.lifted_at is not None:
        return closure
    closure.lifted_at = now
    session.flush()
    session.execute(sa.delete(Claim).where(Claim.closure_id == closure.id))
    _claim_for_others(session, places, closure)
    _record(session, actor, closure, "closure.lift", {}, now=now)
    return closure


def of_municipality(session: Session, *, municipality_id: int, since: datetime) -> list[Closure]:
    """Closures in force that end after `since`, by start."""
    return list(
        session.scalars(
            sa.select(Closure)
            .where(
                Closure.municipality_id == municipality_id,
                Closure.lifted_at.is_(None),
                Closure.ends_at > since,
            )
            .order_by(Closure.starts_at, Closure.id)
        )
    )


def _places(session: Session, actor: Actor) -> Catalogue:
    if not actor.is_manager:
        raise NotThere("closures")
    return catalogue(session, actor.municipality_id)


def _courts(places: Catalogue, facility_id: int, space_id: int | None) -> list[int]:
    entry = places.facility_entries.get(facility_id)
    if entry is None:
        raise NotThere(f"facility {facility_id}")
    spaces = [space for space in entry.spaces if space_id is None or space.id == space_id]
    if not spaces:
        raise NotThere(f"space {space_id}")
    return sorted(court.id for space in spaces for court in space.courts)


def _claim(
    session: Session, closure: Closure, courts: Sequence[int], window: Window, *, reason: str, now: datetime
) -> list[UUID]:
    """Revoke and claim until nothing that could be revoked has a granule; who was revoked."""
    revoked: list[UUID] = []
    for _ in range(_ROUNDS):
        found = _in_the_way(session, closure.municipality_id, courts, window)
        for reservation in found:
            _revoke(session, reservation, reason=reason, now=now)
            revoked.append(reservation.id)
        claims.take_for_closure(
            session,
            municipality_id=closure.municipality_id,
            courts=courts,
            window=window,
            closure_id=closure.id,
        )
        if not _in_the_way(session, closure.municipality_id, courts, window):
            return revoked
    raise ContractBroken("a closure that never got its granules")


def _in_the_way(
    session: Session, municipality_id: int, courts: Sequence[int], window: Window
) -> list[Reservation]:
    owners = sa.select(Claim.reservation_id).where(
        Claim.municipality_id == municipality_id,
        Claim.court_id.in_(courts),
        Claim.granule >= window.granules.start,
        Claim.granule < window.granules.stop,
        Claim.reservation_id.is_not(None),
    )
    return list(
        session.scalars(
            sa.select(Reservation)
            .where(Reservation.id.in_(owners), Reservation.state.in_(OPEN))
            .order_by(Reservation.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _revoke(session: Session, reservation: Reservation, *, reason: str, now: datetime) -> None:
    was_paid = reservation.state == State.CONFIRMED and reservation.amount_yen > 0
    was_held = reservation.state == State.HELD
    release(session, reservation, State.REVOKED, now=now, reason=reason)
    if was_held:
        # Should money come all the same, `payment_settled` gives it back.
        checkout.close(session, reference=reservation.id, now=now)
    back = refunds.owe_rest(session, reference=reservation.id, cause="revoked", now=now) if was_paid else 0
    mail.tell(session, reservation, "revoked", reason=reason, refund_yen=back, now=now)


def _claim_for_others(session: Session, places: Catalogue, lifted: Closure) -> None:
    """Closures that overlapped the lifted one get what it had had before them."""
    for other in session.scalars(
        sa.select(Closure)
        .where(
            Closure.municipality_id == lifted.municipality_id,
            Closure.facility_id == lifted.facility_id,
            Closure.lifted_at.is_(None),
            Closure.starts_at < lifted.ends_at,
            Closure.ends_at > lifted.starts_at,
        )
        .order_by(Closure.id)
    ).all():
        claims.take_for_closure(
            session,
            municipality_id=other.municipality_id,
            courts=_courts(places, other.facility_id, other.space_id),
            window=Window(other.starts_at, other.ends_at),
            closure_id=other.id,
        )


def _record(
    session: Session, actor: Actor, closure: Closure, act: str, detail: dict[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        municipality_id=closure.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=f"closure:{closure.id}",
        detail=detail,
        now=now,
    )
