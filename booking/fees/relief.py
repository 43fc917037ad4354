"""減免申請: a group asks for relief with a reason and a document; a manager decides, with a reason."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.payer import Relief, Scope, best_of
from booking.fees.relief_models import ReliefApplication
from booking.people.signed_in import GroupOfActor


def granted_for(session: Session, group_id: UUID, day: date) -> Relief | None:
    """The relief that a group was granted for a day of use: all its decisions together; None without any."""
    rows = session.execute(
        sa.select(ReliefApplication.scope, ReliefApplication.percent)
        .where(
            ReliefApplication.group_id == group_id,
            ReliefApplication.state == "granted",
            ReliefApplication.valid_from <= day,
            ReliefApplication.valid_until >= day,
        )
        .order_by(ReliefApplication.id)
    )
    return best_of(Relief.of_decision(Scope(scope), percent) for scope, percent in rows)


def relief_of(session: Session, group: GroupOfActor, day: date) -> Relief | None:
    """`granted_for` of an actor's group; asks nothing where the sign-in's statement saw no grant at all."""
    return granted_for(session, group.id, day) if group.has_relief else None
