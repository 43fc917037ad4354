"""Messages that failed verification, kept for staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.models import AccessPoint, Lock, QuarantinedMessage

KEPT_PER_SENDER = 50
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """A message with the access point of the lock it claims to be; none where no lock has that name."""

    message: QuarantinedMessage
    access_point_id: int | None
    access_point_name: str | None


def keep(session: Session, *, claimed_lock: str, why: str, message: bytes, now: datetime) -> None:
    """Keep a message's first 4 KiB; of each claimed sender only the newest 50 stay."""
    mine = QuarantinedMessage.claimed_lock == claimed_lock
    session.add(
        QuarantinedMessage(
            claimed_lock=claimed_lock, why=why, received_at=now, size=len(message), head=message[:_HEAD]
        )
    )
    session.flush()
    kept = (
        sa.select(QuarantinedMessage.id)
        .where(mine)
        .order_by(QuarantinedMessage.id.desc())
        .limit(KEPT_PER_SENDER)
        .subquery()
    )
    session.execute(
        sa.delete(QuarantinedMessage)
        .where(mine, QuarantinedMessage.id.not_in(sa.select(kept.c.id)))
        .execution_options(synchronize_session=False)
    )


def newest(session: Session, *, limit: int) -> Sequence[QuarantinedMessage]:
    """The newest messages, newest first."""
    return session.scalars(
        sa.select(QuarantinedMessage).order_by(QuarantinedMessage.id.desc()).limit(limit)
    ).all()


def newest_of(session: Session, *, municipality_id: int, offset: int = 0, limit: int) -> list[Kept]:
    """Those under the name of a municipality's lock or of none at all, newest first."""
    rows = session.execute(
        sa.select(QuarantinedMessage, AccessPoint.id, AccessPoint.name)
        .outerjoin(Lock, Lock.id == QuarantinedMessage.claimed_lock)
        .outerjoin(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .where(sa.or_(Lock.id.is_(None), Lock.municipality_id == municipality_id))
        .order_by(QuarantinedMessage.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [Kept(message, point, name) for message, point, name in rows]
