"""Signing in: a process in three beats, because a password takes long to check.

A try is written down as a failure before the password is looked at, and taken back when it was right: tries
that run side by side cannot slip past the limit together. Failures count against the place they come from,
and a device on which the owner has signed in before is a place of its own: nobody else's tries ever lock the
owner out of it.
Source: OWASP Authentication Cheat Sheet (device cookies).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, AccountSession, SignInFailure
from booking.people.passwords import NOBODYS_HASH, is_password
from core.clock import Clock
from core.database import Database, retrying
from core.errors import BadInput, TooMany
from core.ids import new_token, token_digest

SIGNED_IN_FOR = timedelta(days=30)
_LOOKS_BACK = timedelta(minutes=15)
_TRIES_PER_ADDRESS = 5
"""From one place on one mail address, in 15 minutes."""
_TRIES_PER_PLACE = 30
"""From one place on any address: a school's or a library's network is one place."""
_FORGETS_AFTER = timedelta(days=1)


class WrongCredentials(BadInput):
    """Address or password is wrong; which of them is not told."""

    code = "wrong_credentials"
    sentence = "メールアドレスまたはパスワードが違います。"


class TooManyTries(TooMany):
    """This place has tried too often; it may again in a quarter of an hour."""

    code = "too_many_tries"
    sentence = "ログインの失敗が続いたため、少しお待ちください。15分後にもう一度お試しください。"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; `token` goes into the cookie and nowhere else."""

    token: str
    account_id: UUID


def sign_in(
    database: Database,
    clock: Clock,
    *,
    municipality_id: int,
    mail_address: str,
    password: str,
    place: str,
    device: str,
) -> SignedIn:
    """A session for whoever knows the password.

    `place` names where the try comes from: the network address, or the token of a known device.

    Raises:
        WrongCredentials: no such account, wrong password, or disabled; all take the same time.
        TooManyTries: too many failures from this place within 15 minutes.
    """
    mail_address = mail_address.strip().lower()
    mail, where = token_digest(mail_address), token_digest(place)

    def begin() -> tuple[int, UUID | None, str]:
        with database.transaction() as session:
            now = clock.now()
            _queue_up(session, where)
            _require_tries_left(session, mail, where, now=now)
            attempt = SignInFailure(mail_digest=mail, place_digest=where, at=now)
            session.add(attempt)
            session.flush()
            account = session.execute(
                sa.select(Account.id, Account.password_hash).where(
                    Account.municipality_id == municipality_id,
                    Account.mail_address == mail_address,
                    Account.disabled_at.is_(None),
                )
            ).first()
            return attempt.id, account and account[0], account[1] if account else NOBODYS_HASH

    attempt_id, account_id, encoded = retrying(begin)
    if not is_password(encoded, password) or account_id is None:
        raise WrongCredentials

    def finish() -> SignedIn:
        with database.transaction() as session:
            now = clock.now()
            _forgive(session, attempt_id, mail, where, now=now)
            return open_session(session, account_id=account_id, device=device, now=now)

    return retrying(finish)


def open_session(session: Session, *, account_id: UUID, device: str, now: datetime) -> SignedIn:
    """A session without a question asked; for `sign_in` and for programs that act for a sample account."""
    token = new_token()
    session.add(
        AccountSession(
            token_digest=token_digest(token),
            account_id=account_id,
            created_at=now,
            expires_at=now + SIGNED_IN_FOR,
            revoked_at=None,
            device=device[:120],
        )
    )
    return SignedIn(token, account_id)


def _queue_up(session: Session, where: bytes) -> None:
    """Let tries from one place be counted one after the other; SQLite's writers queue anyway."""
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(where[:8], "big", signed=True)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _require_tries_left(session: Session, mail: bytes, where: bytes, *, now: datetime) -> None:
    on_mail, in_all = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(sa.case((SignInFailure.mail_digest == mail, 1), else_=0)), 0),
            sa.func.count(),
        ).where(SignInFailure.place_digest == where, SignInFailure.at > now - _LOOKS_BACK)
    ).one()
    if on_mail >= _TRIES_PER_ADDRESS or in_all >= _TRIES_PER_PLACE:
        raise TooManyTries


def _forgive(session: Session, attempt_id: int, mail: bytes, where: bytes, *, now: datetime) -> None:
    """Take the try back, with the owner's earlier slips from here; drop what is too old to count."""
    session.execute(
        sa.delete(SignInFailure).where(
            sa.or_(
                SignInFailure.id == attempt_id,
                sa.and_(SignInFailure.mail_digest == mail, SignInFailure.place_digest == where),
                SignInFailure.at < now - _FORGETS_AFTER,
            )
        )
    )
