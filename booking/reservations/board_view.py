"""The day's board as a screen shows it: each state in words, a tone beside it, and the day as a timetable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from booking.places.entries import Catalogue
from booking.reservations.models import State
from booking.reservations.queries import ReservationLine
from core.clock import civil_day, start_of_day
from locks.standing import DoorStanding, Standing, worst

_STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.ON_THE_LOCK: ("電子錠に登録済み", "good"),
    Standing.DERIVABLE: ("使えます(電子錠が照合)", "good"),
    Standing.PENDING: ("電子錠への登録待ち", "wait"),
    Standing.CALL_US: ("電子錠と通信できません", "bad"),
    Standing.REVOCATION_PENDING: ("取消しを電子錠に伝えています", "wait"),
    Standing.GONE: ("失効済み", "quiet"),
}

WITH_CODES = (State.CONFIRMED, State.USED, State.CANCELLED, State.REVOKED)
_TAKEN_BACK = (State.CANCELLED, State.REVOKED)

_LEFT, _WIDTH, _TOP, _ROW = 300, 1200, 20, 26


@dataclass(frozen=True, slots=True)
class BoardDoor:
    """What is true of a reservation's code at one access point, in words."""

    name: str
    words: str
    tone: str
    last_contact_at: datetime | None


@dataclass(frozen=True, slots=True)
class BoardLine:
    """A reservation and its words."""

    of: ReservationLine
    state: str
    state_tone: str
    standing: str
    """Of its code; empty where it has none."""
    standing_tone: str
    is_running: bool
    doors: tuple[BoardDoor, ...] = ()
    """Each access point by itself, where there are several."""


