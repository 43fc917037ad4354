"""Ordering that an access point stays open, or rests, for a while; what its locks are told follows from the
orders.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere, Refused
from core.window import granule_of
from locks.models import AccessPoint, Grant
from locks.modes.models import ModeOrder
from locks.versions import bump_access_points

_AFTER_END = timedelta(seconds=30)
"""A lock's clock may be a second ahead: too early, it hears the old word and asks again in 15 minutes."""


class Mode(StrEnum):
    """`operating_mode` of a lock's `config` (protocol 4)."""

    NORMAL = "normal"
    PASSAGE = "passage"
    """Stays open."""
    VACATION = "vacation"
    """Grants and sellable starts are off, nothing is sold; staff and emergency codes open."""


class Why(StrEnum):
    """What a mode was ordered for."""

    HOLD_OPEN = "hold_open"
    SHELTER = "shelter"
    VACATION = "vacation"


class StillSold(Refused):
    """A resting lock refuses the codes of whoever has booked; their reservations come first."""

    code = "still_sold"
    sentence = "この期間に予約があります。予約を取り消してから、休止にしてください。"


def order(
    session: Session,
    *,
    municipality_id: int,
    access_point_ids: Sequence[int],
    mode: Mode,
    why: Why,
    subject: str,
    until: datetime | None,
    actor: str,
    now: datetime,
) -> None:
    """Put access points into a mode until an instant, or until somebody ends it; the newest order counts.

    Raises:
        NotThere: an access point that is not the municipality's.
        StillSold: `vacation` where a code that is sold would be refused.
    """
    wanted = sorted(set(access_point_ids))
    _require_ours(session, municipality_id, wanted)
    if mode is Mode.VACATION:
        _require_unsold(session, wanted, until=until, now=now)
    versions = bump_access_points(session, wanted, now=now)
    for access_point_id in wanted:
        lock_id, version = versions.get(access_point_id, (None, None))
        session.add(
            ModeOrder(
                municipality_id=municipality_id,
                access_point_id=access_point_id,
                mode=mode,
                why=why,
                subject=subject,
                from_at=now,
                until_at=until,
                lock_id=lock_id,
                ordered_version=version,
            )
        )
    session.flush()
    audit.record(
        session,
        municipality_id=municipality_id,
        actor=actor,
        act=f"mode.{mode}",
        subject=f"{why}:{subject}" if subject else f"{why}",
        detail={"access_points": wanted, "until": until.isoformat() if until else None},
        now=now,
    )


def end(
    session: Session,
    *,
    municipality_id: int,
    why: Why,
    subject: str = "",
    access_point_ids: Sequence[int] | None = None,
    actor: str,
    now: datetime,
) -> int:
    """End what lasts of one cause, everywhere or at these access points; how many. Again changes nothing."""
    lasting = held(session, municipality_id, access_point_ids, why, subject, now=now)
    end_these(session, lasting, actor=actor, now=now)
    return len(lasting)


def end_due(session: Session, *, limit: int = 200, now: datetime) -> int:
    """End the orders whose time is over, so that the locks are told; how many. A worker's job."""
    is_due = sa.and_(ModeOrder.ended_at.is_(None), ModeOrder.until_at <= now)
    if session.scalar(sa.select(sa.exists().where(is_due))) is not True:
        return 0
    due = session.scalars(
        sa.select(ModeOrder)
        .where(is_due)
        .order_by(ModeOrder.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    end_these(session, due, actor="system", now=now)
    return len(due)


def mode_of(session: Session, access_point_id: int, now: datetime) -> tuple[Mode, datetime | None]:
    """What an access point is to be in now, and until when that is known to last."""
    newest = session.execute(
        sa.select(ModeOrder.mode, ModeOrder.until_at)
        .where(ModeOrder.access_point_id == access_point_id, *_lasts(now))
        .order_by(ModeOrder.id.desc())
        .limit(1)
    ).first()
    return (Mode(newest.mode), newest.until_at) if newest is not None else (Mode.NORMAL, None)


def next_turn_at(session: Session, access_point_id: int, now: datetime) -> datetime | None:
    """When a lock should speak because its mode changes by itself: just after that."""
    ends_at = session.scalar(
        sa.select(sa.func.min(ModeOrder.until_at)).where(
            ModeOrder.access_point_id == access_point_id, *_lasts(now)
        )
    )
    return ends_at + _AFTER_END if ends_at is not None else None


def _lasts(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ModeOrder.ended_at.is_(None),
        ModeOrder.from_at <= now,
        sa.or_(ModeOrder.until_at.is_(None), ModeOrder.until_at > now),
    )


def held(
    session: Session,
    municipality_id: int,
    access_point_ids: Sequence[int] | None,
    why: Why,
    subject: str,
    *,
    now: datetime,
) -> list[ModeOrder]:
    """The lasting orders of one cause, held until the transaction ends."""
    statement = sa.select(ModeOrder).where(
        ModeOrder.municipality_id == municipality_id,
        ModeOrder.why == why,
        ModeOrder.subject == subject,
        *_lasts(now),
    )
    if access_point_ids is not None:
        _require_ours(session, municipality_id, access_point_ids)
        statement = statement.where(ModeOrder.access_point_id.in_(access_point_ids))
    return list(
        session.scalars(
            statement.order_by(ModeOrder.id).with_for_update().execution_options(populate_existing=True)
        )
    )


def end_these(session: Session, lasting: Sequence[ModeOrder], *, actor: str, now: datetime) -> None:
    """End orders that `held` gave; their locks hear of it with a new version."""
    if not lasting:
        return
    versions = bump_access_points(session, [each.access_point_id for each in lasting], now=now)
    for each in lasting:
        lock_id, version = versions.get(each.access_point_id, (None, None))
        each.ended_at = now
        each.ended_version = version if lock_id == each.lock_id else None
        audit.record(
            session,
            municipality_id=each.municipality_id,
            actor=actor,
            act="mode.end",
            subject=f"access_point:{each.access_point_id}",
            detail={"mode": each.mode, "why": each.why},
            now=now,
        )
    session.flush()


def _require_ours(session: Session, municipality_id: int, access_point_ids: Sequence[int]) -> None:
    # The rows order whoever orders modes there; a lock's row may not exist yet.
    found = session.scalars(
        sa.select(AccessPoint.id)
        .where(AccessPoint.id.in_(access_point_ids), AccessPoint.municipality_id == municipality_id)
        .order_by(AccessPoint.id)
        .with_for_update(key_share=True)
    ).all()
    if len(found) != len(set(access_point_ids)):
        raise NotThere("access point")


def _require_unsold(
    session: Session, access_point_ids: Sequence[int], *, until: datetime | None, now: datetime
) -> None:
    sold = sa.select(Grant.id).where(
        Grant.access_point_id.in_(access_point_ids),
        Grant.withdrawn_at.is_(None),
        Grant.granule + Grant.length >= granule_of(now),
    )
    if until is not None:
        sold = sold.where(Grant.granule <= granule_of(until))
    if session.scalar(sold.limit(1)) is not None:
        raise StillSold
