"""Applications for relief, as tests make and decide them."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from booking.fees import late_relief, relief
from booking.fees.documents import Document
from booking.fees.payer import Scope
from booking.fees.relief_models import ReliefApplication
from booking.people.signed_in import Actor
from core.window import Window
from payments.ledger import Account
from payments.models import LedgerEntry, Refund
from tests.integration.booking.town import DAY, NOW, Town, window

PDF = Document("会則.pdf", "application/pdf", b"%PDF-1.7 ...")
FULL = relief.Decision(Scope.FULL, None, "市の事業への協力のため")
HALF = relief.Decision(Scope.PERCENT, 50, "規則第5条による")
BASE_ONLY = relief.Decision(Scope.BASE_ONLY, None, "規則第6条による")
REFUSAL = relief.Decision(None, None, "対象の活動ではないため")
EVENING = window(18, 20)
"""1,200 yen: base and lighting of the full gym."""


def wanted(
    first: date = DAY, last: date = DAY, reason: str = "福祉まつりの準備", document: Document | None = PDF
) -> relief.Wanted:
    return relief.Wanted(first, last, reason, document)


def ask(town: Town, *, key: str = "k" * 20, now: datetime = NOW, what: relief.Wanted | None = None) -> UUID:
    """The general group applies for DAY."""
    with town.database.transaction() as session:
        actor = town.actor(town.general, session=session)
        made = relief.apply(
            session, actor=actor, group_id=town.general, request_key=key, wanted=what or wanted(), now=now
        )
        return made.id


def decide(town: Town, application: UUID, decision: relief.Decision, *, now: datetime = NOW) -> str:
    actor = town.staff
    with town.database.transaction() as session:
        decided = relief.decide(session, actor=actor, application_id=application, decision=decision, now=now)
        return decided.state


def granted(town: Town, decision: relief.Decision = HALF) -> UUID:
    """An application for DAY with its decision."""
    application = ask(town)
    decide(town, application, decision)
    return application


def knowing(actor: Actor) -> Actor:
    """The actor as the sign-in's statement reads it once a grant is there."""
    return replace(actor, groups=tuple(replace(group, has_relief=True) for group in actor.groups))


def work(town: Town, *, now: datetime = NOW) -> int:
    """The worker's look at recent grants."""
    with town.database.transaction() as session:
        return sum(
            late_relief.catch_up(session, session.get_one(ReliefApplication, one), now=now)
            for one in late_relief.recent_grants(session, now=now)
        )


def owed(town: Town) -> list[tuple[int, str]]:
    """(yen, cause) of everything owed back."""
    with town.database.reading() as session:
        rows = session.execute(sa.select(Refund.amount_yen, Refund.cause).order_by(Refund.created_at))
        return [(amount, cause) for amount, cause in rows]


def booked(town: Town, account: Account) -> int:
    """An account's balance."""
    with town.database.reading() as session:
        total = session.scalar(
            sa.select(sa.func.sum(LedgerEntry.amount_yen)).where(LedgerEntry.account == account)
        )
        return int(total or 0)


def next_day(span: Window) -> Window:
    """The same hours a day later."""
    return Window(span.starts_at + timedelta(days=1), span.ends_at + timedelta(days=1))
