"""代行予約: staff hold a reservation for a group that came to the counter or called."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Group, Member, Role
from booking.people.signed_in import Actor, GroupOfActor
from booking.reservations.hold import hold
from booking.reservations.models import Channel, Reservation
from core import audit
from core.errors import NotThere, Refused
from core.window import Window
from payments.states import Method


class NobodyStandsForIt(Refused):
    """The group has no member whose account is in use: nobody would get the mails."""

    code = "no_representative"
    sentence = "この団体には、使えるアカウントを持つ代表者がいません。"


def hold_for(
    session: Session,
    *,
    actor: Actor,
    group_id: UUID,
    offering_id: int,
    window: Window,
    channel: Channel,
    pays_by: Method,
    request_key: str,
    now: datetime,
) -> Reservation:
    """A reservation for a group, in its representative's name, as if they had made it: the same rules hold.

    Mails go to the representative; the audit says who made it.

    Raises:
        NotThere: no such group of the municipality, or the actor is no manager.
        NobodyStandsForIt: the group has no account that could be told.
        Refused: whatever `hold` refuses.
    """
    if not actor.is_manager:
        raise NotThere("the counter")
    made = hold(
        session,
        actor=_representative(session, actor, group_id),
        group_id=group_id,
        offering_id=offering_id,
        window=window,
        request_key=request_key,
        pays_by=pays_by,
        channel=channel,
        now=now,
    )
    # A second tap finds the first one's reservation, which is in the audit already.
    if not audit.acts_on(session, municipality_id=actor.municipality_id, subjects=[str(made.id)], limit=1):
        audit.record(
            session,
            municipality_id=actor.municipality_id,
            actor=str(actor.account_id),
            act="counter.hold_for_group",
            subject=str(made.id),
            detail={"group": str(group_id), "channel": channel.value},
            now=now,
        )
    return made


def _representative(session: Session, staff: Actor, group_id: UUID) -> Actor:
    """Who stands for a group, as the one who acts; with the rights of a resident."""
    group = session.get(Group, group_id)
    if group is None or group.municipality_id != staff.municipality_id:
        raise NotThere(f"group {group_id}")
    account = session.scalar(
        sa.select(Account)
        .join(Member, Member.account_id == Account.id)
        .where(Member.group_id == group_id, Account.disabled_at.is_(None))
        .order_by(Member.is_representative.desc(), Account.mail_address)
        .limit(1)
    )
    if account is None:
        raise NobodyStandsForIt
    return Actor(
        account_id=account.id,
        municipality_id=staff.municipality_id,
        role=Role.RESIDENT,
        name=account.name,
        mail_address=account.mail_address,
        groups=(
            GroupOfActor(
                id=group.id,
                name=group.name,
                category=group.category,
                approved_from_year=group.approved_from_year,
                approved_until_year=group.approved_until_year,
                is_out_of_town=group.is_out_of_town,
                is_commercial=group.is_commercial,
                is_postpaid=group.is_postpaid,
                has_relief=True,
            ),
        ),
        catalogue_version=staff.catalogue_version,
    )
