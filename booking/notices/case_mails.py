"""Cases at the money desk, told to the managers by mail: what is new, and what nobody has done in time.

Gathered into one mail, at most one an hour; an overdue case is told again once a day. A mail names kinds,
sums and due times, and leads to the list: no names, no codes, nothing of a resident.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.money_desk.case_words import URGENT, words_of
from booking.notices import mail, staff
from core.clock import TOKYO
from core.owed import Owed
from payments.case_models import Case

TEMPLATE = "money_case"
GATHERED_FOR = timedelta(minutes=5)
"""So long after the newest a mail waits for more of them."""
_GATHERED_AT_MOST = timedelta(minutes=20)
SILENT_FOR = timedelta(hours=1)
TOLD_AGAIN_AFTER = timedelta(days=1)
_LISTED = 20


def tell_due(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Mail every manager what is new and what is overdue; how many cases have been told."""
    rows = session.scalars(
        sa.select(Case)
        .where(
            Case.closed_at.is_(None),
            sa.or_(
                Case.told_at.is_(None),
                sa.and_(Case.next_due_at <= now, Case.told_at < Case.next_due_at),
                sa.and_(Case.next_due_at <= now, Case.told_at <= now - TOLD_AGAIN_AFTER),
            ),
        )
        .order_by(Case.municipality_id, Case.opened_at, Case.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    told = 0
    for municipality_id in sorted({case.municipality_id for case in rows}):
        cases = [case for case in rows if case.municipality_id == municipality_id]
        if _is_gathering(cases, now=now) or _is_silent(session, municipality_id, now=now):
            continue
        _owe_mails(session, municipality_id, cases, now=now)
        for case in cases:
            case.told_at = now
        told += len(cases)
    session.flush()
    return told


def _is_gathering(cases: Sequence[Case], *, now: datetime) -> bool:
    """Whether more may be on their way; what is overdue does not wait for them."""
    new = [case.opened_at for case in cases if case.told_at is None]
    if len(new) < len(cases):
        return False
    return now < min(max(new) + GATHERED_FOR, min(new) + _GATHERED_AT_MOST)


def _is_silent(session: Session, municipality_id: int, *, now: datetime) -> bool:
    found = session.scalar(
        sa.select(Owed.id)
        .where(
            Owed.municipality_id == municipality_id,
            Owed.kind == mail.KIND,
            Owed.key.startswith(f"{TEMPLATE}:", autoescape=True),
            Owed.created_at > now - SILENT_FOR,
        )
        .limit(1)
    )
    return found is not None


def _owe_mails(session: Session, municipality_id: int, cases: Sequence[Case], *, now: datetime) -> None:
    ordered = sorted(cases, key=lambda case: (case.kind not in URGENT, case.next_due_at or now, case.id))
    new = sum(case.told_at is None for case in cases)
    params = {
        "first": words_of(ordered[0].kind).title,
        "count": len(ordered),
        "new": new,
        "overdue": sum(case.next_due_at is not None and case.next_due_at <= now for case in cases),
        "lines": "\n".join(_line(case, now) for case in ordered[:_LISTED]),
        "more": max(0, len(ordered) - _LISTED),
    }
    for account_id, address in staff.managers(session, municipality_id=municipality_id):
        mail.owe_mail(
            session,
            municipality_id=municipality_id,
            to=address,
            template=TEMPLATE,
            params=params,
            key=f"{TEMPLATE}:{ordered[0].id}:{int(now.timestamp())}:{account_id}",
            now=now,
        )


def _line(case: Case, now: datetime) -> str:
    amount = f" {case.amount_yen:,}円" if case.amount_yen is not None else ""
    due_at = case.next_due_at or now
    local = due_at.astimezone(TOKYO)
    late = "【期限切れ】" if due_at <= now else ""
    return f"・{late}{words_of(case.kind).title}{amount} (期限 {local.month}月{local.day}日 {local:%H:%M})"
