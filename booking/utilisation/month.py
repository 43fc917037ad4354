"""Utilisation of a month: used / openable slots per facility and day, folded from claims in one statement.

A slot is a band of a court and counts by the court's share of its space: a half court 0.5. The denominator
leaves out slots that closures have (reported beside it); the numerator is what was used, not merely booked.

Source: field.md 6.
"""

import calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.places.catalogue import catalogue
from booking.places.entries import GRANULES_A_DAY, Catalogue, FacilityEntry
from booking.places.models import DayKind, SpaceKind
from booking.reservations.models import State
from core.clock import civil_day, start_of_day
from core.window import granule_of


@dataclass(frozen=True, slots=True)
class Slots:
    """Sums of shares. `openable` leaves out `closed`; `used` is a part of `booked`."""

    openable: float = 0.0
    closed: float = 0.0
    booked: float = 0.0
    used: float = 0.0

    @property
    def used_rate(self) -> float | None:
        """0 to 1; None where nothing was openable."""
        return self.used / self.openable if self.openable else None

    @property
    def booked_rate(self) -> float | None:
        """0 to 1; None where nothing was openable."""
        return self.booked / self.openable if self.openable else None

    def __add__(self, other: "Slots") -> "Slots":
        return Slots(
            self.openable + other.openable,
            self.closed + other.closed,
            self.booked + other.booked,
            self.used + other.used,
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """A facility on a day."""

    day: date
    slots: Slots
    is_over: bool
    """Whether the day has ended; before that its used-rate is not final."""


@dataclass(frozen=True, slots=True)
class Row:
    """A facility over the month."""

    facility_id: int
    name: str
    cells: tuple[Cell, ...]
    total: Slots


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Facilities in order, each with a cell a day; `total` over all of them."""

    first: date
    days: tuple[tuple[date, DayKind, str | None], ...]
    rows: tuple[Row, ...]
    total: Slots


@dataclass(frozen=True, slots=True)
class _Masks:
    """Bit i: the half hour from i * 30 minutes after midnight."""

    booked: int = 0
    used: int = 0
    closed: int = 0


_NOTHING = _Masks()
_BOOKED = (State.CONFIRMED, State.USED, State.NO_SHOW)


def heatmap(
    session: Session,
    *,
    municipality_id: int,
    first: date,
    now: datetime,
    space_kinds: frozenset[SpaceKind] | None = None,
) -> Heatmap:
    """The month that holds `first`, over all kinds of space or some; two statements, however many rows.

    A facility without a space of these kinds has no row.
    """
    places = catalogue(session, municipality_id)
    first = first.replace(day=1)
    days = [first + timedelta(days=n) for n in range(calendar.monthrange(first.year, first.month)[1])]
    masks = _masks(session, municipality_id, first, len(days))
    today = civil_day(now)
    rows = []
    for facility in places.facilities(days[-1]):
        if space_kinds is not None and not any(space.kind in space_kinds for space in facility.spaces):
            continue
        cells = tuple(
            Cell(day, _slots(places, facility, day, number, masks, space_kinds), is_over=day < today)
            for number, day in enumerate(days)
        )
        total = sum((cell.slots for cell in cells), Slots())
        rows.append(Row(facility.id, facility.name, cells, total))
    return Heatmap(
        first=first,
        days=tuple((day, places.day_kind(day), places.day_name(day)) for day in days),
        rows=tuple(rows),
        total=sum((row.total for row in rows), Slots()),
    )


def _slots(
    places: Catalogue,
    facility: FacilityEntry,
    day: date,
    number: int,
    masks: dict[tuple[int, int], _Masks],
    space_kinds: frozenset[SpaceKind] | None,
) -> Slots:
    midnight = granule_of(start_of_day(day))
    sums: dict[str, float] = defaultdict(float)
    for space in facility.spaces:
        if space_kinds is not None and space.kind not in space_kinds:
            continue
        bits = [
            ((1 << band.length) - 1) << (band.first - midnight)
            for band in places.space_bands(space.id, facility.id, day)
        ]
        for court in space.courts:
            had = masks.get((court.id, number), _NOTHING)
            for bit in bits:
                if had.closed & bit:
                    sums["closed"] += court.share
                    continue
                sums["openable"] += court.share
                # A reservation has whole bands, so that any half hour of one speaks for it.
                sums["booked"] += court.share * bool(had.booked & bit)
                sums["used"] += court.share * bool(had.used & bit)
    return Slots(**sums)


def _masks(session: Session, municipality_id: int, first: date, days: int) -> dict[tuple[int, int], _Masks]:
    begin = granule_of(start_of_day(first))
    rows = session.execute(
        _STATEMENTS[session.get_bind().dialect.name],
        {
            "municipality_id": municipality_id,
            "first": begin,
            "last": begin + days * GRANULES_A_DAY,
        },
    )
    return {(court, day): _Masks(booked, used, closed) for court, day, booked, used, closed in rows}


def _statement(bit: str, fold: str) -> sa.TextClause:
    booked = ", ".join(f"'{state}'" for state in _BOOKED)
    return sa.text(
        f"""
        SELECT c.court_id, (c.granule - :first) / 48 AS day,
            {fold}(CASE WHEN r.state IN ({booked}) THEN {bit} ELSE 0 END) AS booked,
            {fold}(CASE WHEN r.state = '{State.USED}' THEN {bit} ELSE 0 END) AS used,
            {fold}(CASE WHEN c.closure_id IS NOT NULL THEN {bit} ELSE 0 END) AS closed
        FROM claim c LEFT JOIN reservation r ON r.id = c.reservation_id
        WHERE c.municipality_id = :municipality_id AND c.granule >= :first AND c.granule < :last
        GROUP BY 1, 2
        """  # noqa: S608 - only our own words
    ).bindparams(sa.bindparam("first", type_=sa.Integer))


_STATEMENTS = {
    # The primary key makes each bit come once, so that a sum is a bitwise or.
    "sqlite": _statement("(1 << ((c.granule - :first) % 48))", "sum"),
    "postgresql": _statement("(1::bigint << ((c.granule - :first) % 48))", "bit_or"),
}
