"""Messages that failed verification, kept for staff."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.models import QuarantinedMessage

KEPT_PER_SENDER = 50
_HEAD = 4096


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
