"""Who of a group is told about its application, and what."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.payer import Scope
from booking.fees.relief_models import ReliefApplication
from booking.notices import mail
from booking.people.models import Account, Group, Member


def decision_words(scope: str | None, percent: int | None) -> str:
    """A decision as a group reads it."""
    if scope is None:
        return "減免しない"
    words = {Scope.FULL: "全額免除", Scope.BASE_ONLY: "使用料のみ免除（照明・冷暖房は有料）"}
    return words.get(Scope(scope), f"{percent}%減免")


def tell_asked(session: Session, application: ReliefApplication, *, now: datetime) -> None:
    """The application has come in."""
    _tell(session, application, "relief_asked", {"due_at": application.next_due_at}, now=now)


def tell_decided(session: Session, application: ReliefApplication, *, now: datetime) -> None:
    """It is decided; a second time tells nobody again."""
    params = {
        "decision": decision_words(application.scope, application.percent),
        "is_granted": application.scope is not None,
        "reason": application.decision_reason,
    }
    _tell(session, application, "relief_decided", params, now=now)


def _tell(
    session: Session,
    application: ReliefApplication,
    template: str,
    params: dict[str, object],
    *,
    now: datetime,
) -> None:
    """To each account that may act for the group."""
    members = session.execute(
        sa.select(Account.id, Account.mail_address, Group.name)
        .join(Member, Member.account_id == Account.id)
        .join(Group, Group.id == Member.group_id)
        .where(Group.id == application.group_id, Account.disabled_at.is_(None))
        .order_by(Account.id)
    )
    period = {"valid_from": application.valid_from, "valid_until": application.valid_until}
    for account_id, address, group in members:
        mail.owe_mail(
            session,
            municipality_id=application.municipality_id,
            to=address,
            template=template,
            params={"group": group, **period, **params},
            key=f"{template}:{application.id}:{account_id}",
            now=now,
        )
