"""What staff may order of one door until a time: that it stays open, or that it rests."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.errors import BadInput
from locks.modes import orders
from locks.modes.orders import Mode, Why

LONGEST_HOLD_OPEN = timedelta(hours=16)
"""From opening up to the last group: a door that is forgotten open is shut before the next morning."""

LONGEST_REST = timedelta(days=92)
"""As long as a closure."""


def hold_open(
    session: Session,
    *,
    municipality_id: int,
    access_point_id: int,
    until: datetime,
    actor: str,
    now: datetime,
) -> None:
    """Keep a door open from the lock's next contact until an instant, 16 hours from now at most.

    A newer word replaces the one that lasts; the same word twice is one.

    Raises:
        NotThere: no such access point of the municipality.
        BadInput: the instant is over, or too far.
    """
    if not now < until <= now + LONGEST_HOLD_OPEN:
        hours = int(LONGEST_HOLD_OPEN.total_seconds() // 3600)
        raise BadInput("until", sentence=f"いまから{hours}時間以内の時刻を選んでください。")
    _say_anew(
        session, municipality_id, access_point_id, Mode.PASSAGE, Why.HOLD_OPEN, until, actor=actor, now=now
    )


def rest(
    session: Session,
    *,
    municipality_id: int,
    access_point_id: int,
    until: datetime,
    actor: str,
    now: datetime,
) -> None:
    """Let a door rest until an instant, 92 days from now at most: holders' codes are off, nothing is sold.

    A newer word replaces the one that lasts; the same word twice is one.

    Raises:
        NotThere: no such access point of the municipality.
        BadInput: the instant is over, or too far.
        StillSold: a code that is sold would be refused.
    """
    if not now < until <= now + LONGEST_REST:
        raise BadInput("until", sentence=f"今日から{LONGEST_REST.days}日以内の日を選んでください。")
    _say_anew(
        session, municipality_id, access_point_id, Mode.VACATION, Why.VACATION, until, actor=actor, now=now
    )


def _say_anew(
    session: Session,
    municipality_id: int,
    access_point_id: int,
    mode: Mode,
    why: Why,
    until: datetime,
    *,
    actor: str,
    now: datetime,
) -> None:
    points = [access_point_id]
    lasting = orders.held(session, municipality_id, points, why, "", now=now)
    if [one.until_at for one in lasting] == [until]:
        return
    orders.end_these(session, lasting, actor=actor, now=now)
    orders.order(
        session,
        municipality_id=municipality_id,
        access_point_ids=points,
        mode=mode,
        why=why,
        subject="",
        until=until,
        actor=actor,
        now=now,
    )
