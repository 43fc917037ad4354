"""発行者: who stands on the papers, from a day on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.models import Issuer
from booking.papers.one_line import is_one_line
from booking.people.signed_in import Actor
from core import audit
from core.clock import civil_day
from core.errors import BadInput, Refused

LENGTHS = {"name": 80, "department": 120, "address": 120, "telephone": 20}
WORDS = {"name": "発行者名", "department": "担当", "address": "所在地", "telephone": "電話番号"}
MAX_CONDITIONS = 30
MAX_CONDITION = 120


class NoIssuer(Refused):
    """Nobody stands on papers yet."""

    code = "no_issuer"
    sentence = "書類の発行者がまだ設定されていないため、発行できません。窓口にお問い合わせください。"


@dataclass(frozen=True, slots=True)
class IssuerWords:
    """What a manager typed, made plain."""

    name: str
    department: str
    address: str
    telephone: str
    registration_number: str | None
    permit_conditions: str


def issuers(session: Session, *, municipality_id: int) -> Sequence[Issuer]:
    """All issuers of a municipality, the newest first."""
    return session.scalars(
        sa.select(Issuer).where(Issuer.municipality_id == municipality_id).order_by(Issuer.valid_from.desc())
    ).all()


def issuer_or_none(session: Session, *, municipality_id: int, day: date) -> Issuer | None:
    """Who stands on papers of a civil day."""
    return session.scalar(
        sa.select(Issuer)
        .where(Issuer.municipality_id == municipality_id, Issuer.valid_from <= day)
        .order_by(Issuer.valid_from.desc())
        .limit(1)
    )


def require_issuer(session: Session, *, municipality_id: int, day: date) -> Issuer:
    """Who stands on papers of a civil day.

    Raises:
        NoIssuer: nobody does.
    """
    found = issuer_or_none(session, municipality_id=municipality_id, day=day)
    if found is None:
        raise NoIssuer(str(day))
    return found


def set_issuer(
    session: Session, *, actor: Actor, valid_from: date, words: IssuerWords, now: datetime
) -> Issuer:
    """Write who stands on papers from a day on; the same day again replaces it.

    Papers that were issued keep what they say.

    Raises:
        BadInput: a text is missing or too long, or the day lies before the issuer that counts today.
    """
    _require_sensible(words)
    standing = issuer_or_none(session, municipality_id=actor.municipality_id, day=civil_day(now))
    if standing is not None and valid_from < standing.valid_from:
        raise BadInput("valid_from", sentence="いまの設定が始まった日より前には、さかのぼれません。")
    row = session.get(Issuer, (actor.municipality_id, valid_from), with_for_update=True)
    if row is None:
        row = Issuer(municipality_id=actor.municipality_id, valid_from=valid_from)
        session.add(row)
    row.name, row.department = words.name, words.department
    row.address, row.telephone = words.address, words.telephone
    row.registration_number = words.registration_number
    row.permit_conditions = words.permit_conditions
    session.flush()
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act="issuer.set",
        subject=valid_from.isoformat(),
        detail={"name": words.name, "registration_number": words.registration_number},
        now=now,
    )
    return row


def _require_sensible(words: IssuerWords) -> None:
    for field, most in LENGTHS.items():
        text = getattr(words, field)
        if not is_one_line(text, most=most):
            raise BadInput(field, sentence=f"{WORDS[field]}を1行、{most}字までで入力してください。")
    conditions = [line for line in words.permit_conditions.splitlines() if line]
    if len(conditions) > MAX_CONDITIONS or not all(
        is_one_line(line, most=MAX_CONDITION) for line in conditions
    ):
        raise BadInput(
            "permit_conditions",
            sentence=f"使用の条件は1行{MAX_CONDITION}字まで、{MAX_CONDITIONS}行までで入力してください。",
        )
