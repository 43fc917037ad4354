"""Movements on Stripe's balance that nothing of ours explains: a person says what one was, and it is booked.

Above a municipality's limit a second person has to agree. The booking and the meeting are one transaction.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import BadInput, NotThere, Refused
from payments import ledger
from payments.book_models import MovementExplanation, StripeMovement
from payments.cases import CaseKind, settle_case
from payments.ledger import Account, Line

COUNTERPARTS = (Account.BANK, Account.STRIPE_FEES, Account.SUNDRY)
"""What it may be booked against; the other accounts have rows of ours behind every yen."""
SUBJECT = "movement:"
"""Begins the subject of the case of a movement that nothing explains."""
MAX_NOTE = 300
_COUNTED_FOR = timedelta(days=1)


class ExplainedAlready(Refused):
    """Somebody or a set of ours was quicker."""

    code = "explained_already"
    sentence = "この入出金は、すでに説明がついています。"


class SamePerson(Refused):
    """Who explains it does not agree to it; the table's `two_people` holds it too."""

    code = "same_person"
    sentence = "説明した人は承認できません。ほかの管理者に依頼してください。"


def movement_of(session: Session, *, municipality_id: int, subject: str) -> StripeMovement | None:
    """The movement that a case is about and that nothing explains; None: about none, or it is explained."""
    if not subject.startswith(SUBJECT):
        return None
    return session.scalar(
        sa.select(StripeMovement).where(
            StripeMovement.id == subject.removeprefix(SUBJECT),
            StripeMovement.municipality_id == municipality_id,
            StripeMovement.matched_set.is_(None),
        )
    )


def needs_second(
    session: Session, movement: StripeMovement, *, actor: UUID, alone_up_to_yen: int, now: datetime
) -> bool:
    """Whether a second person has to agree: above the limit with what the actor booked alone within a day, or
    other money than yen, whose worth nobody here knows.
    """
    alone = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(sa.func.abs(StripeMovement.amount)), 0))
        .join(MovementExplanation, MovementExplanation.movement_id == StripeMovement.id)
        .where(
            MovementExplanation.municipality_id == movement.municipality_id,
            MovementExplanation.made_by == actor,
            MovementExplanation.needs_second.is_(False),
            MovementExplanation.made_at > now - _COUNTED_FOR,
        )
    )
    return movement.currency != "jpy" or int(alone or 0) + abs(movement.amount) > alone_up_to_yen


def explain(
    session: Session,
    *,
    municipality_id: int,
    subject: str,
    account: str,
    note: str,
    actor: UUID,
    alone_up_to_yen: int,
    now: datetime,
) -> MovementExplanation:
    """Say what a movement was: booked at once, or once a second person agrees (`needs_second`).

    The actor's account is locked: two of one person at once are both counted.

    Raises:
        ExplainedAlready: it is met, or somebody has explained it.
        BadInput: no account of `COUNTERPARTS` (other money than yen has none), no note or too long a one.
    """
    movement = _locked(session, municipality_id, subject)
    if session.get(MovementExplanation, movement.id) is not None:
        raise ExplainedAlready
    is_yen = movement.currency == "jpy"
    if is_yen and account not in COUNTERPARTS:
        raise BadInput("account", sentence="勘定科目を選んでください。")
    note = note.strip()
    if not 0 < len(note) <= MAX_NOTE:
        raise BadInput("note", sentence=f"何の入出金かを{MAX_NOTE}字以内で書いてください。")
    made = MovementExplanation(
        movement_id=movement.id,
        municipality_id=municipality_id,
        account=account if is_yen else None,
        note=note,
        needs_second=needs_second(session, movement, actor=actor, alone_up_to_yen=alone_up_to_yen, now=now),
        made_at=now,
        made_by=actor,
    )
    session.add(made)
    session.flush()
    _record(session, made, actor, "movement.explain", now)
    if not made.needs_second:
        _book(session, movement, made, actor, now)
    return made


def agree(session: Session, *, municipality_id: int, subject: str, actor: UUID, now: datetime) -> None:
    """Book it as the second person.

    Raises:
        ExplainedAlready: it is met by now.
        NotThere: nobody has explained it.
        SamePerson: who explained it does not agree to it.
    """
    movement = _locked(session, municipality_id, subject)
    waiting = _waiting(session, movement)
    if waiting.made_by == actor:
        raise SamePerson
    _book(session, movement, waiting, actor, now)


def take_back(session: Session, *, municipality_id: int, subject: str, actor: UUID, now: datetime) -> None:
    """Drop an explanation that is not booked, by whoever made it or anybody else.

    Raises:
        ExplainedAlready: it is met by now.
        NotThere: nobody has explained it.
    """
    movement = _locked(session, municipality_id, subject)
    waiting = _waiting(session, movement)
    _record(session, waiting, actor, "movement.take_back", now)
    session.delete(waiting)
    session.flush()


def _locked(session: Session, municipality_id: int, subject: str) -> StripeMovement:
    if not subject.startswith(SUBJECT):
        raise NotThere(f"movement of {subject}")
    movement = session.scalar(
        sa.select(StripeMovement)
        .where(
            StripeMovement.id == subject.removeprefix(SUBJECT),
            StripeMovement.municipality_id == municipality_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if movement is None:
        raise NotThere(f"movement of {subject}")
    if movement.matched_set is not None:
        raise ExplainedAlready
    return movement


def _waiting(session: Session, movement: StripeMovement) -> MovementExplanation:
    found = session.get(MovementExplanation, movement.id)
    if found is None:
        raise NotThere(f"explanation of {movement.id}")
    return found


def _book(
    session: Session, movement: StripeMovement, said: MovementExplanation, actor: UUID, now: datetime
) -> None:
    key = f"explained:{movement.id}"
    if said.account is not None:
        lines = [
            Line(Account.STRIPE_BALANCE, movement.amount),
            Line(Account(said.account), -movement.amount),
        ]
        ledger.post(session, municipality_id=movement.municipality_id, set_key=key, lines=lines, now=now)
    movement.matched_set = key
    said.booked_at, said.booked_by = now, actor
    session.flush()
    _record(session, said, actor, "movement.book", now)
    settle_case(
        session,
        municipality_id=movement.municipality_id,
        kind=CaseKind.SETTLEMENT,
        subject=f"{SUBJECT}{movement.id}",
        note="職員が説明し、記帳しました。",
        now=now,
    )


def _record(session: Session, said: MovementExplanation, actor: UUID, act: str, now: datetime) -> None:
    audit.record(
        session,
        municipality_id=said.municipality_id,
        actor=str(actor),
        act=act,
        subject=said.movement_id,
        detail={"account": said.account, "note": said.note},
        now=now,
    )
