"""Many courts over many days as bit masks, folded by the database: 60 courts × 31 days in one statement.

Bit i of a mask is the half hour from i * 30 minutes after midnight in Asia/Tokyo; 48 bits a day.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from booking.places.entries import GRANULES_A_DAY
from core.clock import start_of_day
from core.window import granule_of

_BIT = "(1 << ((granule - :first) % 48))"

_MASKS = {
    # The primary key makes each bit come once, so that a sum is a bitwise or.
    "sqlite": f"""
        SELECT court_id, (granule - :first) / 48 AS day, sum({_BIT}) AS taken,
            sum(CASE WHEN closure_id IS NULL THEN 0 ELSE {_BIT} END) AS closed
        FROM claim
        WHERE municipality_id = :municipality_id AND court_id IN (SELECT value FROM json_each(:courts))
            AND granule >= :first AND granule < :last
        GROUP BY 1, 2
    """,  # noqa: S608
    "postgresql": """
        SELECT court_id, (granule - :first) / 48 AS day,
            bit_or(1::bigint << ((granule - :first) % 48)) AS taken,
            coalesce(bit_or(1::bigint << ((granule - :first) % 48))
                FILTER (WHERE closure_id IS NOT NULL), 0) AS closed
        FROM claim
        WHERE municipality_id = :municipality_id AND court_id = ANY(:courts)
            AND granule >= :first AND granule < :last
        GROUP BY 1, 2
    """,
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Per court a mask a day. `closed` is a part of `taken`."""

    taken: dict[int, list[int]]
    closed: dict[int, list[int]]


def grid(
    session: Session, *, municipality_id: int, court_ids: Collection[int], first_day: date, days: int
) -> Grid:
    """What is claimed, and which part of it by closures; every asked court has `days` masks."""
    begin = granule_of(start_of_day(first_day))
    ordered = sorted(set(court_ids))
    taken = {court: [0] * days for court in ordered}
    closed = {court: [0] * days for court in ordered}
    dialect = session.get_bind().dialect.name
    rows = session.execute(
        _STATEMENTS[dialect],
        {
            "municipality_id": municipality_id,
            "courts": ordered if dialect == "postgresql" else str(ordered),
            "first": begin,
            "last": begin + days * GRANULES_A_DAY,
        },
    )
    for court, day, taken_mask, closed_mask in rows:
        taken[court][day] = taken_mask
        closed[court][day] = closed_mask
    return Grid(taken, closed)


def masks(
    session: Session, *, municipality_id: int, court_ids: Collection[int], first_day: date, days: int
) -> dict[int, list[int]]:
    """What is not to be had, by whomever: `grid(...).taken`."""
    return grid(
        session, municipality_id=municipality_id, court_ids=court_ids, first_day=first_day, days=days
    ).taken


_STATEMENTS = {
    "sqlite": sa.text(_MASKS["sqlite"]),
    "postgresql": sa.text(_MASKS["postgresql"]).bindparams(
        sa.bindparam("courts", type_=ARRAY(sa.Integer)),
        sa.bindparam("first", type_=sa.Integer),
    ),
}
