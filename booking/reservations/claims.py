"""The rows that decide who has a court: taken in one statement, sorted, never by looking first.

`INSERT … SELECT … ON CONFLICT DO NOTHING RETURNING`: the primary key is the referee, fewer rows back than
asked means that somebody else has a part. The same on SQLite and PostgreSQL.

Source: design.md 4 (claims), performance.md A1.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from booking.people.models import Group
from booking.reservations.models import Claim, Reservation
from booking.reservations.refusals import ZeroFeeLimit
from booking.reservations.states import UNSETTLED
from core.database import UtcDateTime
from core.errors import NotThere
from core.window import Window
from payments.states import Method

MAX_FREE_PER_START = 2
"""Free or postpaid reservations that a group may have of one start (lock protocol 6):
each uses up a revision."""

_UNSETTLED = ", ".join(f"'{state}'" for state in sorted(UNSETTLED))

_SOURCE = {
    "sqlite": """(SELECT c.value AS court, g.value AS granule
        FROM json_each(:courts) c, json_each(:granules) g) w""",
    "postgresql": "(SELECT c AS court, g AS granule FROM unnest(:courts) c, unnest(:granules) g) w",
}

_TAKE = """
INSERT INTO claim (municipality_id, court_id, granule, reservation_id, closure_id)
SELECT :municipality_id, w.court, w.granule, {owner}
FROM {source}
WHERE {condition}
ORDER BY w.court, w.granule
ON CONFLICT DO NOTHING
RETURNING court_id
"""

_HAS_ROOM = f"""
(SELECT count(*) FROM reservation r WHERE r.group_id = :group_id AND r.state IN ({_UNSETTLED})) < :max_holds
AND (:amount_yen > 0 OR (
    SELECT count(*) FROM reservation r
    WHERE r.group_id = :group_id AND r.starts_at = :starts_at
        AND (r.amount_yen = 0 OR r.pays_by = 'invoice') AND r.permit_number IS NOT NULL
) < :max_free)
AND NOT EXISTS (
    SELECT 1 FROM reservation r WHERE r.group_id = :group_id AND r.request_key = :request_key
)
"""  # noqa: S608
"""Asked in the statement that takes, after the group's row is locked: two taps at once cannot both pass."""


def _statement(dialect: str, owner: str, condition: str) -> sa.TextClause:
    text = sa.text(_TAKE.format(owner=owner, source=_SOURCE[dialect], condition=condition))
    binds: list[sa.BindParameter[Any]] = [sa.bindparam("municipality_id", type_=sa.Integer)]
    if ":owner" in owner:
        owner_type: Any = sa.Uuid() if owner.startswith(":") else sa.Integer()
        binds.append(sa.bindparam("owner", type_=owner_type))
    if dialect == "postgresql":
        binds += [sa.bindparam(name, type_=ARRAY(sa.Integer)) for name in ("courts", "granules")]
    if ":group_id" in condition:
        binds += [
            sa.bindparam("group_id", type_=sa.Uuid()),
            sa.bindparam("starts_at", type_=UtcDateTime()),
            sa.bindparam("amount_yen", type_=sa.Integer()),
        ]
    return text.bindparams(*binds)


_FOR_RESERVATION, _FOR_CLOSURE = ":owner, NULL", "NULL, :owner"
_NEW = {dialect: _statement(dialect, _FOR_RESERVATION, _HAS_ROOM) for dialect in _SOURCE}
_AGAIN = {dialect: _statement(dialect, _FOR_RESERVATION, "1 = 1") for dialect in _SOURCE}
_CLOSE = {dialect: _statement(dialect, _FOR_CLOSURE, "1 = 1") for dialect in _SOURCE}


def take_new(
    session: Session,
    *,
    municipality_id: int,
    courts: Sequence[int],
    window: Window,
    reservation_id: UUID,
    group_id: UUID,
    request_key: str,
    amount_yen: int,
    max_holds: int,
) -> bool:
    """Take a new reservation's claims before it is inserted itself; True where it has them all.

    `amount_yen`: what is to be paid before it is confirmed; nothing where it is paid by invoice.

    False: a part is somebody else's, the group is at its limit, or the key was used already. What was taken
    of it is undone by the caller's rollback.
    """
    taken = _take(
        session,
        _NEW,
        courts,
        window,
        {
            "municipality_id": municipality_id,
            "owner": reservation_id,
            "group_id": group_id,
            "request_key": request_key,
            "amount_yen": amount_yen,
            "starts_at": window.starts_at,
            "max_holds": max_holds,
            "max_free": MAX_FREE_PER_START,
        },
    )
    return taken == len(courts) * len(window.granules)


