"""The devices on which an account is signed in, and ending one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import AccountSession
from booking.people.signed_in import Actor
from core.errors import NotThere
from core.ids import token_digest


@dataclass(frozen=True, slots=True)
class Device:
    """A live session as its owner sees it; `handle` names it without being the secret."""

    handle: str
    device: str
    created_at: datetime
    expires_at: datetime
    is_this: bool


def live_of(session: Session, *, actor: Actor, token: str, now: datetime) -> list[Device]:
    """The actor's live sessions, newest first."""
    mine = token_digest(token)
    rows = session.scalars(
        sa.select(AccountSession)
        .where(
            AccountSession.account_id == actor.account_id,
            AccountSession.revoked_at.is_(None),
            AccountSession.expires_at > now,
        )
        .order_by(AccountSession.created_at.desc(), AccountSession.token_digest)
    )
    return [
        Device(row.token_digest.hex(), row.device, row.created_at, row.expires_at, row.token_digest == mine)
        for row in rows
    ]


def revoke(session: Session, *, actor: Actor, handle: str, now: datetime) -> bytes:
    """End one of the actor's sessions; doing it twice is the same. Tells its digest.

    Raises:
        NotThere: no such session, or another's.
    """
    try:
        digest = bytes.fromhex(handle)
    except ValueError:
        raise NotThere from None
    ended = session.execute(
        sa.update(AccountSession)
        .where(AccountSession.token_digest == digest, AccountSession.account_id == actor.account_id)
        .values(
            revoked_at=sa.func.coalesce(
                AccountSession.revoked_at, sa.bindparam("at", now, AccountSession.revoked_at.type)
            )
        )
        .returning(AccountSession.token_digest)
    ).first()
    if ended is None:
        raise NotThere
    return digest
