"""宛名: whom a paper is addressed to; its owner may change it once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.papers.kinds import Kind
from booking.papers.models import Paper
from booking.papers.one_line import is_one_line
from booking.papers.printing import visible
from booking.people.signed_in import Actor
from core import audit
from core.errors import BadInput, NotThere, Refused

MAX_ADDRESSEE = 80


class AddresseeFixed(Refused):
    """It was changed before; a second change would make a second original."""

    code = "addressee_fixed"
    sentence = "宛名を変えられるのは一度だけです。さらに変える必要があるときは、窓口にご相談ください。"


def change_addressee(session: Session, *, actor: Actor, paper_id: UUID, text: str, now: datetime) -> Paper:
    """Address a paper to somebody else; the name that stands already changes nothing.

    Raises:
        NotThere: there is none, the actor's groups do not own it, or it is a permit.
        BadInput: empty, longer than 80 characters, or not one printable line.
        AddresseeFixed: it was changed before.
    """
    paper = visible(session, actor=actor, paper_id=paper_id, lock=True)
    # A permit is the group's own and cannot be made out to somebody else.
    if actor.group_or_none(paper.group_id) is None or paper.kind == Kind.PERMIT:
        raise NotThere(f"paper {paper_id}")
    wanted = text.strip()
    if not is_one_line(wanted, most=MAX_ADDRESSEE):
        raise BadInput("addressee", sentence=f"宛名を1行、{MAX_ADDRESSEE}字までで入力してください。")
    if wanted == paper.addressee:
        return paper
    if paper.addressee_changed_at is not None:
        raise AddresseeFixed(str(paper_id))
    paper.addressee, paper.addressee_changed_at = wanted, now
    session.flush()
    audit.record(
        session,
        municipality_id=paper.municipality_id,
        actor=str(actor.account_id),
        act="paper.addressee",
        subject=str(paper.id),
        # Names stay on the paper, which keeps both.
        detail={"kind": paper.kind, "fiscal_year": paper.fiscal_year, "number": paper.number},
        now=now,
    )
    return paper
