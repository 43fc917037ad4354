"""Managers change the tables by new rows, from today or a day to come; what was in force stays written."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees.models import FeeFactor, FeeRate, FeeTerms, ReliefRate
from booking.people.signed_in import Actor
from booking.places.models import Municipality
from core import audit
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused


class InForceAlready(Refused):
    """Another value of the same kind is in force from that day on, and what was in force is not rewritten."""

    code = "in_force_already"
    sentence = "その日からの値は、すでに有効です。明日からあとの日を指定してください。"


@dataclass(frozen=True, slots=True)
class RateWanted:
    """A rate as it is to be; `fees/models.py` explains each."""

    space_kind: str
    size: str
    item: str
    yen_per_hour: int
    valid_from: date
    unit: str = "hour"
    from_minute: int = 0
    until_minute: int = 1440
    months: int = 0b1111_1111_1111
    step_minutes: int = 60


@dataclass(frozen=True, slots=True)
class TermsWanted:
    """Rounding and tax as they are to be."""

    round_to_yen: int
    rounding: str
    tax_percent: int
    is_tax_included: bool


def add_rate(session: Session, *, actor: Actor, wanted: RateWanted, now: datetime) -> FeeRate:
    """Another rate from its day on; the same one again is the same row.

    Raises:
        NotThere: the actor is no manager.
        BadInput: its first day is over, or its hours or season are empty.
    """
    _begin(session, actor, wanted.valid_from, now=now)
    if not 0 <= wanted.from_minute < wanted.until_minute <= 1440:
        raise BadInput("hours", sentence="時間帯のおわりは、はじまりより後にしてください。")
    if not 0 < wanted.months < 1 << 12:
        raise BadInput("months", sentence="季節の月を一つ以上選んでください。")
    values = {"municipality_id": actor.municipality_id, **asdict(wanted)}
    same = session.scalar(
        sa.select(FeeRate).filter_by(**values, valid_until=None).order_by(FeeRate.id).limit(1)
    )
    if same is not None:
        return same
    rate = FeeRate(**values)
    session.add(rate)
    _record(session, actor, "fees.rate", wanted.item, _plain(asdict(wanted)), now=now)
    return rate


def end_item(
    session: Session, *, actor: Actor, space_kind: str, size: str, item: str, day: date, now: datetime
) -> int:
    """Charge an item no more from a day on, in any season; how many rows that ended. Again: none.

    Rows that have not begun by then never will. Another rate may begin later.

    Raises:
        NotThere: the actor is no manager, or nothing of it is on the table then.
        BadInput: the day is over.
    """
    _begin(session, actor, day, now=now)
    rows = session.scalars(
        sa.select(FeeRate)
        .filter_by(municipality_id=actor.municipality_id, space_kind=space_kind, size=size, item=item)
        .order_by(FeeRate.id)
    ).all()
    if not rows:
        raise NotThere(f"{space_kind} {size} {item}")
    ending = [row for row in rows if _is_on_table(row, day)]
    for row in ending:
        row.valid_until = max(day, row.valid_from)
    if ending:
        detail = {"space_kind": space_kind, "size": size, "day": day.isoformat()}
        _record(session, actor, "fees.end", item, detail, now=now)
    return len(ending)


def set_factor(
    session: Session, *, actor: Actor, kind: str, item: str, percent: int, valid_from: date, now: datetime
) -> None:
    """A factor on an item from a day on; 100 takes it off.

    Raises:
        NotThere: the actor is no manager.
        BadInput: the day is over, or it would make anything cheaper.
        InForceAlready: another value is in force from that very day on.
    """
    if percent < 100:
        raise BadInput("percent", sentence="割増は100%以上で入力してください。")
    key = {"kind": kind, "item": item}
    _put(session, actor, FeeFactor, key, {"percent": percent}, valid_from, "fees.factor", now=now)


def set_relief(
    session: Session, *, actor: Actor, category: str, item: str, percent: int, valid_from: date, now: datetime
) -> None:
    """What a class of groups is let off an item from a day on.

    Raises:
        NotThere, BadInput, InForceAlready: as `set_factor`.
    """
    if not 0 <= percent <= 100:
        raise BadInput("percent", sentence="減免は0から100までの数で入力してください。")
    key = {"category": category, "item": item}
    _put(session, actor, ReliefRate, key, {"percent": percent}, valid_from, "fees.relief", now=now)


def set_terms(session: Session, *, actor: Actor, terms: TermsWanted, valid_from: date, now: datetime) -> None:
    """How fees are rounded and taxed from a day on.

    Raises:
        NotThere, BadInput, InForceAlready: as `set_factor`.
    """
    _put(session, actor, FeeTerms, {}, asdict(terms), valid_from, "fees.terms", now=now)


def _put(
    session: Session,
    actor: Actor,
    model: type[FeeFactor] | type[FeeTerms] | type[ReliefRate],
    key: dict[str, str],
    values: dict[str, Any],
    valid_from: date,
    act: str,
    *,
    now: datetime,
) -> None:
    """A row of a table that has one a day; one that has not begun may still be put right."""
    _begin(session, actor, valid_from, now=now)
    identity = {"municipality_id": actor.municipality_id, **key, "valid_from": valid_from}
    found = session.get(model, identity)
    detail: dict[str, Any] = {**key, "valid_from": valid_from, **values}
    if found is None:
        session.add(model(**identity, **values))
    else:
        before = {name: getattr(found, name) for name in values}
        if before == values:
            return
        if valid_from <= civil_day(now):
            raise InForceAlready()
        for name, value in values.items():
            setattr(found, name, value)
        detail["before"] = before
    _record(session, actor, act, key.get("item", "terms"), _plain(detail), now=now)


def _begin(session: Session, actor: Actor, day: date, *, now: datetime) -> None:
    """Two managers one after the other, and nobody in the past."""
    if not actor.is_manager:
        raise NotThere("fees")
    if day < civil_day(now):
        raise BadInput(
            "valid_from", sentence="今日からあとの日を指定してください。過去の料金は変えられません。"
        )
    session.execute(
        sa.select(Municipality.id).where(Municipality.id == actor.municipality_id).with_for_update()
    )


def _is_on_table(row: FeeRate, day: date) -> bool:
    until = row.valid_until
    return until is None or (until > day and until > row.valid_from)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, date) else v for name, v in values.items()}


def _record(
    session: Session, actor: Actor, act: str, subject: str, detail: dict[str, Any], *, now: datetime
) -> None:
    session.flush()
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=subject,
        detail=detail,
        now=now,
    )