@dataclass(frozen=True, slots=True)
class BoardFacility:
    """A facility's reservations of the day, by start."""

    id: int
    name: str
    lines: tuple[BoardLine, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A reservation in the timetable, in drawing units."""

    x: float
    y: float
    width: float
    height: float
    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class CourtRow:
    """A court's line in the timetable; the facility's name stands before its first."""

    y: float
    facility: str
    court: str


@dataclass(frozen=True, slots=True)
class Hour:
    """A vertical line of the timetable."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The timetable: courts downward, hours to the right."""

    rows: tuple[CourtRow, ...]
    hours: tuple[Hour, ...]
    bars: tuple[Bar, ...]
    height: float
    now_x: float | None
    width: int = _WIDTH
    left: int = _LEFT
    row_height: int = _ROW


@dataclass(frozen=True, slots=True)
class Board:
    """A day's reservations."""

    day: date
    is_today: bool
    facilities: tuple[BoardFacility, ...]
    timeline: Timeline | None
    still_open: tuple[BoardLine, ...] = ()
    """Taken back, but some lock has not confirmed that yet."""

    @property
    def lines(self) -> list[BoardLine]:
        """All reservations."""
        return [line for facility in self.facilities for line in facility.lines]

    @property
    def opened(self) -> int:
        """How many have been opened with their code."""
        return sum(line.of.first_opened_at is not None for line in self.lines)

    @property
    def before(self) -> date:
        """The day before."""
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        """The day after."""
        return self.day + timedelta(days=1)


def board_of(
    lines: Sequence[ReservationLine],
    standings: Mapping[UUID, Sequence[DoorStanding]],
    places: Catalogue,
    *,
    day: date,
    now: datetime,
) -> Board:
    """The board of a day from its reservations, ordered by facility, and where their codes stand."""
    present = [line for line in lines if line.state not in _TAKEN_BACK]
    facilities = tuple(
        BoardFacility(id_, name, tuple(_line(line, standings.get(line.id, ()), now) for line in group))
        for (id_, name), group in groupby(present, key=lambda line: (line.facility_id, line.facility_name))
    )
    still_open = tuple(
        _line(line, standings[line.id], now)
        for line in lines
        if line.state in _TAKEN_BACK
        and any(door.standing is Standing.REVOCATION_PENDING for door in standings.get(line.id, ()))
    )
    return Board(day, day == civil_day(now), facilities, _timeline(facilities, places, day, now), still_open)


def _line(line: ReservationLine, doors: Sequence[DoorStanding], now: datetime) -> BoardLine:
    state, tone = _state(line, now)
    words, standing_tone = ("", "quiet")
    if doors:
        words, standing_tone = _STANDINGS[worst(door.standing for door in doors)]
    elif line.state in (State.CONFIRMED, State.USED):
        words = "鍵は職員がお渡し"
    is_running = line.window.starts_at <= now < line.window.ends_at
    each = tuple(
        BoardDoor(
            door.access_point_name.removeprefix(f"{line.facility_name} "),
            *_STANDINGS[door.standing],
            door.last_contact_at,
        )
        for door in doors
    )
    return BoardLine(line, state, tone, words, standing_tone, is_running, each if len(each) > 1 else ())


def _state(line: ReservationLine, now: datetime) -> tuple[str, str]:
    if line.state in _TAKEN_BACK:
        return ("取消し済み" if line.state is State.CANCELLED else "利用中止"), "quiet"
    if line.state is State.REQUESTED:
        return "承認待ち", "wait"
    if line.state is State.HELD:
        return "支払い待ち", "wait"
    if line.state is State.NO_SHOW:
        return "利用なし", "bad"
    is_over = line.window.ends_at <= now
    if line.state is State.USED:
        return ("利用済み", "good") if is_over else ("利用中", "good")
    if is_over:
        return "報告待ち", "quiet"
    return ("予約確定(時間中)", "key") if line.window.starts_at <= now else ("予約確定", "key")


def _timeline(
    facilities: Sequence[BoardFacility], places: Catalogue, day: date, now: datetime
) -> Timeline | None:
    lines = [line for facility in facilities for line in facility.lines]
    if not lines:
        return None
    midnight = start_of_day(day)
    first = int((min(line.of.window.starts_at for line in lines) - midnight) / timedelta(hours=1))
    last = -int(-(max(line.of.window.ends_at for line in lines) - midnight) // timedelta(hours=1))
    first, last = min(first, 8), max(last, 22)
    unit = (_WIDTH - _LEFT - 12) / (last - first)

    def x_of(instant: datetime) -> float:
        return _LEFT + ((instant - midnight) / timedelta(hours=1) - first) * unit

    rows: list[CourtRow] = []
    bars: list[Bar] = []
    for facility in facilities:
        row_of = _add_rows(rows, facility, places, day)
        for line in facility.lines:
            numbers = [row_of[court] for court in line.of.offering.courts]
            x = x_of(line.of.window.starts_at)
            bars.append(
                Bar(
                    x=round(x, 1),
                    y=_TOP + min(numbers) * _ROW,
                    width=round(x_of(line.of.window.ends_at) - x, 1),
                    height=(max(numbers) - min(numbers) + 1) * _ROW,
                    words=line.of.group_name,
                    tone=line.state_tone,
                )
            )
    return Timeline(
        rows=tuple(rows),
        hours=tuple(
            Hour(round(_LEFT + (hour - first) * unit, 1), f"{hour}") for hour in range(first, last + 1)
        ),
        bars=tuple(bars),
        height=_TOP + len(rows) * _ROW + 1,
        now_x=round(x_of(now), 1)
        if midnight <= now and first <= (now - midnight) / timedelta(hours=1) < last
        else None,
    )


def _add_rows(rows: list[CourtRow], facility: BoardFacility, places: Catalogue, day: date) -> dict[int, int]:
    """A line for each court of each space that has a reservation; which line each court got."""
    wanted = {line.of.offering.space_id for line in facility.lines}
    row_of: dict[int, int] = {}
    for space in places.facility(facility.id, on=day).spaces:
        if space.id not in wanted:
            continue
        for court in space.courts:
            name = facility.name if not row_of else ""
            row_of[court.id] = len(rows)
            words = f"{space.name} {court.name}" if len(space.courts) > 1 else space.name
            rows.append(CourtRow(_TOP + len(rows) * _ROW, name, words))
    return row_of
