"""What a group is to the fees, and whether it pays by monthly invoice: a manager's decision with a reason."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.people.signed_in import Actor
from core import audit
from core.errors import BadInput, NotThere

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class GroupTerms:
    """What is decided about a group."""

    is_out_of_town: bool
    is_commercial: bool
    is_postpaid: bool


def set_terms(
    session: Session, *, actor: Actor, group_id: UUID, terms: GroupTerms, reason: str, now: datetime
) -> bool:
    """Decide all of it; False: it was so already, and nothing has changed.

    What is sold keeps its price, and what is charged already stays charged and is invoiced.

    Raises:
        BadInput: no reason, or one longer than `MAX_REASON`.
        NotThere: no such group of the municipality, or the actor is no manager.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise BadInput("reason", sentence=f"理由を{MAX_REASON}文字以内で書いてください。")
    group = session.scalar(
        sa.select(Group)
        .where(Group.id == group_id, Group.municipality_id == actor.municipality_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if group is None or not actor.is_manager:
        raise NotThere(f"group {group_id}")
    changed = {name: value for name, value in asdict(terms).items() if getattr(group, name) != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(group, name, value)
    session.flush()
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act="group.set_terms",
        subject=str(group_id),
        detail={"reason": reason, **changed},
        now=now,
    )
    return True


def groups(session: Session, *, municipality_id: int) -> list[Group]:
    """All groups, those that pay by invoice first, then by name."""
    return list(
        session.scalars(
            sa.select(Group)
            .where(Group.municipality_id == municipality_id)
            .order_by(Group.is_postpaid.desc(), Group.name, Group.id)
        )
    )