def require_free_one(session: Session, *, group_id: UUID, starts_at: datetime) -> None:
    """Refuse one more free reservation of a start than a group may have; the group's row stays locked.

    Raises:
        ZeroFeeLimit: it has had as many, given up or not.
    """
    session.execute(sa.select(Group.id).where(Group.id == group_id).with_for_update(key_share=True))
    had = session.scalar(
        sa.select(sa.func.count())
        .select_from(Reservation)
        .where(
            Reservation.group_id == group_id,
            Reservation.starts_at == starts_at,
            sa.or_(Reservation.amount_yen == 0, Reservation.pays_by == Method.INVOICE),
            Reservation.permit_number.is_not(None),
        )
    )
    if (had or 0) >= MAX_FREE_PER_START:
        raise ZeroFeeLimit()


def take_again(session: Session, reservation: Reservation, courts: Sequence[int]) -> bool:
    """Take the claims of a reservation that had lost them, all or none of them."""
    window = Window(reservation.starts_at, reservation.ends_at)
    parameters = {"municipality_id": reservation.municipality_id, "owner": reservation.id}
    with session.begin_nested() as savepoint:
        if _take(session, _AGAIN, courts, window, parameters) == len(courts) * len(window.granules):
            return True
        savepoint.rollback()
    return False


def take_for_closure(
    session: Session, *, municipality_id: int, courts: Sequence[int], window: Window, closure_id: int
) -> int:
    """Take for a closure whatever of its granules is free; how many that were."""
    return _take(session, _CLOSE, courts, window, {"municipality_id": municipality_id, "owner": closure_id})


def free(session: Session, reservation: Reservation) -> None:
    """Give a reservation's claims back."""
    session.execute(sa.delete(Claim).where(Claim.reservation_id == reservation.id))


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in the way of a group's new reservation, as of one statement."""

    same: UUID | None
    """The reservation that the group already made with this request key."""
    holds: int
    free_ones: int
    taken: int
    closed: int


_LOOK = f"""
SELECT
    (SELECT r.id FROM reservation r WHERE r.group_id = g.id AND r.request_key = :request_key) AS same,
    (SELECT count(*) FROM reservation r WHERE r.group_id = g.id AND r.state IN ({_UNSETTLED})) AS holds,
    (SELECT count(*) FROM reservation r WHERE r.group_id = g.id AND r.starts_at = :starts_at
        AND (r.amount_yen = 0 OR r.pays_by = 'invoice') AND r.permit_number IS NOT NULL) AS free_ones,
    (SELECT count(*) FROM claim c WHERE c.municipality_id = :municipality_id AND c.court_id IN {{courts}}
        AND c.granule >= :first AND c.granule < :last) AS taken,
    (SELECT count(*) FROM claim c WHERE c.municipality_id = :municipality_id AND c.court_id IN {{courts}}
        AND c.granule >= :first AND c.granule < :last AND c.closure_id IS NOT NULL) AS closed
FROM user_group g WHERE g.id = :group_id {{lock}}
"""  # noqa: S608


def _look(courts: str, lock: str) -> sa.TextualSelect:
    binds: list[sa.BindParameter[Any]] = [
        sa.bindparam("group_id", type_=sa.Uuid()),
        sa.bindparam("starts_at", type_=UtcDateTime()),
    ]
    if lock:
        binds.append(sa.bindparam("courts", type_=ARRAY(sa.Integer)))
    return (
        sa.text(_LOOK.format(courts=courts, lock=lock))
        .bindparams(*binds)
        .columns(same=sa.Uuid(), holds=sa.Integer, free_ones=sa.Integer, taken=sa.Integer, closed=sa.Integer)
    )


_LOOKS = {
    "sqlite": _look("(SELECT value FROM json_each(:courts))", ""),
    "postgresql": _look("(SELECT unnest(:courts))", "FOR NO KEY UPDATE"),
}


def look(
    session: Session,
    *,
    municipality_id: int,
    courts: Sequence[int],
    window: Window,
    group_id: UUID,
    request_key: str,
) -> Look:
    """Lock the group, so that its reservations are made one after another, and look what stands in the way.

    A look decides nothing: it spares losers the rest, and says why once `take_new` has failed.

    Raises:
        NotThere: no such group.
    """
    dialect = session.get_bind().dialect.name
    row = session.execute(
        _LOOKS[dialect],
        {
            "municipality_id": municipality_id,
            "courts": list(courts) if dialect == "postgresql" else _json(courts),
            "first": window.granules.start,
            "last": window.granules.stop,
            "group_id": group_id,
            "starts_at": window.starts_at,
            "request_key": request_key,
        },
    ).first()
    if row is None:
        raise NotThere(f"group {group_id}")
    return Look(row.same, row.holds, row.free_ones, row.taken, row.closed)


def _take(
    session: Session,
    statements: dict[str, sa.TextClause],
    courts: Sequence[int],
    window: Window,
    parameters: dict[str, object],
) -> int:
    dialect = session.get_bind().dialect.name
    # PostgreSQL has arrays, SQLite unfolds JSON: either way one text, so that the statement stays prepared.
    as_list = list if dialect == "postgresql" else _json
    parameters = {**parameters, "courts": as_list(courts), "granules": as_list(window.granules)}
    return len(session.execute(statements[dialect], parameters).all())


def _json(numbers: Sequence[int]) -> str:
    return json.dumps(list(numbers))
