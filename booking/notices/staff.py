"""Whom at the office a mail to staff goes to."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Role


def managers(session: Session, *, municipality_id: int) -> Sequence[tuple[UUID, str]]:
    """Account and address of every manager who may still sign in, always in the same order."""
    rows = session.execute(
        sa.select(Account.id, Account.mail_address)
        .where(
            Account.municipality_id == municipality_id,
            Account.role == Role.MANAGER,
            Account.disabled_at.is_(None),
        )
        .order_by(Account.id)
    )
    return [(account_id, address) for account_id, address in rows]
